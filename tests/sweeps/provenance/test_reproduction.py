"""`show --repro`: complete, free of secrets, and its commands give the same sweep."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from results.errors import LedgerError
from results.ledger import Ledger
from sweeps.cli.repro import print_reproduction, reproduction, reproduction_text
from sweeps.errors import SweepError
from sweeps.folder import SweepFolder
from sweeps.provenance.code import code_files, code_hash
from sweeps.provenance.packages import versions
from sweeps.provenance.surroundings import environment
from sweeps.spec import LoadedSpec, load_spec, spec_hash, stages_of
from sweeps.spec.space import Space

FIRST_ENV = {
    "schema_version": 1,
    "versions": {"python": "3.11.7", "keras": "3.0.0"},
    "system": "Linux 6.1",
    "machine": "x86_64",
    "cpus": 2,
    "memory_bytes": 25_000_000_000,
}
OVERRIDES = ("search.seed=5", "search.trials=7", "data.root=scans")


def write_sweep(
    folder: SweepFolder, loaded: LoadedSpec, env: dict[str, Any] | None, *, sort_keys: bool = False, **payload: Any
) -> Ledger:
    """A sweep's folder as a run leaves it, without its trials. The ledger is open."""
    folder.path.mkdir(parents=True)
    folder.file("sweep.yaml").write_text(loaded.source_text)
    folder.file("resolved.json").write_text(json.dumps(loaded.resolved(), sort_keys=sort_keys))
    if env is not None:
        folder.file("env.json").write_text(json.dumps(env))
    ledger = Ledger.create(folder.ledger)
    facts = {
        "name": folder.name,
        "objective": [{"metric": "val_dice", "direction": "maximize"}],
        "architectures": list(loaded.resolved()["search"]["architectures"]),
        "trials": 7,
        "hashes": {"spec": spec_hash(loaded.resolved()), "code": code_hash(), "data": "d" * 64, "split": "e" * 16},
        "versions": versions(),
        "code": code_files(),
    }
    ledger.append("sweep", **(facts | payload))
    return ledger


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedSpec:
    monkeypatch.chdir(tmp_path)
    return load_spec("quickstart", OVERRIDES)


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(Path("runs") / "liver")


def commands(document: dict[str, Any]) -> list[list[str]]:
    return [shlex.split(step["command"]) for step in document["steps"] if step["command"]]


def repeated(command: list[str]) -> LoadedSpec:
    """What the `run` command of a record would load."""
    assert command[:2] == ["liversweep", "run"]
    return load_spec(command[2], [command[i + 1] for i, word in enumerate(command) if word == "--set"])


def assert_same_sweep(one: LoadedSpec, other: LoadedSpec) -> None:
    """The same values, and the same order of architectures and dimensions, which decides what is drawn when."""
    assert one.resolved() == other.resolved()
    for stage in stages_of(one.spec):
        spaces = [Space.from_spec(loaded.spec, stage.name) for loaded in (one, other)]
        assert spaces[0] == spaces[1]


@pytest.mark.parametrize("sort_keys", [False, True])
@pytest.mark.parametrize("name", ["quickstart", "study"])
def test_the_command_gives_the_very_same_spec_overrides_included(
    loaded: LoadedSpec, folder: SweepFolder, name: str, sort_keys: bool
) -> None:
    spec = load_spec(name, ["search.seed=5", "data.root=scans"])
    with write_sweep(folder, spec, environment(), sort_keys=sort_keys):
        document = reproduction(folder)
    (command,) = commands(document)
    again = repeated(command)
    assert_same_sweep(again, spec)
    assert sort_keys or again.spec == spec.spec
    assert command[3:5] == ["--name", "liver-2"]
    assert ("--set" in command) == sort_keys


def test_nothing_differs_on_the_same_machine_with_the_same_program(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, environment()):
        document = reproduction(folder)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["seeds"] == {"split": 7, "search": 5, "train": 42, "trials": {}}
    for part in ("versions", "python", "hardware", "variables"):
        assert [row for row in document[part] if row["differs"]] == []
    assert document["code"]["differs"] is False and document["packages"]["differences"] == []
    assert document["fingerprints"]["spec"] == spec_hash(loaded.resolved())
    assert "\n* " not in reproduction_text(document)


