from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.ranking import best_by_architecture, rank_trials
from results.records import TrialRecord
from results.sweep_parts import Objective
from sweeps.search import retention
from sweeps.search.retention import STATE, WEIGHTS, Release, Retention

DICE = Objective("val_dice", "maximize")
TIME = Objective("s_per_epoch", "minimize")
COST = Objective("gflops", "minimize")
NAMES = ("unet", "segnet", "encoder_decoder")
BOTH = (WEIGHTS, STATE)

# few different values, so that there are ties; a missing one now and then
VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan])
ENDS = st.lists(st.tuples(st.sampled_from(NAMES), st.tuples(VALUES, VALUES, VALUES)), max_size=25).flatmap(
    st.permutations
)


def trial(number: int, architecture: str, values: Sequence[float], objectives: Sequence[Objective]) -> TrialRecord:
    metrics = {item.metric: value for item, value in zip(objectives, values, strict=True)}
    return TrialRecord(f"t{number}", number, architecture, {}, "search", 0, 0, "finished", metrics=metrics)


def ended(kept: Retention, record: TrialRecord, objectives: Sequence[Objective]) -> tuple[Release, ...]:
    values = [record.metrics[item.metric] for item in objectives]
    return kept.ended(record.uid, record.number, record.architecture, record.state, values)


def records(ends: Sequence[tuple[str, tuple[float, ...]]], objectives: Sequence[Objective]) -> list[TrialRecord]:
    """Trials in the order in which they end; their numbers are in another order."""
    numbers = list(range(len(ends)))
    random.Random(7).shuffle(numbers)
    width = len(objectives)
    return [trial(n, name, values[:width], objectives) for n, (name, values) in zip(numbers, ends, strict=True)]


class TestRepetitions:
    """Trials that repeat a setting on other folds or with other seeds."""

    def test_keep_their_weights_as_long_as_the_first_trial_does(self) -> None:
        kept = Retention(1, [DICE])
        assert kept.ended("t0", 0, "unet", "finished", [0.5]) == ()
        assert kept.repeated("t1", "t0", "finished") == (Release("t1", (STATE,)),)
        assert kept.repeated("t2", "t0", "finished") == (Release("t2", (STATE,)),)
        better = kept.ended("t3", 3, "unet", "finished", [0.6])
        assert better == tuple(Release(uid, BOTH) for uid in ("t0", "t1", "t2"))

    def test_that_end_after_the_first_trial_was_given_up_go_at_once(self) -> None:
        kept = Retention(1, [DICE])
        kept.ended("t0", 0, "unet", "finished", [0.5])
        kept.ended("t1", 1, "unet", "finished", [0.6])
        assert kept.repeated("t2", "t0", "finished") == (Release("t2", BOTH),)

    def test_may_end_before_it_is_known_how_good_their_setting_is(self) -> None:
        kept = Retention(1, [DICE])
        kept.ended("t0", 0, "unet", "finished", [0.6])
        assert kept.repeated("t2", "t1", "finished") == (Release("t2", (STATE,)),)
        assert kept.ended("t1", 1, "unet", "finished", [0.5]) == (Release("t1", BOTH), Release("t2", BOTH))

    def test_that_failed_keep_the_state_from_which_they_may_be_tried_again(self) -> None:
        assert Retention(1, [DICE]).repeated("t1", "t0", "failed") == (Release("t1", (WEIGHTS,)),)

    def test_all_stay_where_all_are_kept(self) -> None:
        kept = Retention(None, [DICE])
        assert kept.repeated("t1", "t0", "finished") == () == kept.repeated("t2", "t0", "failed")


