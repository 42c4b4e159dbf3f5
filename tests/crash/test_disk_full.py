"""Promise R10: a disk without room ends the command with a message, and costs nothing but time."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.records import Sweep
from sweeps.executor.death import cause_of_death
from sweeps.executor.failure import disk_full
from sweeps.executor.session import TrialSession
from sweeps.executor.setting import TrialSetting
from sweeps.search.driver import DONE, Driver
from sweeps.search.plan import Proposal
from tests.crash import forked
from tests.crash.fake_command import write_spec
from tests.crash.processes import FAKE_COMMAND, events_of, eventually, no_process_left, sweep_of
from tests.crash.processes import Driver as Command
from tests.sweeps.cli_runs import COMMAND, liversweep

pytestmark = [pytest.mark.crash]

DISK_BYTES = 4 * 1024**2
NO_ROOM, ENDED = 75, 0
# Below the first event, within trials' files, and within the ledger, which is the largest.
LIMITS = (100, 300, 700, 1000, 1500, 2000, 3000, 4000, 5500, 7000, 9000, 11_000, 13_000, 15_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with `runs` on a disk of its own."""
    runs = tmp_path / "runs"
    runs.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(runs)]
    if not shutil.which("mount") or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(runs)], check=True)


def fill(disk: Path, leave_bytes: int) -> Path:
    """A file that takes all room but so much."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        while (room := shutil.disk_usage(disk).free - leave_bytes) > 0:
            if not stream.write(bytes(min(room, 65536))):
                break
    return ballast


def failures_in(folder: Path) -> list[str]:
    """What trials and ledger say of failed trials."""
    said = [path.read_text() for path in sorted((folder / "runs/fake/trials").glob("*/failed.json"))]
    return said + [f"{trial.uid}: {trial.message}" for trial in sweep_of(folder).trials if trial.state == "failed"]


@pytest.mark.ray
@pytest.mark.parametrize("leave_bytes", [0, 40_000])
def test_r10_a_disk_that_fills_up_under_a_sweep(small_disk: Path, leave_bytes: int) -> None:
    write_spec(small_disk, trials=6, epochs=4, scheduler="none", more="keep: {min_free: 0}\n")
    first = Command(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], small_disk, {"FAKE_PAUSE_S": "0.2"})
    eventually(lambda: any(event.name == "finished" for event in events_of(small_disk)))
    ballast = fill(small_disk / "runs", leave_bytes)
    assert first.wait() == 1, first.text
    assert "error: " in first.text and "Traceback" not in first.text
    assert "the disk is full" in first.text and "make room, then: liversweep resume fake" in first.text
    assert no_process_left(small_disk)
    before = sweep_of(small_disk)
    assert not failures_in(small_disk)
    finals = finals_of(small_disk / "runs/fake")
    assert before.sweep.closed == "disk" and "disk full" in liversweep("list", cwd=small_disk).out
    if not leave_bytes:
        again = Command(FAKE_COMMAND, ["resume", "fake", "--plain"], small_disk)
        assert again.wait() == 1 and "make room" in again.text and "Traceback" not in again.text
        assert not failures_in(small_disk)
    ballast.unlink()
    last = Command(FAKE_COMMAND, ["resume", "fake", "--plain"], small_disk)
    assert last.wait() == 0, last.text
    check_whole(sweep_of(small_disk), 6)
    assert finals.items() <= finals_of(small_disk / "runs/fake").items()


@pytest.mark.ray
def test_r10_too_little_room_starts_no_trial(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=2, epochs=2, more="keep: {min_free: 100TB}\n")
    first = Command(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path)
    assert first.wait() == 1
    line = next(line for line in first.text.splitlines() if line.startswith("error: "))
    assert " free; allowed: at least 100 TB (keep.min_free); make room, then: liversweep resume fake" in line
    assert "Traceback" not in first.text and no_process_left(tmp_path)
    sweep = sweep_of(tmp_path)
    assert sweep.sweep.closed == "disk" and not sweep.trials
    assert "disk full" in liversweep("list", cwd=tmp_path).out
    last = Command(FAKE_COMMAND, ["resume", "fake", "--set", "keep.min_free=0", "--plain"], tmp_path)
    assert last.wait() == 0, last.text
    check_whole(sweep_of(tmp_path), 2)
    no_room_for_reports(tmp_path)


def no_room_for_reports(folder: Path) -> None:
    """The tables of a finished sweep are shown, although its report cannot be written."""
    shutil.rmtree(folder / "runs/fake/report")
    shown = subprocess.run(
        [COMMAND, "resume", "fake"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert shown.returncode == 1 and "validation" in shown.stdout
    assert "the report cannot be written" in shown.stderr and "liversweep report fake" in shown.stderr
    assert "Traceback" not in shown.stderr
    check_whole(sweep_of(folder), 2)


@pytest.mark.parametrize("slots", [1, 2])
def test_r10_files_that_cannot_grow_at_many_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: int) -> None:
    monkeypatch.setattr(forked, "_execute", execute)
    whole, cramped = tmp_path / "whole", tmp_path / "cramped"
    for path in (whole, cramped):
        path.mkdir()
    assert not forked.forked(whole, 5, slots, 0, random.Random(0))
    ends = [drive_within(cramped, 5, slots, limit) for limit in LIMITS]
    assert ends.count(NO_ROOM) > len(LIMITS) // 2, ends
    assert not forked.forked(cramped, 5, slots, 0, random.Random(0))
    check_whole(fold(read_events(cramped / "ledger.jsonl")), forked.TRIALS)
    if slots == 1:
        assert forked.ends(cramped) == forked.ends(whole)


def drive_within(path: Path, seed: int, slots: int, limit: int) -> int:
    """Go on with a sweep in a child none of whose files may grow beyond a limit; checks what it leaves."""
    finals = finals_of(path)
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            forked.drive(path, seed, slots)
            os._exit(ENDED)
        except (LedgerError, OSError) as error:
            os._exit(NO_ROOM if isinstance(error, LedgerError) or disk_full(error) else 70)
        except BaseException:
            os._exit(71)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (ENDED, NO_ROOM), f"the driver failed within {limit} bytes"
    events = read_events(path / "ledger.jsonl")
    if events:
        assert not [trial.uid for trial in fold(events).trials if trial.state == "failed"]
    assert finals.items() <= finals_of(path).items()
    return code


def execute(driver: Driver, setting: TrialSetting) -> None:
    """As Ray would, in this process; trials that find no room are put back."""
    sessions: dict[str, TrialSession] = {}
    while True:
        proposal = driver.next()
        if isinstance(proposal, Proposal):
            driver.started(proposal.uid)
            sessions[proposal.uid] = TrialSession(driver.launch(proposal.uid).payload(), setting)
        elif proposal == DONE and not sessions:
            return
        else:
            for uid in list(sessions):
                step(driver, sessions, uid)


def step(driver: Driver, sessions: dict[str, TrialSession], uid: str) -> None:
    """One epoch of a trial."""
    result = sessions[uid].step()
    if result.get("disk_full"):
        driver.paused(uid, result)
    elif driver.epoch(uid, result) or result["done"]:
        driver.ended(uid)
    if uid not in driver.running:
        sessions.pop(uid).close()


def test_r10_a_worker_that_could_not_even_sign_did_not_fail(tmp_path: Path) -> None:
    death = cause_of_death(tmp_path, 1, "OSError: [Errno 28] No space left on device: 'unstarted.json'")
    assert death.disk == "No space left on device"
    assert not cause_of_death(tmp_path, 1, "ValueError: something else").disk


def finals_of(path: Path) -> dict[str, bytes]:
    """The final records of a sweep's trials."""
    return forked.finished_on_disk(path)


def check_whole(sweep: Sweep, trials: int) -> None:
    """Exactly so many trials, each with one end and none of them failed."""
    assert sweep.sweep.closed == "finished"
    assert [trial.number for trial in sweep.trials] == list(range(trials))
    assert {trial.state for trial in sweep.trials} <= {"finished", "pruned"}
