"""A validation in plain JSON values, and on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from results.storage import write_atomic
from sweeps.validation.validated import Judged, Validated, label_dice

SCHEMA_VERSION = 1
FILE = "validation.json"


def as_document(found: Validated) -> dict[str, Any]:
    """All of it in plain JSON values; cases by their pseudonyms. Undefined numbers are None."""
    from liverseg.handover.description import NOTICE

    data, ended = found.data, found.promotion
    pairs = [{**asdict(pair), "outcome": pair.outcome} for pair in found.pairs]
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NOTICE,
        "data": {
            "fingerprint": data.fingerprint,
            "cases": len(data.cases),
            "patients": data.patients,
            "left_out_trained": [case.uid for case in data.trained],
            "optimistic": sorted(data.optimistic),
            "skipped": [{"rule": problem.rule, "summary": problem.summary} for problem in data.skipped],
        },
        "models": [_side(side) for side in found.sides],
        "comparison": {"pairs": _plain(pairs), "sentences": list(found.sentences())} if ended else None,
        "outcome": ended.outcome if ended else None,
        "why": ended.why if ended else None,
    }


def _side(side: Judged) -> dict[str, Any]:
    from liverseg.metrics.evaluation_document import as_document as evaluation_document

    document = _with_remarks(evaluation_document(side.evaluation), side)
    if "tumour" not in side.labels:
        document = _liver_only(document)
    dice = {label: label_dice(side, label) for label in side.labels}
    head = {"id": side.model.id, "name": side.model.name, "path": str(side.model.path)}
    found = side.likeness
    return {
        **head,
        "labels": list(side.labels),
        "dice_by_patient": dice,
        "likeness": {
            "patients": found.patients,
            "unlike": found.unlike,
            "features": dict(found.features),
            "new_kind_of_data": found.new_kind,
            "refused": {rule: list(uids) for rule, uids in found.refused.items()},
            "sentences": list(side.remarks()),
        },
        "evaluation": document,
    }


def _with_remarks(document: dict[str, Any], side: Judged) -> dict[str, Any]:
    """With what is to be said of every case: what is unlike the training scans, and why the model refuses it."""
    cases = [
        {
            **case,
            "refused": None if one.refusal is None else {"rule": one.refusal.rule, "why": one.refusal.why},
            "warnings": [dict(warning) for warning in one.warnings],
        }
        for case, one in zip(document["cases"], side.seen, strict=True)
    ]
    return {**document, "cases": cases}


def _liver_only(document: dict[str, Any]) -> dict[str, Any]:
    """Without what a model that knows no tumours cannot be asked."""

    def only(item: Mapping[str, Any]) -> dict[str, Any]:
        return {"liver": item["liver"]}

    cases = [
        {
            name: only(value) if name == "labels" else value
            for name, value in case.items()
            if name not in ("lesions", "tumour_burden_prediction")
        }
        for case in document["cases"]
    ]
    summary = {name: only(document["summary"][name]) for name in ("labels", "pooled")}
    return {**document, "cases": cases, "summary": summary}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_document(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write `FILE` into a folder, which is made.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
    return path
