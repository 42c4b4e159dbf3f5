"""Whatever happens to the bytes of a slice: the scan is read, or one typed error comes out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liverseg.dicom import series_as_nifti
from liverseg.errors import DataError
from tests.liverseg.dicom.series import CANARY, write_series


@pytest.fixture(scope="module")
def sound() -> Iterator[list[tuple[str, bytes]]]:
    """Names and bytes of a series of four slices of 4 x 4 voxels."""
    with tempfile.TemporaryDirectory() as folder:
        image = np.arange(64, dtype=np.int16).reshape(4, 4, 4)
        files = write_series(Path(folder), image, np.diag([0.8, 0.8, 2.5, 1.0]))
        yield [(path.name, path.read_bytes()) for path in files]


def survives(slices: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, scratch = Path(name, "ct"), Path(name, "scratch")
        folder.mkdir()
        scratch.mkdir()
        for file, content in slices:
            (folder / file).write_bytes(content)
        try:
            series_as_nifti(folder, scratch)
        except DataError as error:
            assert list(scratch.iterdir()) == []
            assert CANARY not in str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), count=st.integers(1, 3))
def test_changed_bytes(sound: list[tuple[str, bytes]], place: float, value: int, count: int) -> None:
    name, content = sound[2]
    at = int(place * len(content))
    damaged = content[:at] + bytes([value] * count) + content[at + count :]
    survives([*sound[:2], (name, damaged), sound[3]])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), which=st.integers(0, 3))
def test_a_cut_file_is_never_taken_for_a_whole_one_or_for_none(
    sound: list[tuple[str, bytes]], place: float, which: int
) -> None:
    """Neither inside nor at an end of the scan, where its absence could not be seen."""
    with tempfile.TemporaryDirectory() as folder, pytest.raises(DataError):
        for index, (file, data) in enumerate(sound):
            Path(folder, file).write_bytes(data[: int(place * len(data))] if index == which else data)
        series_as_nifti(folder, folder)
