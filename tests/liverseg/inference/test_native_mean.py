"""Several predictions of a slice: probabilities are averaged at the scan's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.native import Logits, native_labels
from liverseg.inference.native_mean import View, mean_box, mean_labels_everywhere
from liverseg.preprocess.planes import plane_map


def views(seed: int, hw: tuple[int, int], sizes: tuple[int, ...], classes: int = 3, bias: float = 1.0) -> list[View]:
    generator = np.random.default_rng(seed)
    found = []
    for size in sizes:
        logits: Logits = generator.normal(0, 2, (size, size, classes)).astype(np.float32)
        logits[..., 0] += bias
        found.append((logits, plane_map(hw, (0.9, 0.7), size, "pad" if seed % 2 else "crop")))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(5, 60), st.integers(5, 60)),
    st.lists(st.sampled_from([8, 16, 32]), min_size=1, max_size=3),
    st.sampled_from([2, 3]),
    st.sampled_from([0.0, 2.0, 6.0, 30.0]),
)
def test_the_box_holds_exactly_what_the_whole_slice_would(
    seed: int, hw: tuple[int, int], sizes: list[int], classes: int, bias: float
) -> None:
    these = views(seed, hw, tuple(sizes), classes, bias)
    box, whole = mean_box(these), np.zeros(hw, np.uint8)
    whole[box.row : box.row + box.labels.shape[0], box.column : box.column + box.labels.shape[1]] = box.labels
    assert (whole == mean_labels_everywhere(these)).all()


@pytest.mark.parametrize("seed", range(6))
def test_one_view_or_the_same_twice_is_the_network_s_own_labels(seed: int) -> None:
    (view,) = views(seed, (40, 33), (16,))
    own = native_labels(*view)
    assert (mean_labels_everywhere([view]) == own).mean() > 0.999  # softmax may round two nearly equal logits together
    assert (mean_labels_everywhere([view, view]) == mean_labels_everywhere([view])).all()


def test_a_confident_view_outvotes_two_that_hesitate() -> None:
    plane = plane_map((8, 8), (1.0, 1.0), 8, "pad")
    sure, unsure = np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 3), np.float32)
    sure[..., 1], unsure[..., 0] = 8.0, 0.2
    assert (mean_labels_everywhere([(sure, plane), (unsure, plane), (unsure, plane)]) == 1).all()


def test_nothing_anywhere_is_an_empty_box() -> None:
    assert mean_box(views(1, (20, 20), (8, 16), bias=100.0)).labels.shape == (0, 0)
