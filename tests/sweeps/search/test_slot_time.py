"""The seconds of a slot: what the worker tells, what lay around it, and what nobody can know."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.ledger import read_events
from sweeps import trial_files
from sweeps.search.driver import Driver
from sweeps.search.plan import Proposal
from sweeps.search.slot_time import SlotTime
from tests.sweeps.fakes import make_driver, record
from tests.sweeps.search.test_driver import SPACE, stage


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> Clock:
        self.now += seconds
        return self


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_trial_that_ends_well(clock: Clock) -> None:
    asked = clock.now
    slot = SlotTime(clock.after(0.5), asked)
    clock.after(4)
    slot.started()
    assert slot.so_far() == {"driver": 0.5, "start_up": 4.0}
    clock.after(3 + 20)  # the worker's process came up for another 3 s, then worked for 20
    slot.report({"start_up": 5.0, "tracing": 8.0, "training": 7.0})
    assert slot.so_far() == {"driver": 0.5, "start_up": 12.0, "tracing": 8.0, "training": 7.0}
    clock.after(1 + 10)
    slot.report({"start_up": 5.0, "tracing": 8.0, "training": 17.0})
    told = {"driver": 1.5, "start_up": 12.0, "tracing": 8.0, "training": 17.0}
    assert slot.so_far() == told
    clock.after(2)
    assert slot.at_end() == {**told, "driver": 3.5}
    assert sum(slot.at_end().values()) == clock.now - asked


def test_what_a_worker_did_that_died_without_a_word_is_not_known(clock: Clock) -> None:
    slot = SlotTime(clock)
    clock.after(2)
    slot.started()
    clock.after(30)
    assert slot.at_end(lost=True) == {"driver": 0.0, "start_up": 2.0}
    slot.report({"training": 25.0})
    clock.after(60)
    assert slot.at_end(lost=True) == {"driver": 0.0, "start_up": 7.0, "training": 25.0}


def test_one_that_no_worker_has_begun_was_starting_up_all_the_time(clock: Clock) -> None:
    slot = SlotTime(clock)
    clock.after(9)
    assert slot.at_end() == slot.at_end(lost=True) == {"driver": 0.0, "start_up": 9.0}


def test_an_older_record_and_silence_are_no_news(clock: Clock) -> None:
    slot = SlotTime(clock)
    clock.after(10)
    slot.report([("training", 8.0)])
    told = slot.so_far()
    for news in ({"training": 7.0}, {}, None):
        clock.after(1)
        slot.report(news)
        assert slot.so_far() == told


@given(st.lists(st.tuples(*[st.floats(0, 100) for _ in range(3)]), min_size=1, max_size=5), st.floats(0, 50))
def test_whatever_was_told_the_parts_add_up_to_the_time_in_the_slot(
    epochs: list[tuple[float, float, float]], last_s: float
) -> None:
    clock = Clock()
    slot, begun, training = SlotTime(clock), clock.now, 0.0
    for before, spent, behind in epochs:
        clock.after(before + spent)
        training += spent
        slot.report({"training": training})
        clock.after(behind)
    clock.after(last_s)
    parts = slot.at_end()
    assert all(seconds >= 0 for seconds in parts.values())
    assert sum(parts.values()) == pytest.approx(clock.now - begun, abs=0.01)


def timed_driver(folder: Path, clock: Clock) -> Driver:
    made = make_driver(folder, [stage(SPACE, trials=1)], slots=1)
    return Driver(made.folder, made.ledger, made.standing, 1, made.view, clock=clock)


def begun(driver: Driver, clock: Clock) -> str:
    proposal = driver.next()
    assert isinstance(proposal, Proposal)
    clock.after(5)
    driver.started(proposal.uid)
    return proposal.uid


def told(driver: Driver, name: str) -> dict[str, float]:
    return next(event.payload["times_s"] for event in read_events(driver.folder.ledger) if event.name == name)


SAVED = {"epoch": 1, "path": "trials/x/state/0", "sha256": "0" * 64}


def test_the_ledger_tells_it_with_every_event_of_the_attempt(tmp_path: Path, clock: Clock) -> None:
    driver = timed_driver(tmp_path, clock)
    uid = begun(driver, clock)
    clock.after(20)
    pairs = [["start_up", 3.0], ["tracing", 10.0], ["training", 7.0]]
    result = {"epoch": 1, "val_dice": 0.5, "last": True, "checkpoint": SAVED, "times_s": pairs}
    final = record([0.5]) | {"times_s": {"start_up": 3.0, "tracing": 9.0}}
    trial_files.write_record(driver.folder.trial(uid), trial_files.FINAL, final)
    driver.epoch(uid, result)
    clock.after(1)
    driver.ended(uid)
    assert told(driver, "started") == {"driver": 0.0, "start_up": 5.0}
    assert told(driver, "checkpoint") == {"driver": 0.0, "start_up": 8.0, "tracing": 10.0, "training": 7.0}
    assert told(driver, "finished") == {"driver": 1.0, "start_up": 8.0, "tracing": 10.0, "training": 7.0}


def test_an_attempt_that_is_stopped_is_told_before_it_is_forgotten(tmp_path: Path, clock: Clock) -> None:
    driver = timed_driver(tmp_path, clock)
    uid = begun(driver, clock)
    clock.after(20)
    driver.interrupted = True
    driver.paused(uid, {"stopped": True, "epoch": 0, "checkpoint": None, "times_s": [["training", 19.0]]})
    assert told(driver, "stopped") == {"driver": 0.0, "start_up": 6.0, "training": 19.0}


def test_a_failure_tells_what_its_record_tells(tmp_path: Path, clock: Clock) -> None:
    driver = timed_driver(tmp_path, clock)
    uid = begun(driver, clock)
    clock.after(20)
    times_s = {"start_up": 4.0, "training": 16.0}
    trial_files.write_failure(driver.folder.trial(uid), "oom", "too much", epochs=0, seconds=20.0, times_s=times_s)
    driver.ended(uid, error="died")
    assert told(driver, "failed") == {"driver": 0.0, "start_up": 9.0, "training": 16.0}


def test_of_a_worker_that_was_killed_only_the_beginning_is_told(tmp_path: Path, clock: Clock) -> None:
    driver = timed_driver(tmp_path, clock)
    uid = begun(driver, clock)
    clock.after(20)
    driver.ended(uid, error="killed")
    assert told(driver, "failed") == {"driver": 0.0, "start_up": 5.0}
