"""What Ray 2.60 and Tune wrote when workers were killed, word for word, and what is made of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from sweeps import trial_files
from sweeps.executor.death import (
    DIED,
    HUNG,
    LOSSES,
    LOST,
    MEMORY,
    NODE_LOST,
    UNBEGUN,
    UNREACHED,
    USED_UP,
    Death,
    Losses,
    cause_of_death,
    seconds_in_attempt,
)

NODE = "bb16e1b15d1c265f52179973b482b0fcd78ec1e9a3b97a6eeccf2321"
HEADER = """\
The actor died unexpectedly before finishing this task.
\tclass_name: with_resources.<locals>.ResourceTrainable
\tactor_id: 327e681090deba673af29e2d01000000
\tpid: 17301
\tnamespace: 4d4df8df-95b0-4f4c-811a-f7dbab09f201
\tip: 127.0.0.1
"""
WORKER_KILLED = (
    HEADER
    + "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker "
    "unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the process was killed "
    "by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) the worker crashed unexpectedly due "
    "to SIGSEGV or another unexpected error. If the process was killed by the kernel OOM killer (verifiable by checking for "
    "OOM in dmesg of the OOMing node), consider enabling resource isolation via --enable-resource-isolation to prevent node "
    "deaths by resource contention and significant loss of progress by uninformed kernel OOM killing.\n"
)
OUT_OF_REACH = (
    "The actor 10088e8e341e8dec62663a5401000000 is unavailable: The actor is temporarily unavailable: RpcError: RPC error: "
    "Socket closed rpc_code: 14. The task may or may not have been executed on the actor.\n"
)
_NODE_DIED = (
    f"The actor died because its node has died. Node Id: {NODE}\n\tthe actor's node was terminated unexpectedly: "
)
NODE_SHUT_DOWN = HEADER + _NODE_DIED + "dashboard_agent failed and raylet fate-shares with it.\n"
NODE_SILENT = HEADER + _NODE_DIED + "health check failed due to missing too many heartbeats\n"
MEMORY_MONITOR = (
    f"1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 127.0.0.1, ID: {NODE}) was "
    "2.70GB used / 23.54GB limit (0.114720)\nOOM kill reason: Memory usage 2842005504B exceeded threshold of 2836023552B "
    "(11.2% of 25276502016B limit)\nObject store memory usage: [- objects spillable: 0\n"
)
RAISED = (
    "ray::ResourceTrainable.train() (pid=17301, ip=127.0.0.1, actor_id=327e681090deba673af29e2d01000000)\n"
    '  File "trainable.py", line 1, in train\nPermissionError: [Errno 13] Permission denied: worker.json\n'
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Ray's entry of a machine that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        entry = {
            "NodeID": NODE,
            "Alive": True,
            "NodeManagerAddress": "127.0.0.1",
            "NodeManagerPort": server.getsockname()[1],
        }
        monkeypatch.setattr(ray, "nodes", lambda: [entry])
        yield entry


def die(trial: Path, text: str, *, signed: bool = True, attempt: int = 1) -> Death:
    if signed:
        worker = {"pid": 1, "host": "here", "node_id": NODE, "began": 0.0, "attempt": 1}
        trial_files.write_record(trial, trial_files.WORKER, worker)
    trial.mkdir(exist_ok=True)
    return cause_of_death(trial, attempt, text.strip())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WORKER_KILLED, Death("crash", DIED)),
        (OUT_OF_REACH, Death("crash", DIED, UNREACHED)),
        (NODE_SHUT_DOWN, Death("crash", LOST, NODE_LOST)),
        (NODE_SILENT, Death("crash", LOST, NODE_LOST)),
        (MEMORY_MONITOR, Death("oom", MEMORY)),
    ],
)
def test_r11_a_trial_under_way_on_a_machine_that_answers(
    tmp_path: Path, machine: dict[str, Any], text: str, expected: Death
) -> None:
    assert die(tmp_path, text) == expected


@pytest.mark.parametrize("text", [WORKER_KILLED, OUT_OF_REACH, MEMORY_MONITOR])
@pytest.mark.parametrize("how", ["given up", "forgotten", "port closed"])
def test_r11_on_a_lost_machine_every_death_is_the_machines(
    tmp_path: Path, machine: dict[str, Any], text: str, how: str
) -> None:
    if how == "given up":
        machine["Alive"] = False
    elif how == "forgotten":
        machine["NodeID"] = "another"
    else:
        with socket.create_server(("127.0.0.1", 0)) as server:
            machine["NodeManagerPort"] = server.getsockname()[1]
    assert die(tmp_path, text) == Death("crash", LOST, NODE_LOST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WORKER_KILLED, Death("crash", DIED, UNBEGUN)),
        (MEMORY_MONITOR, Death("oom", MEMORY, UNBEGUN)),
        (OUT_OF_REACH, Death("crash", DIED, UNREACHED)),
        (NODE_SHUT_DOWN, Death("crash", LOST, NODE_LOST)),
    ],
)
def test_a_trial_that_had_not_begun_is_not_to_blame(
    tmp_path: Path, machine: dict[str, Any], text: str, expected: Death
) -> None:
    assert die(tmp_path, text, signed=False) == expected
    # The signature of an earlier attempt is none.
    assert die(tmp_path, text, attempt=2) == expected


def test_an_exception_is_told_by_its_last_line(tmp_path: Path, machine: dict[str, Any]) -> None:
    death = die(tmp_path, RAISED, signed=False)
    assert death.kind == "crash" and not death.blameless
    assert death.message.endswith("PermissionError: [Errno 13] Permission denied: worker.json")


@pytest.mark.parametrize("name", [trial_files.FAILED, trial_files.FINAL])
def test_what_the_trial_said_itself_comes_first(tmp_path: Path, machine: dict[str, Any], name: str) -> None:
    trial_files.write_record(tmp_path, name, {})
    assert die(tmp_path, NODE_SILENT) == Death("crash", DIED)


def test_a_used_up_worker_and_a_hung_one_are_told_apart(tmp_path: Path, machine: dict[str, Any]) -> None:
    trial_files.write_record(tmp_path, trial_files.UNSTARTED, {"attempt": 1})
    assert die(tmp_path, WORKER_KILLED).blameless == USED_UP
    assert die(tmp_path, WORKER_KILLED, attempt=2).blameless == UNBEGUN
    (tmp_path / trial_files.LOG).write_text(
        "Timeout (0:00:04.500000)!\nThread 0x00007fa3541fe6c0 (most recent call first):\n"
    )
    assert die(tmp_path, WORKER_KILLED) == Death("timeout", HUNG)


def test_without_any_text_a_worker_was_killed(tmp_path: Path, machine: dict[str, Any]) -> None:
    trial_files.write_record(tmp_path, trial_files.WORKER, {"node_id": NODE, "attempt": 1})
    assert cause_of_death(tmp_path, 1, "") == Death("crash", DIED)


def test_the_time_of_an_attempt_is_that_of_its_worker(tmp_path: Path) -> None:
    assert seconds_in_attempt(tmp_path, 1) == 0.0
    trial_files.write_record(tmp_path, trial_files.WORKER, {"attempt": 1, "began": 0.0})
    assert seconds_in_attempt(tmp_path, 1) > 1e9 and seconds_in_attempt(tmp_path, 2) == 0.0


LOSS = Death("crash", LOST, NODE_LOST)


@pytest.mark.parametrize("blameless", [NODE_LOST, UNREACHED, UNBEGUN])
def test_r07_a_trial_that_takes_every_worker_down_fails_in_the_end(blameless: str) -> None:
    losses, death = Losses(), Death("oom", LOST, blameless)
    told = [losses.judge("t", death, 4) for _ in range(LOSSES)]
    assert told[:-1] == [death] * (LOSSES - 1)
    assert told[-1].kind == "oom" and not told[-1].blameless
    assert told[-1].message.startswith(LOST) and "epoch 5" in told[-1].message


def test_a_trial_that_comes_further_each_time_may_lose_any_number_of_machines() -> None:
    losses = Losses()
    assert all(losses.judge("t", LOSS, epoch) == LOSS for epoch in range(100))
    # Falling back behind what was reached once is no progress.
    assert losses.judge("t", LOSS, 50) == LOSS
    assert not losses.judge("t", LOSS, 99).blameless


def test_trials_are_counted_apart_and_other_deaths_not_at_all() -> None:
    losses, crash, used = Losses(), Death("crash", DIED), Death("crash", DIED, USED_UP)
    for _ in range(3 * LOSSES):
        assert losses.judge("t", crash, 0) == crash and losses.judge("t", used, 0) == used
    for number in range(3 * LOSSES):
        assert losses.judge(f"t{number}", LOSS, 0) == LOSS


def test_no_word_on_a_full_disk_is_the_disks_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = tmp_path / "t0"
    trial.mkdir()
    assert cause_of_death(trial, 1, "").disk == ""
    monkeypatch.setattr("sweeps.executor.death.free_bytes", lambda path: 0)
    for text in ("", WORKER_KILLED):
        assert cause_of_death(trial, 1, text).disk == "No space left on device"
    for text in (MEMORY_MONITOR, RAISED):
        assert cause_of_death(trial, 1, text).disk == "", "the worker or Ray said what it was"
