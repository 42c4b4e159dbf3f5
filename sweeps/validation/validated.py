"""What came of a validation: every score of every model, their comparison, and what is written down of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweeps.errors import UsageError
from sweeps.fleet import Answer, Fleet, Places, work_through
from sweeps.validation.likeness import Likeness
from sweeps.validation.worker import WORKER, ValidationJob, ValidationSettings

if TYPE_CHECKING:
    from liverseg.data import Case
    from liverseg.handover.folder import ModelFolder
    from liverseg.metrics.evaluate import Evaluation
    from results.model_record import LabelResult, ValidationFacts
    from results.statistics import Comparison, Pair
    from results.statistics.promotion import Promotion
    from sweeps.validation.labelled import Labelled
    from sweeps.validation.seen import SeenScore

_PROCESS_BYTES = 10**9
"""What Python, the backend and the networks take, about."""
_SCAN, _BOX = 1, 30
"""Bytes a voxel: of the whole scan while its mask is read, and of the box of the liver while surfaces are measured."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One model, scored.

    Attributes:
        model: the model.
        label: what it is called beside the other one.
        evaluation: its scores by case.
        seen: the same cases in the same order, with what is unlike the training scans, and whether it refuses them.
    """

    model: ModelFolder
    label: str
    evaluation: Evaluation
    seen: tuple[SeenScore, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Foreground labels that it knows."""
        return self.model.description.labels

    @property
    def likeness(self) -> Likeness:
        """How much the scans are like those that it was trained on."""
        return Likeness.of(self.seen)

    def remarks(self) -> tuple[str, ...]:
        """How its scores are to be read: refused cases, and patients unlike those of its training; none where there are none."""
        found = self.likeness
        without = {label: label_dice(self, label, but=found.refused_cases)["mean"] for label in self.labels}
        said = (found.refused_sentence(self.label, len(self.seen), without), found.unlike_sentence(self.label))
        return tuple(sentence for sentence in said if sentence is not None)


@dataclass(frozen=True, slots=True)
class Validated:
    """One model, or two on the same patients.

    Attributes:
        data: what they were scored on.
        new: the model.
        old: the other one.
        comparison: of the two, by the labels that both know.
        promotion: what it ends with.
    """

    data: Labelled
    new: Judged
    old: Judged | None = None
    comparison: Comparison | None = None
    promotion: Promotion | None = None

    @property
    def sides(self) -> tuple[Judged, ...]:
        """The model, and the other one."""
        return (self.new,) if self.old is None else (self.new, self.old)

    def sentences(self) -> tuple[str, ...]:
        """What the comparison shows of each label, and the decision last; none without another model."""
        from results.statistics import pair_verdict

        if self.promotion is None:
            return ()
        return (*map(pair_verdict, self.pairs), f"{self.promotion.outcome}: {self.promotion.why}")

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """New minus old, by label."""
        if self.comparison is None or self.old is None:
            return ()
        labels = self.comparison.scores.labels
        return tuple(self.comparison.pair(self.new.label, self.old.label, label) for label in labels)


def jobs_of(cases: Sequence[Case]) -> list[ValidationJob]:
    """One a case."""
    return [
        ValidationJob(case.uid, case.patient, case.name, case.files.image.absolute(), case.files.mask.absolute())
        for case in cases
    ]


def worker_bytes(cases: Sequence[Case]) -> int:
    """What a worker takes at most, about."""
    from liverseg.preprocess import estimate_reference_bytes

    def of(case: Case) -> int:
        shape = case.header.shape
        return _SCAN * math.prod(shape) + _BOX * estimate_reference_bytes(case.liver_ml, shape, case.header.spacing_mm)

    return _PROCESS_BYTES + max(map(of, cases), default=0)


def score_all(
    jobs: Sequence[ValidationJob],
    settings: ValidationSettings,
    fleet: Fleet,
    on_case: Callable[[Answer], None] = lambda answer: None,
) -> tuple[tuple[SeenScore, ...], ...]:
    """Scores of every case, in order; of each one a model.

    Raises:
        ExceptionGroup: cases that could not be scored, all of them: no verdict is based on those that are left.
        ClusterError: a cluster cannot do it, or has lost all its machines.
    """
    scans = [path for job in jobs for path in (job.image, job.mask)]
    fleet = replace(fleet, places=Places((*settings.models, *scans)))
    answers: dict[int, Answer] = {}
    with closing(work_through(jobs, WORKER, settings, fleet)) as coming:
        for answer in coming:
            answers[answer.index] = answer
            on_case(answer)
    ordered = [answers[index] for index in range(len(jobs))]
    if errors := [answer.error for answer in ordered if answer.error is not None]:
        raise ExceptionGroup("cases could not be scored", errors)
    return tuple(answer.value for answer in ordered)


