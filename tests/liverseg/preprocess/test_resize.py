from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liverseg.errors import ConfigError
from liverseg.preprocess.resize import nearest_indices, resize_matrix, triangle_taps

lengths = st.integers(1, 300)


@given(lengths, lengths)
def test_rows_are_weighted_means(n_in: int, n_out: int) -> None:
    matrix = resize_matrix(n_in, n_out)
    assert matrix.shape == (n_out, n_in)
    assert matrix.dtype == np.float32
    assert matrix.data.min() > 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)


@given(lengths)
def test_same_length_is_the_identity(n: int) -> None:
    np.testing.assert_array_equal(resize_matrix(n, n).toarray(), np.eye(n, dtype=np.float32))


@given(lengths, lengths, st.integers(0, 2**32 - 1))
def test_matrix_equals_pillow_bilinear(n_in: int, n_out: int, seed: int) -> None:
    line = np.random.default_rng(seed).uniform(-1024, 3071, (1, n_in)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(line).resize((n_out, 1), Image.Resampling.BILINEAR))[0]
    exact = (triangle_matrix(n_in, n_out) @ line[0].astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(exact, wanted, atol=3e-4, rtol=0)
    np.testing.assert_allclose(resize_matrix(n_in, n_out) @ line[0], wanted, atol=1e-3, rtol=0)


def triangle_matrix(n_in: int, n_out: int) -> np.ndarray:
    position, weight = triangle_taps(n_in, n_out)
    matrix = np.zeros((n_out, n_in))
    np.add.at(matrix, (np.arange(n_out)[:, None], position.clip(0, n_in - 1)), weight)
    return matrix


@given(lengths, lengths)
def test_nearest_equals_pillow(n_in: int, n_out: int) -> None:
    line = np.arange(n_in, dtype=np.float32)[None]
    wanted = np.asarray(Image.fromarray(line).resize((n_out, 1), Image.Resampling.NEAREST))[0]
    np.testing.assert_array_equal(nearest_indices(n_in, n_out), wanted.astype(int))


@given(st.data(), lengths, lengths)
def test_a_part_of_the_axis_is_the_part_of_the_whole(data: st.DataObject, n_in: int, n_out: int) -> None:
    first = data.draw(st.integers(0, n_out - 1))
    count = data.draw(st.integers(1, n_out - first))
    whole = resize_matrix(n_in, n_out).toarray()[first : first + count]
    np.testing.assert_array_equal(resize_matrix(n_in, n_out, first, count).toarray(), whole)
    np.testing.assert_array_equal(
        nearest_indices(n_in, n_out, first, count), nearest_indices(n_in, n_out)[first : first + count]
    )


@pytest.mark.parametrize(
    ("n_in", "n_out", "first", "count"), [(0, 4, 0, None), (4, 0, 0, None), (4, 4, 2, 3), (4, 4, -1, 2)]
)
def test_impossible_axes_are_refused(n_in: int, n_out: int, first: int, count: int | None) -> None:
    with pytest.raises(ConfigError):
        triangle_taps(n_in, n_out, first, count)
    with pytest.raises(ConfigError):
        nearest_indices(n_in, n_out, first, count)
