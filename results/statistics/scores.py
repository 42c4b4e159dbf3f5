"""Scores of several models on the same patients, with any number of seeds: what every comparison starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from results.statistics.resampling import DECIMALS, Floats

LABELS = ("liver", "tumour")


class PatientScore(NamedTuple):
    """Dice of one patient by one trained network; NaN where Dice is not defined or was not measured.

    `fold` tells networks of one seed apart. In a cross-validation each patient is scored by the network of one fold;
    where several score the same patient (a common test set), their scores are averaged.
    """

    model: str
    seed: int
    fold: int
    patient: str
    liver: float
    tumour: float
    has_tumour: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Dice by label, as arrays of model × seed × patient. More is better.

    Attributes:
        models: architectures, or trials; in the order in which tables show them.
        seeds: of all models together. A model that lacks a seed is NaN there.
        patients: sorted by name.
        has_tumour: bool `(patients,)`.
        dice: for each label float `(models, seeds, patients)`. Tumour is NaN for patients without tumour: what is found
            in them is a matter of specificity, and no mean over tumours contains it.
    """

    models: tuple[str, ...]
    seeds: tuple[int, ...]
    patients: tuple[str, ...]
    has_tumour: npt.NDArray[np.bool_]
    dice: Mapping[str, Floats]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in order."""
        return tuple(self.dice)

    def by_patient(self, label: str) -> Floats:
        """Mean over seeds: float `(models, patients)`, NaN where no seed has a number."""
        return mean_over_seeds(self.dice[label])

    def of(self, label: str, model: str) -> Floats:
        """The scores of one model: float `(its seeds, patients)`; seeds in which it has no number are left out."""
        values: Floats = self.dice[label][self.models.index(model)]
        seeds: Floats = values[~np.isnan(values).all(axis=1)]
        return seeds


def mean_over_seeds(values: Floats) -> Floats:
    """Mean over the last axis but one, NaN left out; NaN where there is nothing else."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.round(np.where(known, values, 0.0).sum(axis=-2) / known.sum(axis=-2), DECIMALS)
    return means


def gather_scores(
    records: Iterable[PatientScore], *, labels: Sequence[str] = LABELS, models: Sequence[str] = ()
) -> Scores:
    """The arrays of single scores. The order of the records does not matter.

    Args:
        records: one for each model, seed, fold and patient.
        labels: which of `liver` and `tumour` to take.
        models: their order; those that are not named follow in the order in which they first appear.

    Raises:
        ValueError: a score is infinite.
    """
    rows = list(records)
    names = tuple(dict.fromkeys((*models, *(row.model for row in rows))))
    seeds = tuple(sorted({row.seed for row in rows}))
    patients = tuple(sorted({row.patient for row in rows}))
    ill = {row.patient for row in rows if row.has_tumour}
    places = _places(rows, names, seeds, patients)
    shape = (len(names), len(seeds), len(patients))
    has_tumour = np.array([patient in ill for patient in patients], bool)
    dice = {label: _filled(shape, places, [getattr(row, label) for row in rows]) for label in labels}
    if "tumour" in dice:
        dice["tumour"][:, :, ~has_tumour] = np.nan
    return Scores(names, seeds, patients, has_tumour, dice)


def _places(
    rows: Sequence[PatientScore], names: Sequence[str], seeds: Sequence[int], patients: Sequence[str]
) -> tuple[npt.NDArray[np.int64], ...]:
    """Indices of each record along the axes of the arrays."""
    models = {name: i for i, name in enumerate(names)}
    at_seed = {seed: i for i, seed in enumerate(seeds)}
    at_patient = {patient: i for i, patient in enumerate(patients)}
    found = [(models[row.model], at_seed[row.seed], at_patient[row.patient]) for row in rows]
    return tuple(np.array(found, np.int64).reshape(-1, 3).T)


def _filled(shape: tuple[int, int, int], places: tuple[npt.NDArray[np.int64], ...], scores: Sequence[float]) -> Floats:
    """The scores at their places, averaged where there are several; NaN elsewhere."""
    values = np.array(scores, np.float64)
    if np.isinf(values).any():
        raise ValueError("a Dice score is infinite")
    known = ~np.isnan(values)
    sums, counts = np.zeros(shape), np.zeros(shape)
    where = tuple(axis[known] for axis in places)
    np.add.at(sums, where, values[known])
    np.add.at(counts, where, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.round(sums / counts, DECIMALS)
