"""Every score of one scan: overlap, surface distances and lesions, and their flat form.

Surface distances take a second and more a scan where overlap takes milliseconds, and need the whole predicted volume at
once. So validation during training counts overlap only, and everything else is scored once, for the epoch that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liverseg.metrics.lesion import Lesions, LesionScore, lesion_score
from liverseg.metrics.score import CaseScore
from liverseg.metrics.surface import DISTANCES, TOLERANCE_MM, SurfaceScore, surface_score
from liverseg.preprocess.arrays import NativeReference

SURFACE_SCORES = (*DISTANCES, "nsd")


@dataclass(frozen=True, slots=True)
class FullScore:
    """All there is to say about one scan.

    Attributes:
        case: overlap and volumes.
        surfaces: one score a scored label, in the order of `case.labels`.
        lesions: the tumours one by one; None for a network that was not taught tumours.
    """

    case: CaseScore
    surfaces: tuple[SurfaceScore, ...]
    lesions: LesionScore | None

    @property
    def patient(self) -> str:
        """Pseudonym of the patient."""
        return self.case.patient

    def surface(self, label: str) -> SurfaceScore:
        """The surface scores of one label.

        Raises:
            KeyError: the label was not scored.
        """
        for score in self.surfaces:
            if score.label == label:
                return score
        raise KeyError(label)

    def as_dict(self) -> dict[str, Any]:
        """Flat form: the columns of `CaseScore.as_dict` and more, label as the suffix of the key.

        Undefined scores are NaN, distances of a failure infinite. Lesions of the reference are two lists of equal length,
        `lesion_ml_tumour` and `lesion_iou_tumour`.
        """
        row = self.case.as_dict()
        for score in self.surfaces:
            row |= {f"{name}_{score.label}": getattr(score, name) for name in SURFACE_SCORES}
        return row | self._lesion_columns()

    def _lesion_columns(self) -> dict[str, Any]:
        if self.lesions is None:
            return {}
        reference, prediction = self.lesions.reference, self.lesions.prediction
        return {
            "lesions_reference": reference.count,
            "lesions_prediction": prediction.count,
            "lesions_matched": reference.matched,
            "lesions_reference_touched": reference.touched,
            "lesions_prediction_touched": prediction.touched,
            "lesion_ml_tumour": self._ml(reference),
            "lesion_iou_tumour": list(reference.iou),
        }

    def _ml(self, lesions: Lesions) -> list[float]:
        return [size * self.case.voxel_ml for size in lesions.voxels]


def full_score(
    case: CaseScore, reference: NativeReference, prediction: NativeReference, tolerance_mm: float = TOLERANCE_MM
) -> FullScore:
    """All scores of one scan.

    Args:
        case: its overlap; decides which labels are scored.
        reference: the reference, cut to its foreground.
        prediction: the prediction on the same grid, cut likewise.
        tolerance_mm: of `nsd`.
    """
    names = tuple(score.label for score in case.labels)
    surfaces = tuple(surface_score(reference, prediction, name, tolerance_mm) for name in names)
    lesions = lesion_score(reference, prediction) if "tumour" in names else None
    return FullScore(case, surfaces, lesions)
