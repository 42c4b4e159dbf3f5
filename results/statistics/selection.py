"""How optimistic the best of many validation scores is, and validation beside test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from results.statistics.resampling import RESAMPLES, Floats, interval, resample_weights, weighted_means
from results.statistics.scores import Scores
from results.statistics.summary import FEWEST, Summary, summarise

MOST_MEANS = 1_000_000
"""Means that are held at a time: a sweep may have ten thousand trials."""


@dataclass(frozen=True, slots=True)
class Optimism:
    """What a score owes to having been the best of several on the patients that scored it.

    Definition: patients are resampled with replacement; on each resample the model with the best mean is selected anew,
    and scored on the patients that the resample left out (about 37 %). `corrected` is the mean of those scores,
    `optimism` is `apparent` − `corrected`. I. Tsamardinos, E. Greasidou, G. Borboudakis, Machine Learning 107 (2018).

    When models differ by chance alone, `optimism` is without bias what the best score owes to selection. Where one is
    truly better, it is somewhat too large, for a resample selects from fewer patients. It does not contain the choice
    of the best epoch within each trial: that makes the best score more optimistic still.

    Attributes:
        models: among which was selected.
        patients: that have a number.
        selected: the best on all patients.
        apparent: its score, the mean over labels of the mean Dice.
        corrected: see above.
        low, high: 2.5 and 97.5 % of the scores on patients left out; few patients are left out, so this is wide.
        again: share of the resamples that selected the same model.
        used: resamples in which the patients left out have a number for every label.
    """

    models: int
    patients: int
    selected: str
    apparent: float
    corrected: float
    low: float
    high: float
    again: float
    used: int

    @property
    def optimism(self) -> float:
        """`apparent` − `corrected`."""
        return self.apparent - self.corrected

    @property
    def underpowered(self) -> bool:
        """Too few patients to conclude anything from."""
        return self.patients < FEWEST


def selection_optimism(
    scores: Scores, *, labels: Sequence[str] | None = None, count: int = RESAMPLES, seed: int = 0
) -> Optimism | None:
    """How optimistic the best of these models is; None with fewer than two models or patients, or without a score.

    Args:
        scores: of everything that was selected from, such as all finished settings of a sweep.
        labels: those whose mean is selected on; None for all.
        count: resamples.
        seed: of the resamples.
    """
    values = [scores.by_patient(label) for label in (scores.labels if labels is None else labels)]
    values = [rows for rows in values if not np.isnan(rows).all()]
    if len(scores.models) < 2 or not values:
        return None
    there = ~np.all([np.isnan(rows).all(axis=0) for rows in values], axis=0)
    values = [rows[:, there] for rows in values]
    patients = int(there.sum())
    if patients < 2:
        return None
    drawn = resample_weights(patients, count=count, seed=seed)
    full = _means(np.ones((1, patients)), values)[0]
    if np.isnan(full).all():
        return None
    parts = np.array_split(drawn, max(1, drawn.shape[0] * len(scores.models) // MOST_MEANS))
    chosen = np.concatenate([_best(_means(part, values)) for part in parts])
    outside = np.mean([_means_of(drawn == 0, rows[chosen]) for rows in values], axis=0)
    used = outside[~np.isnan(outside)]
    best = int(_best(full[None])[0])
    low, high = np.quantile(used, [0.025, 0.975]) if used.size else (np.nan, np.nan)
    return Optimism(
        models=len(scores.models),
        patients=patients,
        selected=scores.models[best],
        apparent=float(full[best]),
        corrected=float(used.mean()) if used.size else float("nan"),
        low=float(low),
        high=float(high),
        again=float((chosen == best).mean()),
        used=used.size,
    )


def _means(weights: Floats, values: Sequence[Floats]) -> Floats:
    """Mean over labels of the weighted means: float `(count, models)`; NaN where a label has no patient."""
    means: Floats = np.mean([weighted_means(weights, rows) for rows in values], axis=0)
    return means


def _best(means: Floats) -> npt.NDArray[np.intp]:
    """The best model of each row, the first of several; NaN is worst."""
    best: npt.NDArray[np.intp] = np.where(np.isnan(means), -np.inf, means).argmax(axis=1)
    return best


def _means_of(chosen: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """Mean of each row `(count, patients)` over the chosen patients that have a number; NaN where none has."""
    known = chosen & ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return means


@dataclass(frozen=True, slots=True)
class LabelMean:
    """Mean over labels of a model's mean Dice: what a sweep that searches on `val_dice` selects by.

    Attributes:
        n: patients with a number.
        mean: NaN where a label has no patient.
        ci_low, ci_high: bootstrap interval (95 %) over patients; NaN below two.
    """

    n: int
    mean: float
    ci_low: float
    ci_high: float


def label_mean(scores: Scores, model: str, *, labels: Sequence[str] | None = None) -> LabelMean:
    """The mean over labels (all when None) of one model; labels that no patient of `scores` has are left out."""
    place = scores.models.index(model)
    rows = [scores.by_patient(label)[[place]] for label in (scores.labels if labels is None else labels)]
    rows = [row for row in rows if not np.isnan(row).all()]
    if not rows:
        return LabelMean(0, float("nan"), float("nan"), float("nan"))
    n = int((~np.all([np.isnan(row[0]) for row in rows], axis=0)).sum())
    patients = len(scores.patients)
    mean = float(_means(np.ones((1, patients)), rows)[0, 0])
    return LabelMean(n, mean, *interval(_means(resample_weights(patients), rows)[:, 0], n))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A model's score on the patients it was selected on, beside that on test patients which played no part.

    Attributes:
        model, label: which.
        validation, test: the figures.
        drop: mean on validation − mean on test; NaN where one is missing.
        ci_low, ci_high: bootstrap interval (95 %) of the drop, both sets of patients resampled; NaN below two patients
            in one.
    """

    model: str
    label: str
    validation: Summary
    test: Summary
    drop: float
    ci_low: float
    ci_high: float


def held_out(validation: Scores, test: Scores) -> tuple[HeldOut, ...]:
    """Validation beside test for every model and label that both have, in the order of `validation`."""
    drawn = resample_weights(len(validation.patients)), resample_weights(len(test.patients), seed=1)
    return tuple(
        _held_out(model, label, (validation, test), drawn)
        for model in validation.models
        if model in test.models
        for label in validation.labels
        if label in test.labels
    )


def _held_out(model: str, label: str, scores: tuple[Scores, Scores], drawn: tuple[Floats, Floats]) -> HeldOut:
    grids = [part.of(label, model) for part in scores]
    before, after = (summarise(grid, weights=weights) for grid, weights in zip(grids, drawn, strict=True))
    rows = [part.by_patient(label)[[part.models.index(model)]] for part in scores]
    means = [weighted_means(weights, row)[:, 0] for weights, row in zip(drawn, rows, strict=True)]
    bounds = interval(means[0] - means[1], min(before.n, after.n))
    return HeldOut(model, label, before, after, before.mean - after.mean, *bounds)
