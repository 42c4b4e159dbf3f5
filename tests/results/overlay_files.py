"""Slices to look at, as sweeps and trials leave them, without a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from results.overlays import Grid, Overlays, Prediction, ScanSlices

Array = npt.NDArray[Any]


def grid_array(count: int = 3, rows: int = 6, columns: int = 5) -> Array:
    return np.array([count + 4, 40, 40, 2, 1, count, 0, 0, rows, columns, rows, columns], np.int32)


def scan_file(case: str = "case-a", **changes: Array) -> dict[str, Array]:
    """The arrays of a sound scan, with some of them changed."""
    plane = np.random.default_rng(0).integers(0, 3, (3, 6, 5)).astype(np.uint8)
    sound = {"schema_version": np.array(1), "case": np.array(case), "grid": grid_array()}
    return sound | {"spacing_mm": np.array([5.0, 0.8, 0.8]), "image": plane, "reference": plane} | changes


def prediction_file(cases: tuple[str, ...] = ("case-a", "case-b"), **changes: Array) -> dict[str, Array]:
    """The arrays of a trial's sound predictions, with some of them changed."""
    grids = np.array([grid_array() for _ in cases])
    labels = np.random.default_rng(0).integers(0, 3, 90 * len(cases)).astype(np.uint8)
    sound = {"schema_version": np.array(1), "case": np.array(cases), "grid": grids, "labels": labels}
    return sound | {"unseen_ml": np.zeros(len(cases))} | changes


def save(path: Path, arrays: dict[str, Array]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def noisy_overlays(
    cases: tuple[str, ...], uids: tuple[str, ...], count: int = 40, side: int = 160, seed: int = 0
) -> Overlays:
    """Slices of the largest size: an organ with a ragged edge in noise such as a CT's."""
    rng = np.random.default_rng(seed)
    grid = Grid(count, 512, 512, 0, 1, count, 0, 0, side, side, side, side)
    return Overlays(
        {case: ScanSlices(grid, (5.0, 0.8, 0.8), *_slices(rng, grid)) for case in cases},
        {uid: {case: Prediction(grid, _slices(rng, grid)[1], 0.0) for case in cases} for uid in uids},
    )


def _slices(rng: np.random.Generator, grid: Grid) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    z, y, x = np.ogrid[: grid.count, : grid.rows, : grid.columns]
    half = grid.rows / 2
    wave = 0.05 * np.sin(12 * np.arctan2(y - half, x - half) + z + rng.uniform(0, 6))
    radius = np.hypot(y - half, x - half) / half + wave
    labels = ((radius < 0.75).astype(np.uint8) + (radius < 0.2)).astype(np.uint8)
    noise = rng.normal(0, 20, labels.shape)
    noise = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2)) / 1.7
    return np.clip(120 + 40 * (labels > 0) + noise, 0, 255).astype(np.uint8), labels
