"""How often a model was right: acceptance and agreement with corrections, by model version and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from results.reviews.prediction import TRAIN, ReviewedModel
from results.reviews.record import standing
from results.reviews.review import ACCEPT, CORRECTED, REJECT, Review
from results.statistics.share import wilson_interval


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """Reviews of one model in one month (or in all).

    Attributes:
        month: `2026-01`; empty for all.
        reviewed, accepted, corrected, rejected: predictions.
        acceptance: accepted as a share of reviewed, with its 95 % interval (Wilson) `low` to `high`;
            None without any.
        dice_liver, dice_tumour: mean Dice of the prediction against its correction, over those that were corrected and
            have the label; None without any. `dice_tumour_n` of them have tumour.
    """

    month: str
    reviewed: int
    accepted: int
    corrected: int
    rejected: int
    acceptance: float | None
    low: float | None
    high: float | None
    dice_liver: float | None
    dice_tumour: float | None
    dice_tumour_n: int


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """All that is known of one model version; `months` ascending, those with a review.

    `trained_on`: reviewed scans that are left out of the figures, for the model was trained on them.
    """

    model: ReviewedModel
    total: MonthFigures
    months: tuple[MonthFigures, ...]
    trained_on: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def figures(reviews: Sequence[Review], since: str = "") -> tuple[ModelFigures, ...]:
    """Figures of every model that was reviewed, in the order of their first reviews.

    A scan that was reviewed again counts once for each model, as the newest review says. One that the model was trained on
    counts as `trained_on` only: it does not tell how often the model is right.

    Args:
        reviews: all of the record.
        since: those of this time (UTC, ISO 8601, or its beginning) and later are counted; empty for all.
    """
    by_model: defaultdict[str, list[Review]] = defaultdict(list)
    for review in standing(reviews):
        if review.time >= since:
            by_model[review.model.id].append(review)
    return tuple(map(_model_figures, by_model.values()))


def _model_figures(reviews: Sequence[Review]) -> ModelFigures:
    unseen = [review for review in reviews if review.learned != TRAIN]
    return ModelFigures(reviews[-1].model, _figures("", unseen), _months(unseen), len(reviews) - len(unseen))


def _months(reviews: Iterable[Review]) -> tuple[MonthFigures, ...]:
    by_month: defaultdict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        by_month[review.time[:7]].append(review)
    return tuple(_figures(month, by_month[month]) for month in sorted(by_month))


def _figures(month: str, reviews: Sequence[Review]) -> MonthFigures:
    verdicts = [review.verdict for review in reviews]
    share = verdicts.count(ACCEPT) / len(verdicts) if verdicts else None
    low, high = (None, None) if share is None else wilson_interval(share, len(verdicts))
    fixed = [review.correction for review in reviews if review.correction is not None]
    tumour = [one.dice_tumour for one in fixed if one.dice_tumour is not None]
    return MonthFigures(
        month=month,
        reviewed=len(verdicts),
        accepted=verdicts.count(ACCEPT),
        corrected=verdicts.count(CORRECTED),
        rejected=verdicts.count(REJECT),
        acceptance=share,
        low=low,
        high=high,
        dice_liver=_mean([one.dice_liver for one in fixed if one.dice_liver is not None]),
        dice_tumour=_mean(tumour),
        dice_tumour_n=len(tumour),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
