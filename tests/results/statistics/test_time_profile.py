"""Parts are never negative and add up to the wall, whatever the schedule; what nobody told is told apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.training.spans import CHECKPOINTING, START_UP, TRACING, TRAINING, VALIDATION
from results.statistics.time_profile import OF_TRIALS, PARTS, TimeProfile, time_profile, with_closing
from sweeps.search.slot_time import DRIVER
from tests.results.ledger_factory import realistic, uid_of
from tests.results.plots.test_plots import folded
from tests.results.timed_ledger import TimedLedger, two_runs


def test_the_words_are_those_of_who_measures() -> None:
    assert OF_TRIALS == (START_UP, TRACING, TRAINING, VALIDATION, CHECKPOINTING, DRIVER)


def test_two_runs_by_hand() -> None:
    """Two slots for 41 s, of which trial 0 had 40 and trial 1 had 39; then one slot for 70 s, of which trial 1 had 60."""
    profile = time_profile(two_runs().sweep())
    assert profile.wall_s == pytest.approx(10 + 41 + 20 + 70)
    assert profile.parts_s == pytest.approx(
        {
            "preparation": 30,
            "waiting": (82 - 79) / 2 + 10,
            "start_up": (9 + 9.5) / 2 + 9,
            "tracing": 10 + 10,
            "training": (16 + 19) / 2 + 38,
            "validation": 2 / 2 + 1,
            "checkpointing": 1 / 2 + 1,
            "driver": (2 + 0.5) / 2 + 1,
        }
    )
    assert profile.untold_s == pytest.approx(0, abs=1e-6)
    assert profile.sum_s == pytest.approx(profile.wall_s)
    assert profile.preparation_s == {"start": 28, "cluster": 2}
    assert [(item.name, item.trials, round(item.slot_s, 3)) for item in profile.architectures] == [
        ("unet", 1, 40),
        ("segnet", 1, 99),
    ]
    assert [item.name for item in profile.trials] == [uid_of(1), uid_of(0)]
    closed = with_closing(profile, 5.0)
    assert (closed.wall_s, closed.parts_s["driver"]) == (profile.wall_s + 5, profile.parts_s["driver"] + 5)


def test_what_nobody_told_is_no_part() -> None:
    ledger = two_runs()
    del ledger.lines[7:]  # until 31: trial 0 told all but its last second in its 30, trial 1 told 6 of 30
    profile = time_profile(ledger.sweep())
    assert profile.untold_s == pytest.approx((0 + 24) / 2)
    assert profile.sum_s + profile.untold_s == pytest.approx(profile.wall_s)
    assert profile.difference == pytest.approx(12 / 41)


def test_times_that_were_forgotten_show_in_the_difference() -> None:
    """The sum is a check: a stint of 40 s of which only 10 are told is missed, and one told twice is too much."""
    for told, sign in ({"training": 10.0}, 1), ({"training": 70.0}, -1):
        ledger = TimedLedger()
        ledger.begin()
        ledger.ready(0, slots=1, seconds=0.0)
        ledger.suggest(0, 0)
        ledger.start(1, 0, start_up=1)
        ledger.finish(40, 0, told)
        ledger.close(40)
        profile = time_profile(ledger.sweep())
        assert profile.difference * 40 == pytest.approx(sign * 30)


def test_runs_of_older_versions_are_counted_and_left_out() -> None:
    profile = time_profile(folded(realistic(6)))
    assert (profile.wall_s, profile.sum_s, profile.untold_runs, profile.drives) == (0, 0, 1, ())
    assert math.isnan(profile.difference) and math.isnan(profile.share("training"))


def test_a_run_without_slots_is_the_drivers() -> None:
    ledger = TimedLedger()
    ledger.begin()
    ledger.ready(3, slots=0, seconds=None)
    ledger.close(5)
    profile = time_profile(ledger.sweep())
    assert (profile.wall_s, profile.parts_s["driver"], profile.sum_s) == (2, 2, 2)


SECONDS = st.integers(0, 50).map(float)
TRIAL = st.tuples(SECONDS, st.lists(SECONDS, min_size=len(OF_TRIALS), max_size=len(OF_TRIALS)), st.booleans())
RUN = st.tuples(SECONDS, st.lists(st.lists(TRIAL, max_size=3), min_size=1, max_size=3), SECONDS)


@given(st.lists(RUN, min_size=1, max_size=3))
def test_parts_are_not_negative_and_add_up_to_the_wall(runs: list[tuple[float, list[list[tuple]], float]]) -> None:
    """Any schedule: runs of slots, each with trials one after another, gaps between them, some stopped, pauses between runs."""
    profile, wall = scheduled(runs)
    assert all(seconds >= 0 for seconds in profile.parts_s.values())
    assert set(profile.parts_s) == set(PARTS)
    assert profile.wall_s == pytest.approx(wall, abs=1e-3)
    assert profile.sum_s + profile.untold_s == pytest.approx(wall, abs=0.01)
    assert profile.untold_s == pytest.approx(0, abs=0.01)


def scheduled(runs: list[tuple[float, list[list[tuple]], float]]) -> tuple[TimeProfile, float]:
    """The profile of a schedule and its wall."""
    ledger, now, wall, number, events = TimedLedger(), 0.0, 0.0, 0, []
    ledger.begin(99)
    for run, (preparation, slots, tail) in enumerate(runs, 1):
        if run > 1:
            events.append((now, number, ledger.add, ("resumed",), {"run": run}))
        now += 1000
        events.append(
            (now, number, ledger.ready, (), {"run": run, "slots": len(slots), "seconds": preparation or None})
        )
        over = now
        for slot in slots:
            at = now
            for gap, spent, stops in slot:
                times_s = dict(zip(OF_TRIALS, spent, strict=True))
                started = {"driver": times_s["driver"], "start_up": times_s["start_up"]}
                begin, at = at + gap, at + gap + sum(spent)
                events.append((begin, number, ledger.suggest, (number,), {}))
                events.append((begin + sum(started.values()), number, ledger.start, (number,), started))
                if stops:
                    events.append((at, number, ledger.stop, (number,), times_s))
                else:
                    events.append((at, number, ledger.finish, (number, times_s), {}))
                number += 1
            over = max(over, at)
        wall += preparation + over + tail - now
        now = over + tail
        events.append((now, number, ledger.close, (), {"reason": "interrupted"}))
    for at, _, call, arguments, named in sorted(events, key=lambda event: event[:2]):
        call(at, *arguments, **named)
    return time_profile(ledger.sweep()), wall
