"""Native facts against the plainest way to find them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.preprocess.native import HISTOGRAM_BINS, HISTOGRAM_LOW_HU, NativeFacts, _labelled_box
from liverseg.preprocess.orient import orientation_from
from liverseg.preprocess.stacks import Stack, VoxelFile
from liverseg.volume import read_header, write_nifti


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 20), st.sampled_from((1, 3, 8, 16, 17, 24)), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_box_is_the_smallest_around_all_labels(height: int, width: int, labels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    mask[rng.integers(0, height, labels), rng.integers(0, width, labels)] = rng.integers(1, 3, labels)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    wanted = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if labels else None
    assert _labelled_box(mask) == wanted


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_every_foreground_voxel_is_counted_once(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(5)
    image = rng.integers(0, 250, (2, 300, 301)).astype(dtype)
    mask = (rng.random(image.shape) < 0.8).astype(np.uint8)
    write_nifti(tmp_path / "a.nii", image.transpose(2, 1, 0), np.diag((-1.0, -1.0, 1.0, 1.0)))
    file = VoxelFile(tmp_path / "a.nii", read_header(tmp_path / "a.nii"))
    facts = NativeFacts(file, orientation_from("LPS"), tissue=False)
    for index in range(2):
        facts.add(Stack(index, image[index : index + 1], mask[index : index + 1]))
    wanted = np.bincount(image[mask > 0].astype(int) - HISTOGRAM_LOW_HU, minlength=HISTOGRAM_BINS)
    np.testing.assert_array_equal(facts.foreground_hu(), wanted)
    assert facts.labelled.all()