class TestOneObjective:
    @given(ENDS, st.integers(1, 6))
    def test_keeps_what_ranking_all_trials_anew_would(
        self, ends: list[tuple[str, tuple[float, ...]]], best: int
    ) -> None:
        kept, seen, gone = Retention(best, [DICE]), [], set()
        for record in records(ends, [DICE]):
            seen.append(record)
            releases = ended(kept, record, [DICE])
            ranked = [place.trial.uid for place in rank_trials(seen, [DICE]) if place.rank is not None]
            firsts = {first.uid for first in best_by_architecture(seen, [DICE]).values() if first}
            assert kept.kept == set(ranked[:best]) | firsts
            assert all(release.what == BOTH for release in releases)
            gone |= {release.uid for release in releases}
            assert gone == {record.uid for record in seen} - kept.kept

    @given(ENDS, st.integers(1, 6))
    def test_nothing_is_given_up_twice(self, ends: list[tuple[str, tuple[float, ...]]], best: int) -> None:
        kept = Retention(best, [DICE])
        uids = [release.uid for record in records(ends, [DICE]) for release in ended(kept, record, [DICE])]
        assert len(uids) == len(set(uids))

    @given(ENDS, st.integers(1, 6), st.randoms(use_true_random=False))
    def test_the_order_does_not_matter_and_repeats_change_nothing(
        self, ends: list[tuple[str, tuple[float, ...]]], best: int, chance: random.Random
    ) -> None:
        first, second = Retention(best, [TIME]), Retention(best, [TIME])
        trials = records(ends, [TIME])
        for record in trials:
            ended(first, record, [TIME])
        chance.shuffle(trials)
        for record in trials:
            ended(second, record, [TIME])
            assert ended(second, record, [TIME]) == ()
        assert first.kept == second.kept

    def test_less_is_better_where_the_objective_says_so(self) -> None:
        kept = Retention(1, [TIME])
        assert kept.ended("slow", 0, "unet", "finished", [9.0]) == ()
        assert kept.ended("fast", 1, "unet", "finished", [2.0]) == (Release("slow", BOTH),)

    def test_a_tie_goes_to_the_lower_number_whoever_ends_first(self) -> None:
        kept = Retention(1, [DICE])
        assert kept.ended("t5", 5, "unet", "finished", [0.5]) == ()
        assert kept.ended("t6", 6, "unet", "finished", [0.5]) == (Release("t6", BOTH),)
        assert kept.ended("t4", 4, "unet", "finished", [0.5]) == (Release("t5", BOTH),)

    def test_each_architecture_keeps_its_best(self) -> None:
        kept = Retention(1, [DICE])
        assert kept.ended("t0", 0, "segnet", "finished", [0.2]) == ()
        assert kept.ended("t1", 1, "unet", "finished", [0.9]) == ()
        assert kept.ended("t2", 2, "unet", "finished", [0.8]) == (Release("t2", BOTH),)
        assert kept.ended("t3", 3, "segnet", "finished", [0.3]) == (Release("t0", BOTH),)
        assert kept.kept == {"t1", "t3"}


class TestSeveralObjectives:
    @given(ENDS, st.integers(1, 6), st.sampled_from([(DICE, TIME), (DICE, TIME, COST)]))
    @settings(deadline=None)
    def test_the_first_front_and_each_architectures_best_are_never_given_up(
        self, ends: list[tuple[str, tuple[float, ...]]], best: int, objectives: tuple[Objective, ...]
    ) -> None:
        kept, seen, gone = Retention(best, objectives), [], set()
        for record in records(ends, objectives):
            before = kept.kept
            seen.append(record)
            gone |= {release.uid for release in ended(kept, record, objectives)}
            ranked = [place for place in rank_trials(seen, objectives) if place.rank is not None]
            front = {place.trial.uid for place in ranked if place.front == 1}
            assert front <= kept.kept
            assert kept.kept - before <= {record.uid}
            assert gone == {other.uid for other in seen} - kept.kept
            assert min(best, len(ranked)) <= len(kept.kept) <= max(best, len(front)) + len(NAMES)
            for name in {place.trial.architecture for place in ranked}:
                own = [place.trial for place in ranked if place.trial.architecture == name]
                first = max(item.gain(other.metric(item.metric)) for other in own for item in objectives[:1])
                assert first in {other.metric("val_dice") for other in own if other.uid in kept.kept}

    @given(ENDS, st.integers(1, 6))
    @settings(deadline=None)
    def test_further_fronts_fill_up_from_what_is_kept(
        self, ends: list[tuple[str, tuple[float, ...]]], best: int
    ) -> None:
        objectives = (DICE, TIME)
        kept, places = Retention(best, objectives), []
        for number, (_, values) in enumerate(ends):
            # one architecture, so that at most one trial is kept for being its best
            record = trial(number, "unet", values[:2], objectives)
            ended(kept, record, objectives)
            ranked = [place for place in rank_trials([*places, record], objectives) if place.rank is not None]
            places = [place.trial for place in ranked if place.front == 1 or (place.rank or 0) <= best]
            assert {place.uid for place in places} <= kept.kept
            assert len(kept.kept - {place.uid for place in places}) <= 1

    def test_the_same_ends_again_keep_the_same(self) -> None:
        chance = random.Random(3)
        ends = [(chance.choice(NAMES), (chance.random(), chance.random(), 0.0)) for _ in range(200)]
        first, second = Retention(5, [DICE, TIME]), Retention(5, [DICE, TIME])
        for record in records(ends, [DICE, TIME]):
            assert ended(first, record, [DICE, TIME]) == ended(second, record, [DICE, TIME])
            assert ended(second, record, [DICE, TIME]) == ()
        assert first.kept == second.kept