def judge(
    data: Labelled, models: Sequence[ModelFolder], scores: Sequence[Sequence[SeenScore]], tolerance_mm: float
) -> Validated:
    """Put together what the workers found.

    Args:
        data: the cases, in the order of `scores`.
        models: one, or the new and the old.
        scores: from `score_all`.
        tolerance_mm: of the NSD.

    Raises:
        UsageError: no scan is a CT, so that there is nothing to score.
    """
    from liverseg.metrics.evaluate import Evaluation
    from results.statistics import compare
    from results.statistics.promotion import promotion

    columns = [tuple(column) for column in zip(*scores, strict=True)]
    _require_some_ct(columns[0])
    judged = [
        Judged(model, label, Evaluation(tolerance_mm, tuple(one.score for one in column), ()), column)
        for model, label, column in zip(models, labels_of(models), columns, strict=True)
    ]
    if len(judged) == 1:
        return Validated(data, judged[0])
    new, old = judged
    comparison = compare(_scores(judged))
    return Validated(data, new, old, comparison, promotion(comparison, new.label, old.label))


def _require_some_ct(seen: Sequence[SeenScore]) -> None:
    from liverseg.handover.features import CT_RULE

    refusals = [one.refusal for one in seen if one.refusal is not None and one.refusal.rule == CT_RULE]
    if refusals and len(refusals) == len(seen):
        raise UsageError(
            f"none of the scans is a CT in HU, so nothing was scored (rule {CT_RULE})",
            got=refusals[0].why,
            allowed="CT in Hounsfield units",
            next_step="convert the original DICOM series again, without windowing or normalising",
        )


def labels_of(models: Sequence[ModelFolder]) -> list[str]:
    """A name for each, with its id where two are called the same."""
    names = [model.name for model in models]
    return names if len(set(names)) == len(names) else [f"{model.name} {model.id}" for model in models]


def _scores(judged: Sequence[Judged]) -> Any:
    from results.statistics import PatientScore, gather_scores

    known = [label for label in judged[0].labels if all(label in side.labels for side in judged)]
    rows = []
    for side in judged:
        for item in side.evaluation.scores:
            case = item.score.case
            dice = (case.label("liver").dice, case.label("tumour").dice)
            rows.append(PatientScore(side.label, 0, 0, case.patient, *dice, case.has_tumour))
    return gather_scores(rows, labels=known, models=[side.label for side in judged])


def facts_of(found: Validated) -> ValidationFacts:
    """What the record of models keeps."""
    from results.model_record import ValidationFacts

    model, old, ended = found.new.model, found.old, found.promotion
    likeness = found.new.likeness
    return ValidationFacts(
        model=model.id,
        name=model.name,
        data=found.data.fingerprint,
        cases=len(found.data.cases),
        patients=found.data.patients,
        left_out=len(found.data.trained),
        optimistic=len(found.data.optimistic),
        refused=len(likeness.refused_cases),
        unlike=likeness.unlike,
        labels=tuple(_label(found, label) for label in found.new.labels),
        against=old.model.id if old else "",
        against_name=old.model.name if old else "",
        outcome=ended.outcome if ended else "",
        why=ended.why if ended else "",
    )


def _label(found: Validated, label: str) -> LabelResult:
    from results.model_record import LabelResult

    dice = label_dice(found.new, label)
    pair = next((pair for pair in found.pairs if pair.label == label), None)
    if pair is None or found.old is None:
        return LabelResult(label, dice["n"], dice["mean"])
    difference, low, high, p = map(_finite, (pair.mean, pair.ci_low, pair.ci_high, pair.p_holm))
    against = label_dice(found.old, label)["mean"]
    return LabelResult(label, dice["n"], dice["mean"], against, difference, low, high, p, pair.outcome)


def label_dice(side: Judged, label: str, but: Collection[str] = ()) -> dict[str, Any]:
    """Patients with a Dice, and its mean and between-patients SD; without the cases of the pseudonyms `but`."""
    from liverseg.metrics.summary import between_patients_sd, by_patient, finite_mean

    scores = [item.score.case for item in side.evaluation.scores if item.name not in but]
    ranked = [score for score in scores if label != "tumour" or score.has_tumour]
    values = by_patient(ranked, lambda score: score.label(label).dice)
    known = values[values == values]
    return {
        "n": int(known.size),
        "mean": _finite(finite_mean(known)),
        "sd": _finite(between_patients_sd(known)),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
