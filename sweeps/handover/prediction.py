"""One scan through a model: read, segmented, measured, compared with the training scans, and written down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.handover.postprocess import NONE
from sweeps.handover.scan_files import NiftiScan, as_nifti, put_in_place
from sweeps.handover.scan_job import (
    MASK_END,
    PAGE_END,
    PICTURE_END,
    READING,
    RECORD_END,
    SEGMENTING,
    PredictSettings,
    ScanJob,
)
from sweeps.handover.scratch import scratch_beside

if TYPE_CHECKING:
    from liverseg.preprocess.arrays import NativeReference
    from liverseg.volume import Header

SCHEMA_VERSION = 1
Tell = Callable[[Any], None]


class PredictWorker:
    """A model kept ready for one scan after the other.

    Args:
        settings: which model, and how.

    Raises:
        DataError, ConfigError: the model cannot be used.
    """

    def __init__(self, settings: PredictSettings) -> None:
        from liverseg.handover.folder import open_model
        from liverseg.handover.predictor import Predictor
        from liverseg.training.device import pin_threads
        from liverseg.training.gpu import limit_gpu

        pin_threads(settings.threads)
        limit_gpu(settings.gpus)
        self._settings = settings
        self._model = open_model(settings.model)
        self._predictor = Predictor(self._model, flips=settings.flips)
        self._postprocess = NONE if settings.raw else self._model.description.postprocess

    def __call__(self, job: ScanJob, tell: Tell) -> dict[str, Any]:
        """Segment a scan and write its files; `tell` hears `(READING or SEGMENTING, slices done, slices)`.

        Returns:
            Its record, as it was written.

        Raises:
            DataError: the scan breaks a rule, is no CT, or holds no liver (rule P1). Nothing was written.
            MemoryExceeded: the network did not fit.
            OSError: the disk is full or cannot be written.
        """
        began = time.perf_counter()
        with scratch_beside(job.out) as place:
            scan = as_nifti(job, place, lambda done, total: tell((READING, done, total)))
            record = self._predict(job, scan, place, tell)
            record |= {"seconds": round(time.perf_counter() - began, 2), "versions": _versions()}
            content = json.dumps(record, indent=1, allow_nan=False).encode() + b"\n"
            (place / job.file(RECORD_END).name).write_bytes(content)
            put_in_place(job, place)
            return record

    def _predict(self, job: ScanJob, scan: NiftiScan, place: Path, tell: Tell) -> dict[str, Any]:
        from liverseg.data import file_sha256
        from liverseg.handover.masks import measure, write_mask
        from sweeps.handover.familiarity import (
            learned_from,
            observed,
            refuse_empty,
            seen_before,
            two_places,
            unlike,
        )

        features, found = observed(
            self._predictor, scan.path, job.name, lambda done, total: tell((SEGMENTING, done, total))
        )
        volume = self._postprocess.apply(found.volume)
        measured = measure(volume, found.header.voxel_ml)
        refuse_empty(self._model, measured.liver_ml, case=job.name, path=job.path)
        converted = () if scan.path == job.path else (file_sha256(scan.path),)
        part = learned_from(self._model, scan.sha256, *converted)
        mask = place / job.file(MASK_END).name
        write_mask(mask, volume, found.header)
        record = {
            **self._head(job, scan, found.header, part),
            "mask": {"file": mask.name, "sha256": file_sha256(mask)},
            **measured.as_json(),
            "postprocess": self._postprocess.as_json(),
            "flips": self._predictor.flips,
            "warnings": [
                *scan.warnings,
                *seen_before(part),
                *two_places(found.header),
                *unlike(self._model, features, measured.liver_ml),
            ],
        }
        if self._settings.page:
            _write_pages(job, scan.path, found.header, volume, record, place)
        return record

    def _head(self, job: ScanJob, scan: NiftiScan, header: Header, part: str | None) -> dict[str, Any]:
        from liverseg.data import case_uid
        from liverseg.handover.description import NOTICE

        return {
            "schema_version": SCHEMA_VERSION,
            "notice": NOTICE,
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scan": {
                "name": job.name,
                "path": str(job.path),
                "kind": job.kind,
                "sha256": scan.sha256,
                "uid": case_uid(scan.sha256),
                "shape": list(header.shape),
                "spacing_mm": [round(value, 5) for value in header.spacing_mm],
                "orientation": header.orientation,
            },
            "model": {
                "id": self._model.id,
                "name": self._model.name,
                "path": str(self._model.path),
                "labels": list(self._model.description.labels),
                "learned_from_scan": part,
            },
        }


def _write_pages(
    job: ScanJob, image: Path, header: Header, volume: NativeReference, record: dict[str, Any], place: Path
) -> None:
    """The page and the picture. The scan is read once more: what is shown is known only after it was segmented."""
    from liverseg.handover.scan_slices import scan_slices
    from results.scan_page import render_page, render_png
    from results.scan_page.view import ScanView

    view = ScanView.of(scan_slices(image, header, volume, case=job.name))
    (place / job.file(PAGE_END).name).write_text(render_page(view, record), encoding="utf-8")
    (place / job.file(PICTURE_END).name).write_bytes(render_png(view, record))


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("liversweep", "keras", "tensorflow")}
