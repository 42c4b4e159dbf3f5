"""Who lost because of less budget: every outcome from a race done by hand."""

from __future__ import annotations

import pytest

from results.statistics.fairness import Fight, fights
from tests.results.plots.test_plots import folded
from tests.results.race_ledger import Run, race

WINNER = [Run("segnet", score) for score in (0.50, 0.60, 0.62, 0.70)]


def fight(*runs: Run, **changes: object) -> Fight:
    (found,) = fights(folded(race(runs, **changes)))
    return found


def unet(*scores: float | None, **cost: float) -> list[Run]:
    return [Run("unet", score, **cost) for score in scores]  # type: ignore[arg-type]


OUTCOMES = [
    (unet(0.55, 0.61), "less"),  # at two trials segnet had 0.60
    (unet(0.55, 0.60), "less"),  # no worse is enough
    (unet(0.55, 0.57), "part"),  # 0.03 behind then, 0.13 at the end
    (unet(0.30, 0.35), "despite"),
    (unet(0.55, 0.61, 0.61, 0.61), "as much"),
    (unet(0.55, 0.61, 0.61, 0.61, seconds=5), "cheaper"),
    (unet(0.55, 0.59, 0.58, 0.51, seconds=9), "as much"),  # 36 of 40 s are as much
    (unet(0.30, 0.35, 0.31, 0.33, seconds=5), "as much"),  # cheaper, and worse for the time too
    (unet(0.55, 0.61, updates=200), "mixed"),  # half the trials, all the updates
    (unet(None, None), "unscored"),
]


@pytest.mark.parametrize(("runs", "outcome"), OUTCOMES)
def test_the_outcome(runs: list[Run], outcome: str) -> None:
    assert fight(*WINNER, *runs).outcome == outcome


def test_half_of_the_gap_left_is_no_explanation() -> None:
    found = fight(*[Run("segnet", score) for score in (0.5, 0.5, 0.75)], *unet(0.25))
    assert [share.reading for share in found.shares] == ["does not explain it"] * 3
    assert {share.gap_then for share in found.shares} == {0.25} and found.gap == 0.5


def test_repetitions_may_turn_the_order_and_then_nobody_lost_the_search() -> None:
    """The best setting is the one that was repeated, though another had a luckier single score."""
    runs = [Run("segnet", 0.7), Run("segnet", 0.7, replicates=0), Run("unet", 0.8)]
    found = fight(*runs)
    assert (found.winner, found.outcome, found.fair) == ("segnet", "not behind", True)


def test_a_winner_without_a_score_by_then_was_not_ahead() -> None:
    found = fight(Run("segnet", None), Run("segnet", 0.7), *unet(0.6))
    assert found.outcome == "mixed", "the failed trial told no updates, so by updates they are even"
    assert {share.measure: share.reading for share in found.shares} == {
        "trials": "explains it",
        "updates": "as much",
        "seconds": "explains it",
    }


def test_eighty_per_cent_is_as_much() -> None:
    winner = [Run("segnet", 0.1 * i) for i in range(1, 6)]
    assert fight(*winner, *unet(0.1, 0.1, 0.1, 0.1)).outcome == "as much"
    assert fight(*winner, *unet(0.31, 0.3, 0.3)).outcome == "less"


@pytest.mark.parametrize(
    ("runs", "fair"),
    [
        (unet(0.55, 0.61), False),
        (unet(0.55, 0.57), False),
        (unet(0.30, 0.35), True),
        (unet(0.55, 0.61, 0.61, 0.61, seconds=5), True),
        (unet(None, None), False),
    ],
)
def test_a_fight_is_fair_unless_trials_or_updates_explain_the_gap(runs: list[Run], fair: bool) -> None:
    assert fight(*WINNER, *runs).fair is fair


def test_the_expected_best_is_of_as_many_of_the_winners_trials() -> None:
    found = fight(*WINNER, *unet(0.5, None, 0.6))
    # Best of two draws from 0.50, 0.60, 0.62, 0.70: shares 1, 3, 5, 7 of 16.
    assert found.drawn == 2
    assert found.expected == pytest.approx((0.50 + 3 * 0.60 + 5 * 0.62 + 7 * 0.70) / 16)
    assert fight(*WINNER, *unet(*[0.1] * 5)).expected != fight(*WINNER, *unet(*[0.1] * 5)).expected, "not so many: NaN"


def test_late_improvement_of_the_search_and_of_the_training() -> None:
    flat = (0.1, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.605)
    rising = (0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.57, 0.6)
    runs = [Run("unet", score, curve=flat) for score in (0.5, 0.55, 0.5)]
    assert fight(*WINNER, *runs, Run("unet", 0.6, curve=flat)).late_trials == pytest.approx(0.05)
    assert fight(*WINNER, *runs, Run("unet", 0.55, curve=flat)).late_trials == 0
    assert fight(*WINNER, *runs, Run("unet", 0.6, curve=flat)).late_epochs == 0, "under 2 % of the best"
    assert fight(*WINNER, *runs, Run("unet", 0.6, curve=rising)).late_epochs == pytest.approx(0.05)
    assert fight(*WINNER, *runs[:2], Run("unet", 0.6, curve=rising[-3:])).late_epochs == 0, "too short to tell"
    assert fight(*WINNER, *runs[:2], Run("unet", 0.6)).late_trials == 0, "too few to tell"


def test_less_is_better_where_the_objective_says_so() -> None:
    loss = [{"metric": "val_dice", "direction": "minimize"}]
    winner = [Run("segnet", score) for score in (0.5, 0.4, 0.3)]
    found = fight(*winner, *unet(0.45), objective=loss)
    assert (found.winner, found.outcome) == ("segnet", "less") and found.gap == pytest.approx(0.15)
    assert found.shares[0].winner_then == 0.5 and found.shares[0].gap_then == pytest.approx(-0.05)


def test_without_a_score_nobody_won() -> None:
    assert fights(folded(race(unet(None)))) == ()
