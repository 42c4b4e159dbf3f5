"""Scores of a predicted mask on the scan's own grid."""

from __future__ import annotations

from liverseg.metrics.case import baseline_scores, score_case
from liverseg.metrics.full import FullScore, full_score
from liverseg.metrics.full_summary import summarise_full
from liverseg.metrics.lesion import Lesions, LesionScore, lesion_score
from liverseg.metrics.overlap import (
    SCORED,
    LabelCounts,
    count_overlap,
    dice,
    false_positive_ml,
    label_counts,
    rvd,
    scored_labels,
    slice_confusion,
    slice_dice_smooth1,
    tumour_burden,
    voe,
)
from liverseg.metrics.score import CaseScore, LabelScore
from liverseg.metrics.summary import summarise
from liverseg.metrics.surface import TOLERANCE_MM, SurfaceScore, surface_score

__all__ = [
    "SCORED",
    "TOLERANCE_MM",
    "CaseScore",
    "FullScore",
    "LabelCounts",
    "LabelScore",
    "LesionScore",
    "Lesions",
    "SurfaceScore",
    "baseline_scores",
    "count_overlap",
    "dice",
    "false_positive_ml",
    "full_score",
    "label_counts",
    "lesion_score",
    "rvd",
    "score_case",
    "scored_labels",
    "slice_confusion",
    "slice_dice_smooth1",
    "summarise",
    "summarise_full",
    "surface_score",
    "tumour_burden",
    "voe",
]
