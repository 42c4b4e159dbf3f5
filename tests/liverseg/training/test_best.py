from __future__ import annotations

import math

import pytest

from liverseg.training.best import epochs_without_gain, improves

NAN = math.nan


@pytest.mark.parametrize(
    ("candidate", "best", "expected"),
    [
        (0.1, None, True),
        (NAN, None, True),
        (0.2, 0.1, True),
        (0.1, 0.1, False),
        (0.0, 0.1, False),
        (NAN, 0.1, False),
        (0.0, NAN, True),
        (NAN, NAN, True),
    ],
)
def test_the_highest_earliest_number_wins(candidate, best, expected):
    assert improves(candidate, best) is expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([], 0), ([0.1], 0), ([0.1, 0.1], 1), ([0.1, 0.0, NAN], 2), ([0.1, 0.0, 0.2], 0), ([NAN, NAN], 2)],
)
def test_epochs_since_the_best(scores, expected):
    assert epochs_without_gain(scores) == expected
