"""S2: slices to look at are left out where they are made up or damaged, like other pictures, and nothing runs."""

from __future__ import annotations

import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.overlays import read_predictions, read_scan
from tests.promises.test_pictures import npy, with_header
from tests.promises.traps import Trap
from tests.results.overlay_files import grid_array, prediction_file, save, scan_file

CASES = ("case-a", "case-b")


def scan(path: Path) -> object:
    return read_scan(path, "case-a")


def predictions(path: Path) -> object:
    return read_predictions(path, CASES) or None


READERS = pytest.mark.parametrize(
    ("read", "sound"), [(scan, scan_file), (predictions, prediction_file)], ids=["scan", "predictions"]
)
Read, Sound = Callable[[Path], object], Callable[[], dict[str, Any]]


def write(path: Path, arrays: dict[str, Any], **raw: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ({name: npy(array) for name, array in arrays.items()} | raw).items():
            archive.writestr(f"{name}.npy", data)
    return path


@READERS
def test_s02_sound_slices_are_read(tmp_path: Path, read: Read, sound: Sound) -> None:
    assert read(write(tmp_path / "a.npz", sound())) is not None


def grids(*changes: tuple[int, int]) -> Any:
    changed = grid_array()
    for place, value in changes:
        changed[place] = value
    return changed


# A grid: depth, rows, columns of the scan; first, step, count; top, left, height, width; rows, columns.
BAD_GRIDS = {
    "no step": grids((4, 0)),
    "backwards": grids((4, -1)),
    "before the scan": grids((3, -1)),
    "beyond the scan": grids((3, 5)),
    "no slices": grids((5, 0)),
    "many slices": grids((5, 257), (0, 9999)),
    "huge": grids((10, 2**31 - 1), (11, 2**31 - 1)),
    "negative": grids((10, -6), (11, -5)),
    "other shape": grids((10, 5), (11, 5)),
    "numbers with a point": grid_array().astype(float),
    "too short": grid_array()[:11],
}


@pytest.mark.parametrize("name", BAD_GRIDS)
def test_s02_grids_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    bad = BAD_GRIDS[name]
    assert scan(save(tmp_path / "a.npz", scan_file(grid=bad))) is None
    assert predictions(save(tmp_path / "b.npz", prediction_file(grid=np.array([bad, bad])))) is None


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("schema_version", np.array(2)),
        ("schema_version", np.array([1, 1])),
        ("case", np.array(["case-a", "case-a"])),
        ("spacing_mm", np.array([5.0, 0.0, 0.8])),
        ("spacing_mm", np.array([np.nan, 1.0, 1.0])),
        ("spacing_mm", np.array([1.0, 1.0])),
        ("spacing_mm", np.array([1j, 1, 1])),
        ("image", np.zeros((3, 6, 5), np.int16)),
        ("reference", np.full((3, 6, 5), 3, np.uint8)),
        ("reference", np.zeros((3, 5, 6), np.uint8)),
    ],
)
def test_s02_scans_of_another_kind_are_refused(tmp_path: Path, name: str, array: Any) -> None:
    assert scan(save(tmp_path / "a.npz", scan_file(**{name: array}))) is None


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("schema_version", np.array(0)),
        ("case", np.array(["case-a"])),
        ("unseen_ml", np.zeros(3)),
        ("unseen_ml", np.array(["a", "b"])),
        ("grid", grid_array()),
        ("labels", np.zeros(179, np.uint8)),
        ("labels", np.zeros((2, 90), np.uint8)),
        ("labels", np.zeros(180, np.int64)),
        ("labels", np.full(180, 3, np.uint8)),
    ],
)
def test_s02_predictions_of_another_kind_are_refused(tmp_path: Path, name: str, array: Any) -> None:
    assert predictions(save(tmp_path / "a.npz", prediction_file(**{name: array}))) is None


@READERS
@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': __import__('os').system('touch executed'), 'fortran_order': False, 'shape': (1,), }",
    ],
    ids=["petabyte", "objects", "call"],
)
def test_s02_headers_that_lie_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Read, sound: Sound, header: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(write(tmp_path / "a.npz", sound(), grid=with_header(header))) is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@READERS
def test_s02_no_cut_and_no_flipped_bit_stops_a_report(tmp_path: Path, read: Read, sound: Sound) -> None:
    path = save(tmp_path / "a.npz", sound())
    whole, seeded = path.read_bytes(), random.Random(1)
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << seeded.randrange(8)
        path.write_bytes(bytes(damaged))
        read(path)  # whole, or None, and nothing else
        path.write_bytes(whole[:position])
        assert read(path) is None


@READERS
def test_s02_a_bomb_a_pickle_a_pipe_and_a_ring_are_refused(tmp_path: Path, read: Read, sound: Sound) -> None:
    marker, path = tmp_path / "executed", tmp_path / "a.npz"
    write(path, sound(), grid=bytes(300 << 20))
    assert path.stat().st_size < 1 << 20 and read(path) is None
    for data in (Trap(marker).pickled, Trap(marker).array, Trap(marker).arrays(tuple(sound()))):
        path.write_bytes(data)
        assert read(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read(path) is None
    path.unlink()
    path.symlink_to(path.name)
    assert read(path) is None
    assert not marker.exists()
