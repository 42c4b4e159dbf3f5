"""The script run by bash with commands that only note and answer: what it decides, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.slurm.config import SlurmConfig
from cluster.slurm.script import render
from tests.cluster.slurm.fake_slurm import on_path

TOOLS = {
    # A step has one task, on the machine where everything runs.
    "srun": "while [[ $1 == --* ]]; do shift; done\n"
    'if [ "${SECOND_FAILS:-}" ] && [[ $* == *min-nodes* ]]; then : >"$JOB_FOLDER/failed-1"; exec /bin/sleep 50; fi\n'
    'SLURM_NODEID=0 exec "$@"',
    "ray": 'printf "%s\\0" "$@" >"$NOTES/ray"\nwhile [ "$1" != -- ]; do shift; done\nshift\n'
    'if [ "${RAY_FAILS:-}" ]; then exit 0; fi\n'
    'if [ "${RAY_HANGS:-}" ]; then : >"$NOTES/started"; while [ -e "$JOB_FOLDER" ]; do /bin/sleep 0.02; done; fi\n"$@"\nexit $?',
    "scontrol": 'if [ "$1" = show ]; then echo node1; else echo "$*" >>"$NOTES/requeue"; exit "${REQUEUE_CODE:-0}"; fi',
    "squeue": 'echo "${STATE:-RUNNING}"',
    "getent": 'if [ "$2" = node1 ]; then echo "127.0.1.1 STREAM node1"; echo "10.9.8.7 STREAM node1"; fi',
    "sleep": "exec /bin/sleep 0.02",
    "liversweep": """printf "%s\\0" "$@" >"$NOTES/words"
