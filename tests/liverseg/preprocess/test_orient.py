from __future__ import annotations

import numpy as np
import pytest

from liverseg.errors import DataError
from liverseg.preprocess.orient import orientation_from
from liverseg.volume import orientation_of
from tests.liverseg.preprocess.scans import ORIENTATIONS, affine_for


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_labelled_corners_reach_their_place(letters: str) -> None:
    """Write world positions into the voxels; slices must then run to superior, rows to posterior, columns to left."""
    affine = affine_for(letters, (2.0, 3.0, 5.0))
    shape = (3, 4, 6)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    right, anterior, superior = np.moveaxis(index @ affine[:3, :3].T, -1, 0)
    orientation = orientation_from(letters)
    assert (np.diff(orientation.display_volume(superior), axis=0) > 0).all()
    assert (np.diff(orientation.display_volume(anterior), axis=1) < 0).all()
    assert (np.diff(orientation.display_volume(right), axis=2) < 0).all()
    assert orientation.display_volume(right).shape == orientation.permute(shape)


def test_there_are_48_orientations() -> None:
    assert len(set(ORIENTATIONS)) == 48
    assert len({orientation_from(letters) for letters in ORIENTATIONS}) == 48


def test_oblique_scans_take_the_nearest_axes() -> None:
    angle = np.radians(30)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = affine_for("LPS")
    affine[:3, :3] = turn @ affine[:3, :3]
    assert orientation_from(orientation_of(affine)) == orientation_from("LPS")


def test_stacks_keep_the_stored_order_of_a_plane() -> None:
    volume = np.asfortranarray(np.zeros((4, 5, 6), np.int16))
    assert orientation_from("LPS").stack(volume).flags.c_contiguous
    assert not orientation_from("LPS").transposed
    assert orientation_from("PLS").transposed


@pytest.mark.parametrize("letters", ["", "LP", "LLS", "XPS", "LPSL"])
def test_words_that_are_no_orientation_are_refused(letters: str) -> None:
    with pytest.raises(DataError):
        orientation_from(letters)
