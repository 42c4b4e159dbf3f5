"""What the fold learns of drives and stints: from whole runs, runs that were cut off, old ledgers, and nonsense."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from results.errors import LedgerError
from results.stints import Stint
from tests.results.ledger_factory import uid_of
from tests.results.timed_ledger import BEGAN, TimedLedger, two_runs

ZERO = BEGAN.timestamp()


def stints(ledger: TimedLedger, number: int) -> list[tuple[int, float, float]]:
    """Run, begin and end in seconds since the first event."""
    return [(one.run, one.began - ZERO, one.ended - ZERO) for one in ledger.sweep().trial(uid_of(number)).stints]


def drives(ledger: TimedLedger) -> list[tuple[int, int, float, float, bool]]:
    return [(one.run, one.slots, one.ready - ZERO, one.ended - ZERO, one.closed) for one in ledger.sweep().sweep.drives]


def test_two_runs() -> None:
    ledger = two_runs()
    assert drives(ledger) == [(1, 2, 0, 41, True), (2, 1, 3700, 3770, True)]
    assert [drive.preparation_s for drive in ledger.sweep().sweep.drives] == [10, 20]
    assert stints(ledger, 0) == [(1, 1, 41)]
    assert stints(ledger, 1) == [(1, 1, 40), (2, 3700, 3760)]
    last = ledger.sweep().trial(uid_of(1)).stints[-1].times_s
    assert last["training"] == 38 and sum(last.values()) == 60


def test_a_trial_under_way_is_known_up_to_its_last_word() -> None:
    ledger = two_runs()
    del ledger.lines[7:]
    assert drives(ledger) == [(1, 2, 0, 31, False)]
    (one,), (other,) = (ledger.sweep().trial(uid_of(number)).stints for number in (0, 1))
    assert math.isnan(one.ended) and math.isnan(other.ended)
    assert (sum(one.times_s.values()), sum(other.times_s.values())) == (30, 6)


def test_a_driver_that_died_was_at_work_until_its_last_event() -> None:
    """What is written before the next says that it is there belongs to nobody's time."""
    ledger = two_runs()
    del ledger.lines[7:]
    ledger.add(3600, "extended", trials=3)
    ledger.add(3690, "resumed", run=2)
    ledger.finish(3691, 0, {"start_up": 8.0, "training": 31.0})  # found in its own records
    ledger.ready(3700, run=2)
    ledger.start(3705, 1, 2, start_up=5)
    assert drives(ledger) == [(1, 2, 0, 31, False), (2, 2, 3700, 3705, False)]
    (first,) = ledger.sweep().trial(uid_of(0)).stints
    assert (first.run, first.times_s) == (1, {"start_up": 8.0, "training": 31.0}) and math.isnan(first.ended)
    assert [stint.run for stint in ledger.sweep().trial(uid_of(1)).stints] == [1, 2]


def test_an_end_that_was_told_before_is_not_told_twice() -> None:
    """A trial that was stopped, and turns out to have finished: its record tells of an attempt that is in the ledger."""
    ledger = two_runs()
    del ledger.lines[10:]
    ledger.add(3690, "resumed", run=2)
    ledger.add(3690, "queued", uid=uid_of(1), reason="ended unnoticed")
    ledger.finish(3690, 1, {"training": 39.0})
    assert stints(ledger, 1) == [(1, 1, 40)]
    assert ledger.sweep().trial(uid_of(1)).stints[0].times_s["training"] == 19


def test_one_that_never_began_had_a_slot_all_the_same() -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.ready(5)
    ledger.suggest(6, 0)
    ledger.stop(16, 0, driver=0.5, start_up=9.5)
    assert stints(ledger, 0) == [(1, 6, 16)]


def test_a_lost_machine_ends_a_stint() -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.ready(0)
    ledger.suggest(0, 0)
    ledger.start(5, 0, start_up=5)
    ledger.add(20, "queued", uid=uid_of(0), reason="its machine was lost", times_s={"start_up": 5})
    ledger.start(30, 0, 2, start_up=4)
    assert stints(ledger, 0)[0] == (1, 0, 20) and stints(ledger, 0)[1][1] == 26


def test_a_ledger_without_times_has_none() -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.suggest(0, 0)
    ledger.add(1, "started", uid=uid_of(0), attempt=1)
    ledger.finish(9, 0)
    ledger.close(9)
    assert ledger.sweep().sweep.drives == () and ledger.sweep().trials[0].stints == ()


def test_opening_the_test_patients_is_no_part_of_a_drive() -> None:
    ledger = two_runs()
    split = ledger.sweep().sweep.split
    facts = {"trials": [uid_of(0)], "patients": list(split.test), "fingerprint": split.fingerprint}
    ledger.add(9000, "opened", opening=1, again=False, **facts)
    assert drives(ledger)[-1] == (2, 1, 3700, 3770, True)


@pytest.mark.parametrize(
    ("event", "payload", "words"),
    [
        ("ready", {"run": 2, "slots": 1}, "out of turn"),
        ("ready", {"run": 1, "slots": -1}, "so many slots"),
        ("ready", {"run": 1, "slots": 1, "seconds": -1.0}, "negative"),
        ("ready", {"run": 1, "slots": 1, "seconds": 1.0, "parts_s": {"start": 1e300}}, "beyond all bounds"),
        ("ready", {"run": 1, "slots": 1, "parts_s": [1.0]}, "wrong kind"),
        ("ready", {"slots": 1}, "lacks a part"),
        ("started", {"uid": uid_of(0), "times_s": {"start_up": "long"}}, "wrong kind"),
        ("started", {"uid": uid_of(0), "times_s": {"start_up": None}}, "negative"),
        ("started", {"uid": uid_of(0), "times_s": 3.0}, "wrong kind"),
        ("stopped", {"uid": uid_of(0), "epochs": 1, "times_s": {"training": -0.5}}, "negative"),
    ],
)
def test_times_that_cannot_be_are_refused_with_their_line(event: str, payload: dict[str, object], words: str) -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.suggest(0, 0)
    ledger.add(1, event, **payload)
    with pytest.raises(LedgerError, match=words) as caught:
        ledger.sweep()
    assert "line 3" in str(caught.value)


def test_a_driver_is_ready_once() -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.ready(1)
    ledger.ready(2)
    with pytest.raises(LedgerError, match="out of turn"):
        ledger.sweep()


def test_records_are_plain() -> None:
    assert asdict(Stint(1, 0.0, 1.0, {"training": 1.0}))["times_s"] == {"training": 1.0}
