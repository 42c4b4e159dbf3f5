"""The Dice of many combinations of post-processing on the same patients: a small table, patient by patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.handover.postprocess import PostProcess
from liverseg.handover.tally import Tally
from liverseg.metrics.overlap import NAN
from liverseg.metrics.summary import finite_mean

Floats = npt.NDArray[np.float64]


class OptionScores:
    """Collects the scores of scans; what is held of each is a number a combination and label.

    A label is scored on the scans whose reference has it. Scans of one patient are averaged first.

    Args:
        options: the combinations.
        labels: that the network was taught.

    Attributes:
        options, labels: as given.
    """

    def __init__(self, options: Sequence[PostProcess], labels: Sequence[str]) -> None:
        self.options = tuple(options)
        self.labels = tuple(labels)
        self._dice: dict[str, list[Floats]] = {}
        self._false_voxels: dict[str, list[Floats]] = {}
        self._tumours = np.zeros((len(self.options), 2), np.int64)

    def add(self, patient: str, scan: Tally) -> None:
        """Take in one scan of a patient."""
        table = np.full((len(self.options), len(self.labels)), NAN)
        for column, label in enumerate(self.labels):
            if scan.reference[label == "tumour"]:
                table[:, column] = [scan.dice(label, options) for options in self.options]
        self._dice.setdefault(patient, []).append(table)
        wrong = [scan.counts("tumour", options)[0] for options in self.options]
        free = np.full(len(self.options), NAN) if scan.has_tumour else np.array(wrong, np.float64)
        self._false_voxels.setdefault(patient, []).append(free)
        self._tumours += [scan.tumours(options) for options in self.options]

    @property
    def patients(self) -> int:
        """How many there are."""
        return len(self._dice)

    @property
    def tumour_patients(self) -> int:
        """How many have tumour in a scan."""
        return self.patients - self.tumour_free_patients

    @property
    def tumour_free_patients(self) -> int:
        """How many have tumour in no scan."""
        return len(self._of_tumour_free())

    def by_patient(self) -> Floats:
        """Dice `(patients, options, labels)`, NaN where the patient's references lack the label."""
        empty = np.zeros((0, len(self.options), len(self.labels)))
        means = [_means(np.stack(tables)) for tables in self._dice.values()]
        return np.stack(means) if means else empty

    def shares(self) -> Floats:
        """What each patient adds to the mean of each combination, `(patients, options)`.

        The sum over patients is the mean over labels of the means over patients; labels that no patient has are left out.
        """
        dice = self.by_patient()
        known = ~np.isnan(dice)
        patients = known.sum(axis=0)
        labels = np.count_nonzero(patients, axis=1)[:, None]
        weights = 1.0 / np.maximum(patients * np.maximum(labels, 1), 1)
        shares: Floats = (np.where(known, dice, 0.0) * weights).sum(axis=2)
        return shares

    def row(self, option: int) -> dict[str, Any]:
        """Figures of one combination; those that are undefined are None.

        Mean Dice by label; `mean` over labels; where tumours were taught also `tumour_free_clean`, the share of tumour-free
        patients without a false tumour, and the predicted tumours of all scans that are `true_tumours`, because they touch
        one of the reference, or `false_tumours`.
        """
        dice = self.by_patient()[:, option]
        figures = {label: finite_mean(dice[:, column]) for column, label in enumerate(self.labels)}
        figures["mean"] = finite_mean(figures.values())
        if "tumour" in self.labels:
            figures["tumour_free_clean"] = finite_mean([float(not wrong[option]) for wrong in self._of_tumour_free()])
        found: dict[str, Any] = {name: None if np.isnan(value) else float(value) for name, value in figures.items()}
        if "tumour" in self.labels:
            found |= dict(zip(("true_tumours", "false_tumours"), self._tumours[option].tolist(), strict=True))
        return found

    def _of_tumour_free(self) -> list[Floats]:
        """Voxels wrongly called tumour by combination, of each patient that has tumour in no scan."""
        summed = [np.sum(scans, axis=0) for scans in self._false_voxels.values()]
        return [wrong for wrong in summed if not np.isnan(wrong).any()]


def _means(tables: Floats) -> Floats:
    """Means over scans `(scans, options, labels)` of what is not NaN; NaN where all is."""
    known = ~np.isnan(tables)
    count = known.sum(axis=0)
    means: Floats = np.where(count, np.where(known, tables, 0.0).sum(axis=0) / np.maximum(count, 1), NAN)
    return means