def test_what_differs_is_marked_and_the_steps_undo_it(
    loaded: LoadedSpec, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_DETERMINISTIC_OPS", "1")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    env = environment()
    env["variables"] = {"XLA_FLAGS": "--a b"}
    env["git"]["program"] = {"commit": "c" * 40, "branch": "main", "dirty": True}
    env["packages"] = ["numpy==1.0", *(line for line in env["packages"] if not line.startswith("numpy="))]
    env["cpu"]["model"] = "Another CPU"
    then = {**versions(), "keras": "3.0.0", "python": "3.10.1"}
    code = {**code_files(), "liverseg/gone.py": "0" * 12}
    with write_sweep(folder, loaded, env, versions=then, code=code):
        document = reproduction(folder)
    assert commands(document)[:-1] == [
        ["git", "checkout", "c" * 40],
        ["pip", "install", "keras==3.0.0"],
        ["unset", "TF_DETERMINISTIC_OPS"],
        ["export", "XLA_FLAGS=--a b"],
    ]
    assert [row["then"] for row in document["packages"]["differences"]] == ["1.0"]
    text = reproduction_text(document)
    for words in ("* liverseg/gone.py: removed", "* keras", "* processor", "Another CPU", "use Python 3.10.1"):
        assert words in text
    assert "not as in its commit" in text


def test_seeds_of_trials_are_listed_when_they_differ(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, environment()) as ledger:
        for number, seed in enumerate((1, 2)):
            ledger.append(
                "suggested", uid=f"t{number}", number=number, architecture="unet", parameters={}, seed=seed, fold=0
            )
        document = reproduction(folder)
    assert document["seeds"]["trials"] == {"t0": 1, "t1": 2} and "trial t1" in reproduction_text(document)


def test_what_happened_since_becomes_history_and_steps(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, environment(), parents=[{"name": "old", "trials": 3}]) as ledger:
        ledger.append("resumed", run=2)
        ledger.append("extended", trials=12, epochs=40, longer=["t0"])
        ledger.append("extended", trials=15, space={"architectures": {"unet": {}}}, note="wider")
        ledger.append("queued", uid="t0", reason="retry")
        ledger.append("closed", reason="finished")
        document = reproduction(folder)
    assert [event["event"] for event in document["history"]] == [
        "forked",
        "resumed",
        "extended",
        "extended",
        "closed",
        "retried",
    ]
    assert commands(document)[-3:] == [
        ["liversweep", "extend", "liver-2", "--trials", "5", "--epochs", "40"],
        ["echo", '{"architectures": {"unet": {}}}', ">", "space-2.yaml"],
        ["liversweep", "extend", "liver-2", "--trials", "3", "--space", "space-2.yaml"],
    ]
    assert "(wider)" in document["steps"][-1]["why"]
    assert any("results of other sweeps" in note for note in document["notes"])


def test_a_record_of_the_first_version_is_still_shown(
    loaded: LoadedSpec, folder: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with write_sweep(folder, loaded, FIRST_ENV, versions=None, code=None, sort_keys=True):
        document = reproduction(folder)
    print_reproduction(document)
    text = capsys.readouterr().out
    assert "Linux 6.1" in text and "23.3 GiB" in text and "* keras" in text
    assert document["code"]["differs"] is None and document["packages"]["then"] == []
    assert_same_sweep(repeated(commands(document)[-1]), loaded)


def test_a_folder_with_nothing_but_a_ledger_is_shown(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, None, spec=loaded.resolved()):
        folder.file("resolved.json").unlink()
        folder.file("sweep.yaml").unlink()
        document = reproduction(folder)
    assert document["spec"] is None and document["seeds"]["search"] == 5
    assert "options of the command line that changed it are not part of it" in reproduction_text(document)


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_file_is_named(loaded: LoadedSpec, folder: SweepFolder, content: str) -> None:
    with write_sweep(folder, loaded, environment()):
        folder.file("env.json").write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(SweepError, match=r"env\.json"):
            reproduction(folder)


def test_an_empty_resolved_file_does_not_break_the_record(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, environment()):
        folder.file("resolved.json").write_text("{}")
        assert reproduction(folder)["resolved"] is None


def test_no_ledger_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        reproduction(SweepFolder(tmp_path))


def test_control_characters_of_a_spec_do_not_reach_the_terminal(loaded: LoadedSpec, folder: SweepFolder) -> None:
    with write_sweep(folder, loaded, environment()):
        folder.file("sweep.yaml").write_text("name: a # \x1b[31m \u202e\n")
        text = reproduction_text(reproduction(folder))
    assert "\\x1b[31m" in text and all(c.isprintable() or c == "\n" for c in text)


def test_s07_no_secret_of_environment_or_repository_is_recorded_or_shown(
    loaded: LoadedSpec, folder: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "c4n4ry-7f3a91"
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "WANDB_API_KEY",
        "MY_XLA_FLAGS",
        "TF_SECRET",
        "XLA_FLAGS_TOKEN",
        "PIP_INDEX_URL",
    ):
        monkeypatch.setenv(name, f"{canary}-{name}")
    (tmp_path / "file").touch()
    for command in (
        ["init", "-q"],
        ["add", "file"],
        ["-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "first"],
        ["remote", "add", "origin", f"https://user:{canary}@example.invalid/x.git"],
        ["config", "branch.main.remote", "origin"],
        ["config", "http.extraHeader", f"Authorization: {canary}"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)
    env = environment(tmp_path, worker={"WANDB_API_KEY": canary, "OMP_NUM_THREADS": "1"})
    assert env["git"]["folder"]["commit"] and env["worker_variables"] == {"OMP_NUM_THREADS": "1"}
    assert canary not in json.dumps(env)
    planted = {**env, "extra": canary, "variables": {**env["variables"], "TF_SECRET": canary}}
    planted["git"] = {"program": {"commit": "c" * 40, "remote": canary}, "folder": {"url": canary}}
    for number, recorded in enumerate((env, planted)):
        place = SweepFolder(Path("runs") / f"liver{number}")
        with write_sweep(place, loaded, recorded):
            document = reproduction(place)
        assert canary not in json.dumps(document) and canary not in reproduction_text(document)


def test_commands_name_the_folder_of_the_sweeps_where_it_is_not_the_usual_one(
    loaded: LoadedSpec, tmp_path: Path
) -> None:
    elsewhere = SweepFolder(tmp_path / "my sweeps" / "liver")
    with write_sweep(elsewhere, loaded, environment()) as ledger:
        ledger.append("extended", trials=9)
        document = reproduction(elsewhere)
    assert [command[-2:] for command in commands(document)] == [["--runs", str(tmp_path / "my sweeps")]] * 2
