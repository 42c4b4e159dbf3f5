"""S4: a spec file is plain values within caps. Whatever else is in it, it is refused, with little work and one message."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.spec.source import MAX_BYTES
from tests.promises.commands import refusal
from tests.sweeps.cli_runs import COMMAND, Result

CPU_S = 2
SMALL = """\
name: small
data: {root: scans}
search: {trials: 1, architectures: {encoder_decoder: {}}}
train: {epochs: 1}
"""
ROOM = MAX_BYTES - 200


def laughs() -> str:
    lines = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines) + "\n" + SMALL


def touching(tag: str) -> str:
    return SMALL.replace("root: scans", f"root: {tag} ")


# Name: what is in the file, and what the message must say.
HOSTILE: dict[str, tuple[Callable[[], str], str]] = {
    "apply": (lambda: touching('!!python/object/apply:os.system ["touch executed"]'), "a YAML tag is refused"),
    "new": (lambda: touching('!!python/object/new:os.system ["touch executed"]'), "a YAML tag is refused"),
    "object": (lambda: touching("!!python/object:pathlib.Path {}"), "a YAML tag is refused"),
    "name": (lambda: touching("!!python/name:os.system"), "a YAML tag is refused"),
    "module": (lambda: touching("!!python/module:os"), "a YAML tag is refused"),
    "tag directive": (
        lambda: '%TAG !p! tag:yaml.org,2002:python/object/apply:\n---\nname: !p!os.system ["touch executed"]\n',
        "a YAML tag is refused",
    ),
    "laughs": (laughs, "aliases"),
    "aliases": (lambda: "a: &a 1\nb: [" + "*a, " * (ROOM // 5) + "]\n", "too many aliases"),
    "alias of itself": (lambda: "a: &a [*a]\n" + SMALL, "aliases"),
    "merge keys": (lambda: "a: &a {<<: *a}\n" + SMALL, ""),
    "deep lists": (lambda: "a: " + "[" * ROOM, "nested too deeply"),
    "deep maps": (lambda: "a: " + "{a: " * (ROOM // 4), "nested too deeply"),
    "deep dashes": (lambda: "- " * (ROOM // 2) + "a", "nested too deeply"),
    "duplicate keys": (lambda: SMALL + "name: other\ndata: {root: elsewhere}\n", "given twice"),
    "many values": (lambda: "a: [" + "1," * (ROOM // 2) + "]\n", "too many values"),
    "much text": (lambda: "# c\n" * ROOM, "too large"),
    "sparse file of 4 GiB": (lambda: "", "too large"),
    "long tag": (lambda: "a: !!" + "x" * ROOM + " 1\n", ""),
    "long anchor": (lambda: "a: &" + "x" * ROOM + " 1\n", ""),
    "many lines in one word": (lambda: "a: b\n" + " c\n" * (ROOM // 3), ""),
    "many lines in a block": (lambda: "a: |\n" + " x\n" * (ROOM // 3), ""),
    "many lines in quotes": (lambda: 'a: "' + "\n\n x" * (ROOM // 4) + '"\n', ""),
    "empty lines": (lambda: "\n" * ROOM, ""),
    "hexadecimal giant": (lambda: SMALL.replace("epochs: 1", "epochs: 0x" + "f" * 9000), "train.epochs"),
    "octal giant": (lambda: SMALL.replace("epochs: 1", "epochs: -0o" + "7" * 9000), "train.epochs"),
    "decimal giant": (lambda: SMALL.replace("epochs: 1", "epochs: " + "9" * 9000), "train.epochs"),
    "giant of seconds": (lambda: SMALL + "trial: {deadline: " + "9" * 400 + "}\n", "trial.deadline"),
    "half a character": (lambda: SMALL + '"\\ud83e": 1\nstages: "\\udd83\\ud800"\n', "half a character"),
    "NUL": (lambda: SMALL.replace("small", '"a\\0b"'), "impossible name"),
    "giant of bytes": (lambda: SMALL + "trial: {memory: 0x" + "f" * 400 + "}\n", "trial.memory"),
}


def run(folder: Path, *words: str) -> Result:
    """Run the command with two seconds of CPU for everything, the start of Python included; more, and the kernel ends it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))

    done = subprocess.run(
        [str(COMMAND), *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120, preexec_fn=limit
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", HOSTILE)
def test_s04_a_hostile_spec_is_refused_in_two_seconds_of_cpu(tmp_path: Path, name: str) -> None:
    make, says = HOSTILE[name]
    path = tmp_path / "spec.yaml"
    path.write_text(make())
    if name.startswith("sparse"):
        with path.open("r+b") as file:
            file.truncate(4 << 30)
    result = run(tmp_path, "spec", "check", "spec.yaml")
    assert result.code == 2, result
    assert "spec.yaml" in refusal(result) and says in result.err
    assert [item.name for item in tmp_path.iterdir()] == ["spec.yaml"]


@pytest.mark.parametrize(
    "name", ["apply", "laughs", "deep lists", "much text", "long tag", "duplicate keys", "octal giant"]
)
def test_s04_run_refuses_it_too_before_anything_is_made(tmp_path: Path, name: str) -> None:
    make, says = HOSTILE[name]
    (tmp_path / "spec.yaml").write_text(make())
    result = run(tmp_path, "run", "spec.yaml")
    assert result.code == 2, result
    assert says in refusal(result)
    assert [item.name for item in tmp_path.iterdir()] == ["spec.yaml"]


@pytest.mark.parametrize("value", ["0x" + "f" * 5000, "[" * 5000, '!!python/object/apply:os.system ["touch executed"]'])
def test_s04_values_from_the_command_line_have_the_same_caps(tmp_path: Path, value: str) -> None:
    (tmp_path / "spec.yaml").write_text(SMALL)
    result = run(tmp_path, "spec", "check", "spec.yaml", "--set", f"train.epochs={value}")
    assert result.code == 2 and "--set" in refusal(result)
    assert [item.name for item in tmp_path.iterdir()] == ["spec.yaml"]


def test_s04_a_sound_spec_passes_under_the_same_limit(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SMALL)
    result = run(tmp_path, "spec", "check", "spec.yaml")
    assert result.code == 0 and "fine" in result.out
