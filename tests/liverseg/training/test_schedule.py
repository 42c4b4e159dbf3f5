from __future__ import annotations

import json
import math

import pytest

from liverseg.errors import ConfigError
from liverseg.training.schedule import Plateau, build_schedule


def test_constant_stays():
    assert {build_schedule("constant", 0.1, 10).rate(update) for update in (0, 5, 99)} == {0.1}


def test_cosine_falls_to_zero_over_the_planned_updates():
    schedule = build_schedule("cosine", 0.1, 100)
    rates = [schedule.rate(update) for update in range(101)]
    assert rates[0] == 0.1 and rates[50] == pytest.approx(0.05) and rates[100] == pytest.approx(0.0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)
    assert schedule.rate(500) == pytest.approx(0.0, abs=1e-12)


def observed(*scores: float) -> Plateau:
    schedule = Plateau(0.1)
    for score in scores:
        schedule.observe(score)
    return schedule


def test_plateau_halves_after_three_epochs_without_gain():
    assert observed(0.5, 0.4, 0.5).rate(0) == 0.1
    assert observed(0.5, 0.4, 0.5, 0.5).rate(0) == pytest.approx(0.05)
    assert observed(0.5, 0.4, 0.6, 0.5, 0.5).rate(0) == 0.1
    assert observed(0.5, *[0.1] * 6).rate(0) == pytest.approx(0.025)


def test_undefined_scores_are_no_gain():
    assert observed(math.nan, math.nan, math.nan).rate(0) == pytest.approx(0.05)


@pytest.mark.parametrize("scores", [(), (0.5, 0.4), (0.5, 0.1, 0.1, 0.1, 0.1)])
def test_plateau_goes_on_from_its_state(scores):
    before = observed(*scores)
    after = Plateau(0.1)
    after.restore(json.loads(json.dumps(before.state())))
    assert after == before


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"constant \| cosine \| plateau"):
        build_schedule("linear", 0.1, 1)
