"""Whether a learning curve has flattened: a pure function of the scores so far, so that a resumed training decides the same.

Two questions must both be answered with no. Did the best score rise by `gain` within the last `epochs` epochs? That is the
usual patience with a least improvement, and alone it is deceived by one lucky epoch long ago, after which a curve that
still rises cannot pass it for a while. Would the trend of those epochs bring `gain` in as many more? The trend is the
median slope over all pairs of epochs (Theil 1950, Sen 1968), which one outlier in four does not move; alone it is deceived
by noise, since over five epochs its error is as large as the noise of a score.

A curve that waits looks flat too. Mean Dice does so while a network finds the liver and no tumour yet. Neither question can
tell: whoever trains for two labels gives `grace_epochs` accordingly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median

from liverseg.config import PlateauRule


def flattened(scores: Sequence[float], rule: PlateauRule) -> bool:
    """Whether the training is to end here.

    Args:
        scores: validation score after each epoch, from the first; more is better. NaN is a missing one.
        rule: when a curve counts as flat.

    Returns:
        False before `rule.first_epoch`, and where the last epochs, or those before them, hold too few numbers to tell.
    """
    if len(scores) < rule.first_epoch:
        return False
    before = [score for score in scores[: -rule.epochs] if not math.isnan(score)]
    recent = [(epoch, score) for epoch, score in enumerate(scores[-rule.epochs :]) if not math.isnan(score)]
    if not before or len(recent) < 2:
        return False
    risen = max(score for _, score in recent) - max(before)
    return risen < rule.gain and median_slope(recent) * rule.epochs < rule.gain


def median_slope(points: Sequence[tuple[int, float]]) -> float:
    """The median of the slopes between all pairs of points; at least two points with different places."""
    return median((right - left) / (later - earlier) for (earlier, left), (later, right) in combinations(points, 2))