class TestOtherEnds:
    @pytest.mark.parametrize("best", [1, 1000, None])
    @pytest.mark.parametrize("state", ["running", "queued", "stopped"])
    def test_a_trial_that_goes_on_is_never_touched(self, best: int | None, state: str) -> None:
        assert Retention(best, [DICE]).ended("t0", 0, "unet", state, []) == ()

    def test_a_pruned_trial_keeps_nothing_and_a_failed_one_its_state(self) -> None:
        kept = Retention(3, [DICE])
        assert kept.ended("t0", 0, "unet", "pruned", [0.9]) == (Release("t0", BOTH),)
        assert kept.ended("t1", 1, "unet", "failed", []) == (Release("t1", (WEIGHTS,)),)
        assert kept.kept == frozenset()

    def test_a_failed_trial_that_finishes_when_tried_again_counts(self) -> None:
        kept = Retention(1, [DICE])
        kept.ended("t0", 0, "unet", "failed", [])
        assert kept.ended("t0", 0, "unet", "finished", [0.4]) == ()
        assert kept.kept == {"t0"}

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_without_a_number_a_trial_is_nobodys_best(self, value: float) -> None:
        kept = Retention(3, [DICE])
        assert kept.ended("t0", 0, "unet", "finished", [value]) == (Release("t0", BOTH),)
        assert kept.kept == frozenset()

    def test_all_keeps_every_trials_weights(self) -> None:
        kept = Retention(None, [DICE])
        assert [kept.ended(f"t{n}", n, "unet", "finished", [value]) for n, value in enumerate((0.1, math.nan))] == [
            (),
            (),
        ]
        assert kept.ended("t2", 2, "unet", "pruned", [0.1]) == (Release("t2", (STATE,)),)
        assert kept.ended("t3", 3, "unet", "failed", []) == ()
        assert kept.kept == {"t0", "t1"}


@pytest.mark.parametrize("objectives", [(DICE,), (DICE, TIME)], ids=["one", "two"])
def test_the_work_of_one_end_does_not_grow_with_the_sweep(
    objectives: tuple[Objective, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    monkeypatch.setattr(retention, "pareto_fronts", counting(retention.pareto_fronts, compared))
    kept, chance = Retention(5, objectives), random.Random(1)
    for number in range(10_000):
        value = chance.random()
        # the second objective goes with the first: the first front stays small
        values = [value, -value + 0.01 * chance.random()][: len(objectives)]
        kept.ended(f"t{number}", number, NAMES[number % 3], "finished", values)
        assert len(kept.kept) <= 60
    assert max(compared, default=0) < 60


def counting(ranked, sizes: list[int]):
    def wrapped(gains):
        sizes.append(len(gains))
        return ranked(gains)

    return wrapped