pwd >"$NOTES/folder"
env -0 >"$NOTES/environment"
stat -c %a "$RAY_AUTH_TOKEN_PATH" "${RAY_AUTH_TOKEN_PATH%/*}" "$RAY_TMPDIR" >"$NOTES/modes"
cat "$RAY_AUTH_TOKEN_PATH" >"$NOTES/token"
if [ -z "${DEAF:-}" ]; then trap 'exit 130' TERM; fi
: >"$NOTES/started"
if [ "${LASTS:-}" ]; then while :; do /bin/sleep 0.02; done; fi
exit "${CODE:-0}" """,
}


@dataclass(frozen=True)
class Run:
    code: int
    output: str
    notes: Path

    def note(self, name: str) -> str:
        path = self.notes / name
        return path.read_text() if path.exists() else ""

    @property
    def requeued(self) -> bool:
        return self.note("requeue") == "requeue 4711\n"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    for name, text in TOOLS.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def start(
    folder: Path, tools: Path, environment: Mapping[str, str], **changed: Any
) -> tuple[subprocess.Popen[str], Path]:
    notes = folder / "notes"
    notes.mkdir(exist_ok=True)
    for old in notes.iterdir():
        old.unlink()
    (folder / "t").mkdir(exist_ok=True)
    config = SlurmConfig(
        name="fake", command=("liversweep", "run"), working_folder="/tmp", shared_folder=str(folder / "shared")
    )
    script = folder / "script.sh"
    # The length of a test's folders is not what is tested.
    script.write_text(render(replace(config, **changed)).replace("/tmp/lsw", f"{folder}/t/lsw"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "SLURM_"))}
    given = {"PATH": on_path(tools), "NOTES": str(notes), "SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "node1"}
    process = subprocess.Popen(
        ["bash", str(script)],
        env=clean | given | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell cannot trap what was ignored when it began, as in tests that were started in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return process, notes


def run(
    folder: Path,
    tools: Path,
    config: Mapping[str, Any] | None = None,
    *,
    told: signal.Signals | None = None,
    **environment: str,
) -> Run:
    """Run the script; `told` is sent to its shell, and only to it, once the sweep is at work."""
    process, notes = start(folder, tools, environment, **config or {})
    end = time.monotonic() + 60
    while told is not None and not (notes / "started").exists() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    if told is not None:
        process.send_signal(told)
    output, _ = process.communicate(timeout=60)
    return Run(process.returncode, output, notes)


def nothing_left(folder: Path) -> bool:
    return not list((folder / "shared").iterdir()) and not list((folder / "t").iterdir())


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_job_ends_as_the_sweep_ends(tmp_path: Path, tools: Path, code: int) -> None:
    done = run(tmp_path, tools, CODE=str(code))
    assert done.code == code and not done.requeued, done.output
    assert nothing_left(tmp_path)


def test_the_token_is_in_a_private_file_and_nowhere_else(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, RAY_AUTH_TOKEN="another")
    token = done.note("token")
    assert len(token) == 64 and set(token) <= set("0123456789abcdef")
    assert done.note("modes").split() == ["600", "700", "700"]
    environment = dict(item.split("=", 1) for item in done.note("environment").split("\0") if item)
    assert token not in "".join(environment.values()) and "RAY_AUTH_TOKEN" not in environment
    assert environment["RAY_AUTH_MODE"] == "token"
    assert token not in done.output + done.note("ray") + (tmp_path / "script.sh").read_text()
    assert run(tmp_path, tools).note("token") != token


def test_ray_is_told_address_cores_and_how_many(tmp_path: Path, tools: Path) -> None:
    config = {"nodes": 1, "cpus_per_node": 6, "gpus_per_node": 2, "object_store_bytes": 10**9}
    words = run(tmp_path, tools, config).note("ray").split("\0")
    assert words[0] == "symmetric-run"
    assert words[words.index("--address") + 1] == "10.9.8.7:24711", "an address that leads to the machine itself"
    for option, value in {"min-nodes": 1, "num-cpus": 6, "num-gpus": 2, "object-store-memory": 10**9}.items():
        assert words[words.index(f"--{option}") + 1] == str(value)
    assert "--include-dashboard=false" in words[: words.index("--")]


def test_the_end_of_the_time_ends_the_sweep_and_puts_the_job_back(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes")
    assert done.code == 130 and done.requeued, done.output
    assert nothing_left(tmp_path)


def test_a_persons_wish_ends_the_sweep_for_good(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGINT, LASTS="yes")
    assert done.code == 130 and not done.requeued, done.output


def test_a_cancelled_job_does_not_come_back(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes", STATE="COMPLETING")
    assert done.code == 130 and not done.requeued
    assert "its state is COMPLETING" in done.output


def test_a_job_does_not_come_back_for_ever(tmp_path: Path, tools: Path) -> None:
    last = run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes", SLURM_RESTART_COUNT="50")
    assert not last.requeued and "submit it again" in last.output
    assert run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes", SLURM_RESTART_COUNT="49").requeued


def test_a_refused_return_is_said(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes", REQUEUE_CODE="1")
    assert done.code == 130 and "SLURM did not take it back" in done.output


def test_a_ray_that_did_not_start_is_a_failure(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, RAY_FAILS="yes")
    assert done.code == 1 and not done.requeued
    assert nothing_left(tmp_path)


def test_a_machine_without_ray_ends_the_wait_of_the_first(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, SECOND_FAILS="yes")
    assert done.code == 1 and not done.requeued
    assert nothing_left(tmp_path)


def test_an_end_before_the_sweep_began_puts_the_job_back(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGTERM, RAY_HANGS="yes")
    assert done.code == 1 and done.requeued, done.output
    assert nothing_left(tmp_path)


def test_an_end_before_the_sweep_could_listen_puts_the_job_back(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, told=signal.SIGTERM, LASTS="yes", DEAF="yes")
    assert done.code == 143 and done.requeued, done.output


def test_a_missing_command_is_named(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, config={"setup": ("PATH=/usr/bin:/bin",)})
    assert done.code == 1 and "put the lines that make it available into cluster.slurm.setup" in done.output


def test_a_setup_line_that_fails_ends_the_job(tmp_path: Path, tools: Path) -> None:
    done = run(tmp_path, tools, {"setup": ("echo before $UNSET", "false")})
    assert done.code == 1 and "before" in done.output and done.note("words") == ""


_HOSTILE = st.text(
    st.characters(min_codepoint=32, exclude_categories=["C", "Z"]) | st.sampled_from(" '\"\\#$`!*~;&|<>()%"), min_size=1
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(_HOSTILE, min_size=1, max_size=3))
def test_hostile_words_reach_the_sweep_unchanged(tmp_path: Path, tools: Path, words: list[str]) -> None:
    done = run(tmp_path, tools, {"command": ("liversweep", *words)})
    assert done.note("words").split("\0") == [*words, ""], done.output
