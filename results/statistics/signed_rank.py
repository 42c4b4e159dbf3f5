"""The paired test: Wilcoxon's signed-rank test, exact for few patients, with Pratt's treatment of zeros; and Holm.

Two networks that both miss a tumour have the same Dice, 0. Such zero differences are ranked along with the others and
then dropped (J. Pratt, JASA 54, 1959): that both failed on the hardest patients must not make the rest look like less,
nor like more. Ties get mid-ranks. The p-value is that of the permutation test in which every non-zero difference may
have had the other sign: counted out in full up to 50 patients, from the normal approximation above (its variance takes
account of ties and zeros; no continuity correction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from results.statistics.resampling import DECIMALS, Floats

EXACT_UP_TO = 50


@dataclass(frozen=True, slots=True)
class SignedRank:
    """A signed-rank test.

    Attributes:
        n: pairs.
        zeros: how many of them do not differ.
        p: two-sided; 1 when no pair differs, NaN without a pair.
        rank_biserial: (W₊ − W₋) / (W₊ + W₋), from −1 (every difference negative) to 1; 0 when no pair differs, NaN
            without a pair. D. Kerby, Comprehensive Psychology 3 (2014).
    """

    n: int
    zeros: int
    p: float
    rank_biserial: float


def signed_rank(differences: Sequence[float] | Floats) -> SignedRank:
    """The test of paired differences, one a patient; NaN are left out. Differences are rounded to 12 decimals."""
    values = np.round(np.asarray(differences, np.float64), DECIMALS)
    values = values[~np.isnan(values)]
    if not values.size:
        return SignedRank(0, 0, float("nan"), float("nan"))
    ranks, differ = _doubled_ranks(np.abs(values)), values != 0
    if not differ.any():
        return SignedRank(values.size, values.size, 1.0, 0.0)
    total, positive = int(ranks[differ].sum()), int(ranks[values > 0].sum())
    test = _exact if values.size <= EXACT_UP_TO else _normal
    zeros = values.size - int(differ.sum())
    return SignedRank(values.size, zeros, test(ranks[differ], positive), (2 * positive - total) / total)


def _doubled_ranks(sizes: Floats) -> npt.NDArray[np.int64]:
    """Twice the mid-rank of each value, so that it is a whole number."""
    _, place, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    doubled: npt.NDArray[np.int64] = (2 * np.cumsum(counts) - counts + 1)[place]
    return doubled


def _exact(ranks: npt.NDArray[np.int64], positive: int) -> float:
    """Share of the sign patterns at least as far out: the distribution of the sum is built up rank by rank."""
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0] = 1.0
    for rank in ranks:
        moved = chance[:-rank] / 2
        chance /= 2
        chance[rank:] += moved
    outer = min(positive, len(chance) - 1 - positive)
    return min(1.0, 2 * float(chance[: outer + 1].sum()))


def _normal(ranks: npt.NDArray[np.int64], positive: int) -> float:
    distance = abs(positive - ranks.sum() / 2)
    return float(2 * special.ndtr(-distance / np.sqrt((ranks.astype(np.float64) ** 2).sum() / 4)))


def smallest_p(n: int) -> float:
    """The smallest two-sided p-value that `n` pairs can give: all differences of one sign, 2 / 2ⁿ."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p: Sequence[float] | Floats) -> Floats:
    """Holm's adjusted p-values, in the order given. NaN marks a test that was not made: it stays NaN and is not
    counted.

    Rejecting where the adjusted value is at most α keeps the chance of any false rejection at or below α, whatever the
    dependence between the tests. S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    raw = np.asarray(p, np.float64)
    made = np.flatnonzero(~np.isnan(raw))
    order = made[np.argsort(raw[made], kind="stable")]
    scaled = raw[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(raw.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if order.size else scaled
    return adjusted
