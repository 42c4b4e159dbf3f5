"""What clinicians said of predictions: the record of reviews, what counts in it, and how often models were right."""

from results.reviews.figures import ModelFigures, MonthFigures, figures
from results.reviews.prediction import ReviewedModel, ReviewedPrediction, ReviewedScan, parse_prediction
from results.reviews.record import (
    CASES,
    RECORD,
    append_review,
    case_folder,
    correction_files,
    corrections,
    read_reviews,
    standing,
)
from results.reviews.review import ACCEPT, CORRECTED, NOTE_LIMIT, REJECT, VERDICTS, Correction, Review

__all__ = [
    "ACCEPT",
    "CASES",
    "CORRECTED",
    "NOTE_LIMIT",
    "RECORD",
    "REJECT",
    "VERDICTS",
    "Correction",
    "ModelFigures",
    "MonthFigures",
    "Review",
    "ReviewedModel",
    "ReviewedPrediction",
    "ReviewedScan",
    "append_review",
    "case_folder",
    "correction_files",
    "corrections",
    "figures",
    "parse_prediction",
    "read_reviews",
    "standing",
]
