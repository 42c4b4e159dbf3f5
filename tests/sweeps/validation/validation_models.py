"""Labelled phantoms in small, exported models without a network, and what stands in for their networks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.data import case_uid, file_sha256
from liverseg.handover.description import Member, ModelDescription, StoredArray
from liverseg.handover.folder import ModelFolder, open_model, write_model
from liverseg.metrics.mask_file import cut, read_mask
from liverseg.preprocess.arrays import NativeReference
from liverseg.preprocess.window import WindowParams
from liverseg.volume import read_header, write_nifti
from sweeps.validation.seen import Refusal, Seen

AFFINE = np.diag([1.5, 1.5, 4.0, 1.0])


def write_case(folder: Path, index: int, *, tumour: bool = True) -> str:
    """A liver of its own size in a small scan, named as in LiTS; its pseudonym."""
    rng = np.random.default_rng(index)
    labels = np.zeros((48, 44, 14), np.uint8)
    labels[8 : 34 + index % 5, 9:36, 2:12] = 1
    if tumour:
        labels[12:18, 14 : 19 + index % 3, 4:8] = 2
    hu = np.where(labels == 0, -100.0, np.where(labels == 1, 110.0, 60.0)) + rng.normal(0, 10, labels.shape)
    hu[:3] = -1000.0  # air, without which it would be no CT
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / f"volume-{index}.nii.gz"
    write_nifti(image, np.asfortranarray(hu.astype(np.int16)), AFFINE)
    write_nifti(folder / f"segmentation-{index}.nii.gz", np.asfortranarray(labels), AFFINE)
    return case_uid(file_sha256(image))


def write_cases(folder: Path, count: int, ill: int | None = None) -> list[str]:
    """So many cases, the first `ill` of which have a tumour; their pseudonyms."""
    return [write_case(folder, index, tumour=ill is None or index < ill) for index in range(count)]


def make_model(
    path: Path,
    *,
    error: float = 0.0,
    cases: Mapping[str, Sequence[str]] | None = None,
    contents: Mapping[str, Sequence[str]] | None = None,
    labels: tuple[str, ...] = ("liver", "tumour"),
    name: str | None = None,
    unlike: Mapping[str, Sequence[str]] | None = None,
    refuses: Mapping[str, str] | None = None,
) -> ModelFolder:
    """A model's folder. `error` is how wrong the segmenter that stands in for its network is, see `stand_in`.

    `unlike` are features by a case's name in which it is unlike the training scans, `refuses` the rules of cases refused.
    """
    config = TrainConfig(architecture="unet", labels=labels, seed=3)
    member = Member(
        "t0000", config, 2, WindowParams("liver", -21.0, 189.0, 0.0, 1.0), (StoredArray("w0000", "w", (1,)),)
    )
    origin: dict[str, Any] = {
        "sweep": "liver-archs",
        "data": "d" * 64,
        "split": "5" * 16,
        "cases": dict(cases or {}),
        "error": error,
        "unlike": dict(unlike or {}),
        "refuses": dict(refuses or {}),
    }
    origin["contents"] = dict(contents or {})
    description = ModelDescription(name=name or path.name, labels=labels, fit="crop", members=(member,), origin=origin)
    weights = {"t0000": {"w0000": np.full(1, error, np.float32)}}
    return write_model(path, description, weights, lambda folder: None)


def stand_in(model: Path) -> Any:
    """A segmenter that finds the reference, cut by a share of its rows that is the model's `error`, and a little at random."""
    description = open_model(model).description
    origin, knows = description.origin, description.labels
    error = float(origin["error"])

    def segment(image: Path, case: str) -> Seen:
        if case in origin["refuses"]:
            return Seen(
                None, refusal=Refusal(origin["refuses"][case], "not a CT in HU: no air; got values from 0 to 9")
            )
        return Seen(found(image, case), tuple(warning(feature) for feature in origin["unlike"].get(case, ())))

    def found(image: Path, case: str) -> NativeReference:
        mask = image.with_name(image.name.replace("volume", "segmentation"))
        whole = read_mask(mask, read_header(mask))
        labels = whole.labels.copy()
        rows = round(error * labels.shape[1]) + (len(case) + labels.shape[2]) % 2 * (error > 0)
        labels[:, :rows] = 0
        ill = np.flatnonzero((labels == 2).any(axis=(0, 2)))
        labels[:, ill[: round(2 * error * len(ill))]] = np.minimum(labels[:, ill[: round(2 * error * len(ill))]], 1)
        if "tumour" not in knows:
            labels = np.minimum(labels, 1)
        small = cut(labels, whole.spacing_mm)
        first, row, column = (a + b for a, b in zip(whole.start, small.start, strict=True))
        return replace(whole, start=(first, row, column), labels=small.labels)

    return segment


def warning(feature: str) -> dict[str, Any]:
    """As a scan gets it that is unlike the training scans."""
    text = f"The {feature} is 4 mm; the 3 training scans had 1 to 2 mm."
    return {"feature": feature, "value": 4.0, "unit": "mm", "low": 0.5, "high": 2.5, "text": text}


@pytest.fixture
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models segment by `stand_in`."""
    monkeypatch.setattr("sweeps.validation.worker.model_segmenter", stand_in)
    monkeypatch.setattr("sweeps.validation.worker._pin", lambda settings: None)
    monkeypatch.setattr("sweeps.quiet_backend.load_backend", lambda environment: None)


def record_lines(folder: Path) -> list[dict[str, Any]]:
    """The record, unchecked."""
    return [json.loads(line) for line in (folder / "record.jsonl").read_text().splitlines()]
