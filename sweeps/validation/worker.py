"""Labelled scans through a model, or through two side by side, and scored: what each worker of a validation does."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from liverseg.errors import DataError
from sweeps.validation.seen import Refusal, Seen, SeenScore

if TYPE_CHECKING:
    from liverseg.metrics.evaluate import MaskScore
    from liverseg.preprocess.arrays import NativeReference

WORKER = "sweeps.validation.worker:ValidationWorker"
SEGMENTER = "sweeps.validation.worker:model_segmenter"

Segmenter = Callable[[Path, str], Seen]
"""Given an image and its case's name, what a model makes of it."""


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """What all cases share. Travels to the workers.

    Attributes:
        models: their folders; each case is scored for every one of them.
        tolerance_mm: of the NSD.
        threads: of the compute backend in each worker.
        gpus: of each worker.
        segmenter: import path `module:function` of what makes a `Segmenter` of a model's folder.
    """

    models: tuple[Path, ...]
    tolerance_mm: float
    threads: int = 1
    gpus: float = 0.0
    segmenter: str = SEGMENTER


@dataclass(frozen=True, slots=True)
class ValidationJob:
    """One labelled case. Travels to the workers.

    Attributes:
        uid, patient: pseudonyms, by which it is called in scores.
        name: the user's name of it, for errors.
        image, mask: NIfTI.
    """

    uid: str
    patient: str
    name: str
    image: Path
    mask: Path


class ValidationWorker:
    """Models kept ready for one case after the other.

    Args:
        settings: which models, and how.

    Raises:
        DataError, ConfigError: a model cannot be used.
    """

    def __init__(self, settings: ValidationSettings) -> None:
        if settings.segmenter == SEGMENTER:
            _pin(settings)
        module, _, name = settings.segmenter.partition(":")
        make = cast("Callable[[Path], Segmenter]", getattr(importlib.import_module(module), name))
        self._segmenters = [make(model) for model in settings.models]
        self._tolerance_mm = settings.tolerance_mm

    def __call__(self, job: ValidationJob, tell: Callable[[Any], None]) -> tuple[SeenScore, ...]:
        """Every score of one case, and what is unlike the training scans, one a model.

        Raises:
            DataError: the scan or its mask breaks a rule (N1 to N5).
        """
        from liverseg.metrics.mask_file import read_mask
        from liverseg.volume import check_pair, read_header

        image = read_header(job.image, case=job.name, role="image")
        header = read_header(job.mask, case=job.name, role="mask")
        check_pair(image, header, path=job.mask, case=job.name)
        reference = read_mask(job.mask, header, case=job.name)
        seen = [segment(job.image, job.name) for segment in self._segmenters]
        return tuple(
            SeenScore(_scored(job, reference, one.volume, self._tolerance_mm), one.warnings, one.refusal)
            for one in seen
        )


def _scored(
    job: ValidationJob, reference: NativeReference, found: NativeReference | None, tolerance_mm: float
) -> MaskScore:
    import numpy as np

    from liverseg.metrics.case import score_counts
    from liverseg.metrics.evaluate import MaskScore, confusion_of
    from liverseg.metrics.full import full_score
    from liverseg.metrics.overlap import SCORED

    nothing = replace(reference, start=(0, 0, 0), labels=np.zeros((0, 0, 0), np.uint8))
    prediction = nothing if found is None else found
    case = score_counts(job.uid, job.patient, reference, confusion_of(reference, prediction), tuple(SCORED))
    score = full_score(case, reference, prediction, tolerance_mm)
    return MaskScore(job.uid, reference.shape, reference.spacing_mm, score)


def _pin(settings: ValidationSettings) -> None:
    from liverseg.training.device import pin_threads
    from liverseg.training.gpu import limit_gpu

    pin_threads(settings.threads)
    limit_gpu(settings.gpus)


def model_segmenter(path: Path) -> Segmenter:
    """What an exported model makes of a scan: what `predict` would write, warn of, or refuse.

    Raises:
        DataError, ConfigError: the model cannot be used.
    """
    from liverseg.handover.features import CT_RULE
    from liverseg.handover.folder import open_model
    from liverseg.handover.masks import liver_volume_ml
    from liverseg.handover.predictor import Predictor
    from sweeps.handover.familiarity import observed, refuse_empty, unlike

    model = open_model(path)
    predictor, postprocess = Predictor(model), model.description.postprocess

    def segment(image: Path, case: str) -> Seen:
        try:
            features, found = observed(predictor, image, case, lambda done, total: None)
        except DataError as error:
            if error.rule != CT_RULE:
                raise
            return Seen(None, refusal=Refusal.of(error))
        volume = postprocess.apply(found.volume)
        liver_ml = liver_volume_ml(volume)
        warnings = tuple(unlike(model, features, liver_ml))
        try:
            refuse_empty(model, liver_ml, case=case, path=image)
        except DataError as error:
            return Seen(None, warnings, Refusal.of(error))
        return Seen(volume, warnings)

    return segment
