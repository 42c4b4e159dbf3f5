"""Watching a sweep: what the table says, when it ends, and that the sweep does not notice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.errors import LedgerError
from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.watch import Change, Watcher, planned_epochs, planned_trials, position, standing, state_of
from tests.promises.commands import refusal, said
from tests.promises.ledgers import snapshot
from tests.results.ledger_factory import finished_payload, realistic, uid_of
from tests.sweeps.watched_driver import RNG, Driver


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    found = Driver(tmp_path)
    yield found
    found.ledger.close()
    found.lock.release()


def look(watcher: Watcher) -> tuple[bool, list[tuple[str, str]]]:
    seen: list[Change] = []
    driven = watcher.look(seen.append, sleep=lambda seconds: None)
    return driven, [(change.name, change.uid) for change in seen]


def test_what_happens_is_told_once_and_in_order(driver: Driver) -> None:
    watcher = driver.watcher()
    assert look(watcher) == (True, [("sweep", "")])
    first = driver.start(0)
    assert look(watcher) == (True, [("suggested", first), ("started", first)])
    driver.epoch(first, 2, 0.4, 0.5)
    assert look(watcher) == (True, [("epoch", first)])
    assert look(watcher) == (True, [])
    driver.ledger.append("finished", **finished_payload(first, "unet", RNG, epochs=10))
    driver.leave("finished")
    assert look(watcher) == (False, [("finished", first), ("closed", "")])
    assert state_of(watcher, driven=False) == "finished"


def test_the_table_is_that_of_the_run(driver: Driver) -> None:
    watcher, uids = driver.watcher(), [driver.start(0), driver.start(1, "segnet")]
    driver.epoch(uids[0], 4, 0.3, 0.6)
    driver.now += timedelta(seconds=60)
    look(watcher)
    row = watcher.progress.rows["unet"]
    assert (row.proposed, row.ended, row.epochs, row.best, row.liver, row.tumour) == (1, 0, {uids[0]: 4}, 0.6, 0.7, 0.5)
    # 4 of 30 epochs took a minute.
    assert watcher.progress.eta_s == pytest.approx(60 * 26 / 4)
    driver.ledger.append("failed", uid=uids[1], kind="oom", message="too large", epochs=0, seconds=1.0)
    look(watcher)
    document = standing(watcher, "running")
    assert (document["trials"], document["ended"], document["failed"], document["epochs"]) == (3, 1, 1, 10)
    (running,) = document["running"]
    assert running["uid"] == uids[0] and running["score"] == 0.3 and running["epoch"] == 4
    assert running["heartbeat_age_s"] is not None
    assert document["failures"][0]["kind"] == "oom" and document["architectures"][1]["failed"] == 1


def test_whoever_comes_later_sees_the_same(driver: Driver) -> None:
    early = driver.watcher()
    look(early)
    for number in range(2):
        uid = driver.start(number, ("unet", "segnet")[number])
        driver.epoch(uid, 3, 0.2, 0.3)
        driver.now += timedelta(seconds=10)
        look(early)
    driver.ledger.append("finished", **finished_payload(uid_of(0), "unet", RNG, epochs=10))
    look(early)
    late = driver.watcher()
    look(late)
    assert standing(late, "running") == standing(early, "running")


def test_a_driver_that_is_gone_without_a_word(driver: Driver) -> None:
    watcher = driver.watcher()
    driver.start(0)
    driver.leave()
    assert look(watcher)[0] is False and state_of(watcher, driven=False) == "gone"


def test_a_sweep_whose_driver_is_about_to_lock_it_is_not_given_up(driver: Driver) -> None:
    driver.lock.release()
    watcher = driver.watcher()
    assert watcher.look(lambda change: None, sleep=lambda seconds: driver.lock.acquire()) is True


def test_what_a_driver_wrote_while_it_was_looked_for_is_seen(driver: Driver) -> None:
    driver.lock.release()
    watcher, seen = driver.watcher(), list[str]()
    driven = watcher.look(lambda change: seen.append(change.name), sleep=lambda seconds: driver.leave("finished"))
    assert driven is False and seen[-1] == "closed" and watcher.closed == "finished"


def test_a_resumed_and_extended_sweep_is_followed_on(driver: Driver) -> None:
    watcher = driver.watcher()
    uid = driver.start(0)
    driver.ledger.append("stopped", uid=uid, epochs=4)
    driver.ledger.append("closed", reason="interrupted")
    assert look(watcher)[0] is True, "who holds the lock is at work, whatever the last line says"
    driver.now += timedelta(hours=5)
    driver.ledger.append("extended", trials=8, epochs=20, note="5 more")
    driver.ledger.append("resumed", run=2)
    driver.ledger.append("started", uid=uid, attempt=2, epoch=4)
    _, changes = look(watcher)
    assert [name for name, _ in changes] == ["extended", "resumed", "started"]
    progress = watcher.progress
    assert (progress.trials, progress.epochs, progress.rows["unet"].epochs) == (8, 20, {uid: 4})
    driver.now += timedelta(seconds=40)
    assert progress.eta_s == pytest.approx(40 * (8 * 20 - 4) / 4), "the night between the runs does not count"


def test_a_record_of_an_earlier_attempt_takes_nothing_back(driver: Driver) -> None:
    watcher = driver.watcher()
    uid = driver.start(0, epoch=5)
    driver.epoch(uid, 3, 0.2, 0.3)
    look(watcher)
    assert watcher.progress.rows["unet"].epochs == {uid: 5}


def test_an_event_that_cannot_be_is_refused_with_its_line(driver: Driver) -> None:
    watcher = driver.watcher()
    driver.ledger.append("finished", **finished_payload("t0009-nobody", "unet", RNG))
    with pytest.raises(LedgerError, match="line 2"):
        look(watcher)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["epochs", "metrics", "history", "val_dice", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_whatever_lies_in_the_place_of_a_record_is_a_position_or_none(record: Any) -> None:
    found = position(record)
    assert found is None or (found["epoch"] >= 1 and all(type(value) in (int, float) for value in found.values()))


def test_files_that_are_no_records_are_passed_over(driver: Driver, tmp_path: Path) -> None:
    watcher, uid = driver.watcher(), driver.start(0)
    look(watcher)
    place = driver.folder.trial(uid) / trial_files.LATEST
    place.parent.mkdir(parents=True)
    (tmp_path / "out.json").write_text('{"epochs": 7}')
    for content in (b"", b"{", b"[" * 100_000, b"\xff", b'{"epochs": "7"}'):
        place.write_bytes(content)
        assert look(watcher) == (True, [])
    place.unlink()
    place.symlink_to(tmp_path / "out.json")
    assert look(watcher) == (True, []), "a link that leads out is not read"


def test_planned_epochs_of_old_ledgers_are_those_of_their_longest_trial(tmp_path: Path) -> None:
    realistic(5, epochs=12).write(tmp_path)
    assert planned_epochs(SweepFolder(tmp_path).read()) == 12


@pytest.mark.parametrize(("of", "expected"), [("best", 10 + 2 * 5), ("all", 10 + 10 * 5)])
def test_repetitions_are_counted(tmp_path: Path, of: str, expected: int) -> None:
    more = {"architectures": ["unet", "segnet"], "replication": {"folds": 3, "seeds": 2, "of": of}}
    realistic(10, epochs=2, sweep=more).write(tmp_path)
    assert planned_trials(SweepFolder(tmp_path).read()) == expected


def test_watch_tells_a_finished_sweep_in_its_tables(tmp_path: Path) -> None:
    realistic(4, cases=2, epochs=2).write(tmp_path / "runs" / "a")
    before = snapshot(tmp_path)
    result = said("watch", "a", cwd=tmp_path)
    assert result.code == 0 and "a has finished" in result.err
    assert result.out == said("show", "a", cwd=tmp_path).out
    realistic(7, cases=2, epochs=2).write(tmp_path / "runs" / "a")
    assert said("watch", "a", cwd=tmp_path).code == 3, "one of these failed"
    assert said("watch", "a", "--once", cwd=tmp_path).code == 0
    lines = said("watch", "a", "--json", cwd=tmp_path)
    assert lines.code == 3 and json.loads(lines.out)["state"] == "finished"
    (tmp_path / "runs/a/ledger.jsonl").write_bytes(before["runs/a/ledger.jsonl"])  # type: ignore[arg-type]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("reason", ["interrupted", "disk", "failed", ""])
def test_watch_says_how_an_unfinished_sweep_goes_on(driver: Driver, tmp_path: Path, reason: str) -> None:
    driver.leave(reason)
    result = said("watch", "a", cwd=tmp_path)
    assert result.code == (0 if reason else 1) and result.err.endswith("continue with: liversweep resume a\n")
    assert ("the driver is gone" in result.err) is (reason == "")
    document = json.loads(said("watch", "a", "--once", "--json", cwd=tmp_path).out)
    assert document["state"] == (reason or "gone") and document["eta_s"] is None


def test_watch_once_shows_a_running_sweep(driver: Driver, tmp_path: Path) -> None:
    driver.epoch(driver.start(0), 4, 0.3, 0.6)
    result = said("watch", "a", "--once", cwd=tmp_path)
    assert result.code == 0 and "0.700" in result.out and "4/10" in result.out and "a is running" in result.out
    assert "0 of 3 trials ended, 1 running" in " ".join(result.out.split())
    assert json.loads(said("watch", "--once", "--json", cwd=tmp_path).out)["running"][0]["epoch"] == 4


def test_watch_of_no_such_sweep_is_a_usage_error(tmp_path: Path) -> None:
    assert "no sweep 'nobody'" in refusal(said("watch", "nobody", cwd=tmp_path))
    assert said("watch", "nobody", "--interval", "0", cwd=tmp_path).code == 2


# A test run in the background of a shell has SIGINT ignored, and would hand that on.
CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from sweeps.cli import main
sys.argv[0] = "liversweep"
main()
"""
FOLLOW = (sys.executable, "-c", CODE, "watch", "a")
ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def watching(root: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*FOLLOW, *words], cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_the_watching_and_not_the_sweep(driver: Driver, tmp_path: Path) -> None:
    with watching(tmp_path) as process:
        assert process.stderr is not None and "a is running" in process.stderr.readline()
        uid = driver.start(0)
        driver.ledger.append("failed", uid=uid, kind="nan", message="no loss", epochs=3, seconds=1.0)
        assert process.stderr.readline().startswith(f"[1/3] {uid} unet failed: nan, no loss; ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130 and "the sweep goes on" in errors and "Traceback" not in errors
        driver.ledger.append("closed", reason="finished")


def test_watch_as_json_lines_while_the_ledger_grows(driver: Driver, tmp_path: Path) -> None:
    with watching(tmp_path, "--json", "--interval", "0.1") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "standing"
        uid = driver.start(0)
        assert [json.loads(process.stdout.readline())["event"] for _ in range(2)] == ["suggested", "started"]
        driver.epoch(uid, 3, 0.2, 0.3)
        epoch = json.loads(process.stdout.readline())
        assert (epoch["event"], epoch["uid"], epoch["epoch"], epoch["score"]) == ("epoch", uid, 3, 0.2)
        with pytest.raises(BlockingIOError), driver.folder.lock.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        driver.ledger.append("failed", uid=uid, kind="nan", message="\x1b[2J", epochs=3, seconds=1.0)
        driver.leave("finished")
        rest, errors = process.communicate(timeout=60)
        lines = [json.loads(line) for line in rest.splitlines()]
        assert [line["event"] for line in lines] == ["failed", "closed", "end"] and lines[-1]["state"] == "finished"
        assert process.returncode == 3 and rest.isascii() and "\x1b" not in rest + errors
