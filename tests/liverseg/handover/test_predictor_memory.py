"""Segmenting a longer scan takes no more memory: what is held is the box of the foreground and a few slices."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from liverseg.config import TrainConfig
from liverseg.handover.description import Member
from liverseg.handover.masks import measure
from liverseg.handover.postprocess import PostProcess
from liverseg.handover.predictor import Engine
from liverseg.preprocess.window import WindowParams
from liverseg.volume import write_nifti

SIDE, LIVER, SIZE_PX = 96, 6, 32


def scan(path: Path, slices: int) -> Path:
    """Air, and in its middle slices a bright block."""
    hu = np.full((SIDE, SIDE, slices), -1000, np.int16)
    hu[20:70, 30:60, slices // 2 : slices // 2 + LIVER] = 120
    return write_nifti(path, hu, np.diag([2.0, 2.0, 2.0, 1.0]))


def bright(images: np.ndarray) -> np.ndarray:
    """Logits of liver wherever the window is at its upper end."""
    liver = images[..., 0] > 0
    return np.stack([~liver, liver, np.zeros_like(liver)], axis=-1).astype(np.float32)


def peak_bytes(path: Path) -> int:
    """Of everything between the scan's file and its measurements."""
    config = TrainConfig(architecture="unet", parameters={"size": SIZE_PX})
    member = Member("t0000", config, 1, WindowParams("wide", -200.0, 250.0, 25.0, 450.0), ())
    engine = Engine([(member, bright)], "pad", False)
    tracemalloc.start()
    volume = engine.segment(path, case="scan", on_slices=lambda done, total: None).volume
    measured = measure(PostProcess(True, True, 0.1).apply(volume))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert volume.labels.shape[0] == LIVER
    assert measured.liver_ml > 50
    return peak


def test_slices_without_foreground_cost_nothing(tmp_path):
    short, long = (scan(tmp_path / f"{slices}.nii", slices) for slices in (256, 1024))
    peak_bytes(short)
    assert peak_bytes(long) < 1.05 * peak_bytes(short) < 0.5 * long.stat().st_size
