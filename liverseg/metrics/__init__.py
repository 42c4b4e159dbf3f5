"""Scores of a predicted mask on the scan's own grid."""

from __future__ import annotations

from liverseg.metrics.case import baseline_scores, score_case
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

__all__ = [
    "SCORED",
    "CaseScore",
    "LabelCounts",
    "LabelScore",
    "baseline_scores",
    "count_overlap",
    "dice",
    "false_positive_ml",
    "label_counts",
    "rvd",
    "score_case",
    "scored_labels",
    "slice_confusion",
    "slice_dice_smooth1",
    "summarise",
    "tumour_burden",
    "voe",
]
