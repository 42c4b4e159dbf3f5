"""Which parameters told good trials from the others: PED-ANOVA, with what chance alone would give.

Source: Watanabe, Bansal, Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces"
(IJCAI 2023). The importance of a parameter is the Pearson divergence of its density among the best trials from that among
all of them; densities are Parzen estimates on a grid, with Scott's bandwidth and a prior kernel of weight 1. Beside it stands
the 95 % quantile of the same figure for equally many trials drawn at random: an importance below that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from results.parameters import Axis

Floats = npt.NDArray[np.float64]

FEWEST_TRIALS = 10
"""With fewer trials no importance is told."""
FEW_TRIALS = 20
"""With fewer it is called underpowered: in simulations a parameter that made most of the score was told from chance in 41 % of
searches of 10 trials, 74 % of 20, 91 % of 50; one that made a little in 7, 14 and 47 %; one that made nothing in 3 to 6 %."""
BEST_SHARE, FEWEST_BEST = 0.1, 5
STEPS = 50
DRAWS = 200
CHANCE = 0.95
_PRIOR_WEIGHT = 1.0
_LEAST_WIDTH = 0.5 / 1.64
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Importance:
    """Of one parameter.

    Attributes:
        parameter: its name.
        divergence: of the best trials' values from those of all trials, 0 or more.
        share: of the sum over parameters; NaN when all are 0.
        chance: 95 % quantile of the share (by the same sum) for trials drawn at random.
    """

    parameter: str
    divergence: float
    share: float
    chance: float

    @property
    def shown(self) -> bool:
        """Whether it is more than chance gives."""
        return self.share > self.chance


def importances(
    axes: Sequence[Axis], positions: Floats, gains: Floats, *, share: float | None = None, seed: int = 0
) -> tuple[Importance, ...]:
    """Importance of each parameter, highest first.

    Args:
        axes: one a parameter.
        positions: float `(trials, parameters)`, as the axes place the values.
        gains: float `(trials,)`, more is better, finite.
        share: of trials that count as best; None for `best_share`. Ties with the last of them count too.
        seed: of the draws.
    """
    if not len(gains) or not axes:
        return ()
    best = best_of(gains, best_share(len(gains)) if share is None else share)
    drawn = _draws(len(gains), int(best.sum()), seed)
    chosen = np.concatenate([best[None], drawn])
    found = np.array([_divergences(axis, positions[:, i], chosen) for i, axis in enumerate(axes)])
    total = found[:, 0].sum()
    shares = found / total if total > 0 else np.full_like(found, np.nan)
    made = [
        Importance(axis.name, float(found[i, 0]), float(shares[i, 0]), float(np.quantile(shares[i, 1:], CHANCE)))
        for i, axis in enumerate(axes)
    ]
    return tuple(sorted(made, key=lambda item: -item.divergence))


def best_share(trials: int) -> float:
    """A tenth of the trials, but at least five, and at most half."""
    return min(max(BEST_SHARE, FEWEST_BEST / max(trials, 1)), 0.5)


def best_of(gains: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Which trials are among the best `share` of all, ties with the last of them included."""
    last = math.ceil(share * len(gains)) - 1
    best: npt.NDArray[np.bool_] = gains >= np.sort(gains)[::-1][last]
    return best


def _draws(trials: int, size: int, seed: int) -> npt.NDArray[np.bool_]:
    """Random sets of `size` trials: bool `(DRAWS, trials)`."""
    order = np.random.default_rng(seed).random((DRAWS, trials)).argsort(axis=1)
    drawn: npt.NDArray[np.bool_] = order < size
    return drawn


def _divergences(axis: Axis, positions: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Pearson divergence for each row of `chosen`, `(rows, trials)`, from all trials."""
    cells, count = _cells(axis, positions)
    counts = np.stack([np.bincount(cells[row], minlength=count) for row in chosen]).astype(np.float64)
    everyone = np.bincount(cells, minlength=count).astype(np.float64)[None]
    density = _choice_densities if axis.choices else _range_densities
    top, local = density(counts) + _TINY, density(everyone) + _TINY
    divergence: Floats = (local * (top / local - 1) ** 2).sum(axis=1)
    return divergence


def _cells(axis: Axis, positions: Floats) -> tuple[npt.NDArray[np.intp], int]:
    """The cell of the grid in which each trial lies, and how many there are. On a border the lower cell counts."""
    if axis.choices:
        return positions.astype(np.intp), len(axis.choices)
    low, high = axis.ends
    cells = np.ceil((positions - low) / (high - low) * (STEPS - 1) - 0.5).astype(np.intp)
    return np.clip(cells, 0, STEPS - 1), STEPS


def _choice_densities(counts: Floats) -> Floats:
    """Densities over choices: counts `(rows, choices)` → the same, each row adding up to 1.

    Each choice that occurs is a kernel: most of its mass on itself, the rest spread evenly.
    """
    choices = counts.shape[1]
    spread = _PRIOR_WEIGHT / ((counts > 0).sum(axis=1, keepdims=True) + 1)
    own = 1 / (1 + choices * spread)
    weights = counts.sum(axis=1, keepdims=True)
    kernels = counts * own + weights * own * spread
    densities: Floats = (kernels + _PRIOR_WEIGHT / choices) / (weights + _PRIOR_WEIGHT)
    return densities


def _range_densities(counts: Floats) -> Floats:
    """Densities over the cells of a range: counts `(rows, cells)` → the same, each row adding up to 1."""
    count = counts.shape[1]
    masses = _normal_masses(_bandwidths(counts), np.arange(count, dtype=np.float64))
    prior = _normal_masses(np.array([float(count)]), np.array([(count - 1) / 2]))[0, 0]
    kernels = np.einsum("rk,rkc->rc", counts, masses)
    densities: Floats = (kernels + _PRIOR_WEIGHT * prior) / (counts.sum(axis=1, keepdims=True) + _PRIOR_WEIGHT)
    return densities


def _bandwidths(counts: Floats) -> Floats:
    """Scott's rule for each row, in cells: 1.059 · min(IQR / 1.34, SD) · n^(−1/5), at least what fits one cell."""
    cells, weights = np.arange(counts.shape[1]), counts.sum(axis=1)
    means = counts @ cells / weights
    squares = (counts * (cells - means[:, None]) ** 2).sum(axis=1)
    deviations = np.sqrt(squares / np.maximum(weights - 1, 1))
    reached = counts.cumsum(axis=1)
    low = (reached >= np.maximum(weights // 4, 1)[:, None]).argmax(axis=1)
    high = (reached > (weights * 3 // 4)[:, None]).argmax(axis=1)
    widths = 1.059 * np.minimum((high - low) / 1.34, deviations) * weights**-0.2
    return np.asarray(np.maximum(widths, _LEAST_WIDTH), np.float64)


def _normal_masses(widths: Floats, centres: Floats, count: int = STEPS) -> Floats:
    """Mass in each cell of normal kernels cut off at the ends: `(widths, centres, cells)`."""
    borders = np.arange(count + 1) - 0.5
    below = ndtr((borders - centres[:, None]) / widths[:, None, None])
    masses: Floats = np.diff(below, axis=2) / (below[..., -1:] - below[..., :1])
    return masses
