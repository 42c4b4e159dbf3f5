"""The scores of one scan: a small frozen record from which every summary can be made, and its flat form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from liverseg.metrics.overlap import (
    NAN,
    SCORED,
    LabelCounts,
    dice,
    false_positive_ml,
    rvd,
    slice_dice_smooth1,
    tumour_burden,
    voe,
)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label of one scan, on the scan's own grid.

    Attributes:
        label: a key of `SCORED`.
        reference, prediction, intersection: voxels of the volume.
        slice_dice_smooth1_mean, slice_dice_smooth1_sd: the study's score over the volume's slices, population SD.
    """

    label: str
    reference: int
    prediction: int
    intersection: int
    slice_dice_smooth1_mean: float
    slice_dice_smooth1_sd: float

    @classmethod
    def of(cls, label: str, counts: LabelCounts) -> LabelScore:
        """The score of a volume with at least one slice."""
        by_slice = slice_dice_smooth1(counts)
        return cls(label, *counts.totals, float(np.mean(by_slice)), float(np.std(by_slice)))

    @property
    def dice(self) -> float:
        """Dice of the volume; NaN when reference and prediction are empty."""
        return dice(self.reference, self.prediction, self.intersection)

    @property
    def voe(self) -> float:
        """Volumetric overlap error; NaN when reference and prediction are empty."""
        return voe(self.reference, self.prediction, self.intersection)

    @property
    def rvd(self) -> float:
        """Signed relative volume difference; NaN when the reference is empty."""
        return rvd(self.reference, self.prediction)


@dataclass(frozen=True, slots=True)
class CaseScore:
    """All scores of one scan.

    Attributes:
        uid, patient: pseudonyms.
        slices: slices of the scan.
        voxel_ml: volume of one voxel in mL.
        reference_burden: tumour's share of the reference liver; NaN without liver.
        has_tumour: whether the reference holds tumour (also known when the network was not taught tumours).
        labels: one score a scored label.
    """

    uid: str
    patient: str
    slices: int
    voxel_ml: float
    reference_burden: float
    has_tumour: bool
    labels: tuple[LabelScore, ...]

    def label(self, name: str) -> LabelScore:
        """The score of one label.

        Raises:
            KeyError: the label was not scored.
        """
        for score in self.labels:
            if score.label == name:
                return score
        raise KeyError(name)

    def false_positive_ml(self, name: str) -> float:
        """Predicted volume in mL of a label that the reference lacks; NaN when the reference has it."""
        score = self.label(name)
        return false_positive_ml(score.reference, score.prediction, self.voxel_ml)

    @property
    def predicted_burden(self) -> float:
        """Tumour's share of the predicted liver; NaN when no liver is predicted or tumours were not scored."""
        names = {score.label for score in self.labels}
        if not {"liver", "tumour"} <= names:
            return NAN
        return tumour_burden(self.label("tumour").prediction, self.label("liver").prediction)

    def as_dict(self) -> dict[str, Any]:
        """Flat form: plain values, label as the suffix of the key. Undefined scores are NaN."""
        row: dict[str, Any] = {
            "uid": self.uid,
            "patient": self.patient,
            "slices": self.slices,
            "voxel_ml": self.voxel_ml,
            "has_tumour": self.has_tumour,
            "tumour_burden_reference": self.reference_burden,
            "tumour_burden_prediction": self.predicted_burden,
        }
        for score in self.labels:
            row |= {f"{name}_{score.label}": value for name, value in self._columns(score).items()}
        return row

    def _columns(self, score: LabelScore) -> dict[str, Any]:
        return {
            "reference_voxels": score.reference,
            "prediction_voxels": score.prediction,
            "intersection_voxels": score.intersection,
            "dice": score.dice,
            "voe": score.voe,
            "rvd": score.rvd,
            "false_positive_ml": self.false_positive_ml(score.label),
            "slice_dice_smooth1_mean": score.slice_dice_smooth1_mean,
            "slice_dice_smooth1_sd": score.slice_dice_smooth1_sd,
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> CaseScore:
        """Rebuild from `as_dict`; derived columns are computed anew. A burden of None is read as NaN."""
        names = [name for name in SCORED if f"reference_voxels_{name}" in row]
        burden = row["tumour_burden_reference"]
        return cls(
            uid=row["uid"],
            patient=row["patient"],
            slices=row["slices"],
            voxel_ml=row["voxel_ml"],
            reference_burden=NAN if burden is None else burden,
            has_tumour=row["has_tumour"],
            labels=tuple(_label_from(row, name) for name in names),
        )


def _label_from(row: Mapping[str, Any], name: str) -> LabelScore:
    return LabelScore(
        label=name,
        reference=row[f"reference_voxels_{name}"],
        prediction=row[f"prediction_voxels_{name}"],
        intersection=row[f"intersection_voxels_{name}"],
        slice_dice_smooth1_mean=row[f"slice_dice_smooth1_mean_{name}"],
        slice_dice_smooth1_sd=row[f"slice_dice_smooth1_sd_{name}"],
    )
