"""How firm a ranking is: ranks over resampled patients, the chance to be first, and Kendall's τ between rankings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.statistics.resampling import Floats, resample_weights, weighted_means
from results.statistics.scores import Scores

ALL_LABELS = "all labels"
"""Name of the ranking by the mean over labels of the mean Dice, as `val_dice` ranks."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """A ranking of the models by mean Dice, over the patients that all of them scored.

    Attributes:
        label: of the Dice, or `ALL_LABELS`.
        models: in the order of the scores.
        n: patients (for `ALL_LABELS`: of the label with the fewest).
        means: float `(models,)`, over those patients; NaN when there is none.
        ranks: float `(models,)`, from 1, ties sharing the mean of their ranks.
        chances: float `(models, models)`: share of the resamples in which model i had rank j + 1; ties share their
            ranks evenly, so that rows and columns add up to 1. NaN when there is no patient.
        tau: mean of Kendall's τ-b between the ranking of a resample and this one; NaN with one model, or when all are
            tied.
        tau_low: 5 % of the resamples agree less than this.
        draws: means of each resample, float `(count, models)`.
    """

    label: str
    models: tuple[str, ...]
    n: int
    means: Floats
    ranks: Floats
    chances: Floats
    tau: float
    tau_low: float
    draws: Floats

    def first(self, model: str) -> float:
        """P(rank 1) of a model; NaN when there is no patient."""
        return float(self.chances[self.models.index(model), 0])

    @property
    def leader(self) -> str:
        """The model with the highest mean (the first of them); empty when there is no patient."""
        known = not np.isnan(self.means).any() and self.means.size > 0
        return self.models[int(self.means.argmax())] if known else ""


def rankings(scores: Scores, weights: Floats | None = None) -> tuple[Ranking, ...]:
    """A ranking for each label, and with several labels one over all of them; over the same resamples.

    A resample without any patient of a label (tumour patients may be few) counts for no ranking that needs it.
    """
    drawn = resample_weights(len(scores.patients)) if weights is None else weights
    found, sums, draws = [], [], []
    for label in scores.labels:
        values, n = _shared(scores.by_patient(label))
        means, resampled = weighted_means(np.ones((1, values.shape[1])), values)[0], weighted_means(drawn, values)
        found.append(_ranking(label, scores.models, n, means, resampled))
        sums.append(means)
        draws.append(resampled)
    if len(found) > 1:
        n = min(ranking.n for ranking in found)
        means, resampled = np.mean(sums, axis=0), np.mean(draws, axis=0)
        found.append(_ranking(ALL_LABELS, scores.models, n, means, resampled))
    return tuple(found)


def _shared(values: Floats) -> tuple[Floats, int]:
    """The values with NaN for every patient that some model lacks, and how many are left."""
    complete = ~np.isnan(values).any(axis=0)
    return np.where(complete, values, np.nan), int(complete.sum())


def _ranking(label: str, models: tuple[str, ...], n: int, means: Floats, draws: Floats) -> Ranking:
    known = draws[~np.isnan(draws).any(axis=1)]
    if not n or not known.size:
        nothing = np.full((len(models), len(models)), np.nan)
        blank = nothing[0] if models else np.empty(0)
        return Ranking(label, models, n, means, blank, nothing, float("nan"), float("nan"), draws)
    above, tied = _above(means[None])
    taus = kendall_tau(known, means)
    taus = taus[~np.isnan(taus)]
    mean, low = (float(taus.mean()), float(np.quantile(taus, 0.05))) if taus.size else (float("nan"), float("nan"))
    ranks = (above + (tied + 1) / 2)[0]
    return Ranking(label, models, n, means, ranks, rank_chances(known), mean, low, draws)


def _above(means: Floats) -> tuple[Floats, Floats]:
    """How many models are better than each, and how many as good (itself too): `(count, models)` → twice the same."""
    others, own = means[:, None, :], means[:, :, None]
    return (others > own).sum(axis=2).astype(np.float64), (others == own).sum(axis=2).astype(np.float64)


def rank_chances(means: Floats) -> Floats:
    """Share of each rank: means `(count, models)` without NaN → `(models, models)`; ties share their ranks evenly."""
    above, tied = _above(means)
    ranks = np.arange(means.shape[1])
    held = (ranks >= above[:, :, None]) & (ranks < (above + tied)[:, :, None])
    shares: Floats = (held / tied[:, :, None]).mean(axis=0)
    return shares


def kendall_tau(first: Floats, second: Floats) -> Floats:
    """Kendall's τ-b between each row of `first` and of `second`: `(count, models)`, `second` may be one row.

    NaN where all models are tied in one of them, or there are fewer than two.
    """
    i, j = np.triu_indices(first.shape[-1], 1)
    ours, theirs = np.sign(first[..., i] - first[..., j]), np.sign(second[..., i] - second[..., j])
    norm = np.sqrt((ours**2).sum(axis=-1) * (theirs**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        tau: Floats = (ours * theirs).sum(axis=-1) / norm
    return tau


@dataclass(frozen=True, slots=True)
class Agreement:
    """Kendall's τ-b between the rankings by two labels, and its 5 … 95 % range over resamples; NaN where undefined."""

    first: str
    second: str
    tau: float
    low: float
    high: float


def agreement(first: Ranking, second: Ranking) -> Agreement:
    """Whether two labels rank the models alike."""
    tau = float(kendall_tau(first.means, second.means))
    drawn = kendall_tau(first.draws, second.draws)
    drawn = drawn[~np.isnan(drawn)]
    low, high = (float(value) for value in np.quantile(drawn, [0.05, 0.95])) if drawn.size else (tau, tau)
    return Agreement(first.label, second.label, tau, low, high)
