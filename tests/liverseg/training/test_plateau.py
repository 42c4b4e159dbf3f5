from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from liverseg.config import PlateauRule
from liverseg.training.plan import stop_reason
from liverseg.training.plateau import flattened, median_slope
from tests.liverseg.training.packs import tiny_config
from tests.liverseg.training.test_plan import history

RULE = PlateauRule(epochs=4, gain=0.01)
SCORE = st.floats(0.0, 1.0)
RULES = st.builds(PlateauRule, epochs=st.integers(3, 6), gain=st.floats(0.001, 0.1), grace_epochs=st.integers(0, 9))


def ends_at(scores: list[float], rule: PlateauRule) -> int | None:
    """The first epoch after which a training with this curve ends."""
    return next((epoch for epoch in range(1, len(scores) + 1) if flattened(scores[:epoch], rule)), None)


def test_a_curve_that_saturates_ends_once_it_is_flat() -> None:
    curve = [0.8 * (1 - math.exp(-epoch / 2)) for epoch in range(1, 30)]
    end = ends_at(curve, RULE)
    assert end is not None
    assert curve[end - 1] - curve[end - 1 - RULE.epochs] < RULE.gain < curve[end - 2] - curve[end - 2 - RULE.epochs]
    assert max(curve) - curve[end - 1] < RULE.gain


def test_one_lucky_epoch_long_ago_ends_no_training_that_still_rises() -> None:
    curve = [0.3, 0.6, *(0.35 + 0.02 * epoch for epoch in range(8))]
    assert max(curve[2:]) < 0.6 and ends_at(curve, RULE) is None


def test_one_outlier_among_the_last_does_not_hide_that_the_others_are_flat() -> None:
    assert flattened([0.2, 0.5, 0.5, 0.1, 0.5, 0.5], RULE)


def test_epochs_without_a_score_tell_nothing() -> None:
    nan = math.nan
    assert not flattened([nan] * 9, RULE)
    assert not flattened([0.5, nan, nan, nan, 0.5], RULE)
    assert not flattened([nan, 0.5, 0.5, 0.5, 0.5], RULE)
    assert flattened([0.5, 0.5, nan, nan, 0.5], RULE)


@given(st.lists(SCORE, max_size=20), RULES)
def test_no_training_ends_within_its_grace(scores: list[float], rule: PlateauRule) -> None:
    end = ends_at(scores, rule)
    assert end is None or end >= max(rule.grace_epochs, rule.epochs + 1)


@given(st.lists(SCORE, min_size=1, max_size=20), RULES, st.floats(-0.5, 0.5))
def test_only_differences_count(scores: list[float], rule: PlateauRule, shift: float) -> None:
    # In eighths and with a gain between them rounding decides nothing.
    coarse = [round(8 * score) / 8 for score in scores]
    rule = replace(rule, gain=0.06)
    assert flattened(coarse, rule) == flattened([score + round(8 * shift) / 8 for score in coarse], rule)


@given(st.floats(0.0, 0.5), st.integers(8, 20), RULES)
def test_a_curve_that_rises_by_the_gain_is_never_ended(start: float, epochs: int, rule: PlateauRule) -> None:
    step = 1.01 * rule.gain / rule.epochs
    assert ends_at([start + step * epoch for epoch in range(epochs)], rule) is None


@given(st.lists(SCORE, min_size=1, max_size=20), RULES)
def test_a_larger_gain_never_trains_longer(scores: list[float], rule: PlateauRule) -> None:
    end, other = ends_at(scores, rule), ends_at(scores, replace(rule, gain=2 * rule.gain))
    assert end is None or (other is not None and other <= end)


@given(st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=9), st.integers(0, 8), SCORE)
def test_the_median_slope_of_a_line_survives_one_outlier_in_five(
    values: list[float], place: int, outlier: float
) -> None:
    assume(len(values) >= 5)
    line = [(epoch, 0.25 * epoch) for epoch in range(len(values))]
    line[place % len(line)] = (place % len(line), outlier)
    assert median_slope(line) == pytest.approx(0.25)


def test_it_is_a_reason_to_stop_and_the_least_of_them() -> None:
    scores = (0.2, 0.5, 0.5, 0.5, 0.5, 0.5)
    config = tiny_config(9, plateau=RULE)
    assert stop_reason(config, 3, history(*scores[:5])) is None
    assert stop_reason(config, 3, history(*scores)) == "plateau"
    assert stop_reason(replace(config, epochs=6), 3, history(*scores)) == "epochs"
    assert stop_reason(replace(config, early_stopping=4), 3, history(*scores)) == "early_stopping"
    assert stop_reason(replace(config, plateau=None), 3, history(*scores)) is None
