"""S2: pictures are the only arrays that a report reads. Made up or damaged, they are left out, and nothing runs."""

from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from results.pictures import read_pictures
from tests.promises.traps import Trap

Array = npt.NDArray[np.generic]


def arrays(**changes: Array) -> dict[str, Array]:
    """The arrays of sound pictures, with some of them changed."""
    plane = np.random.default_rng(0).integers(0, 3, (2, 24, 24)).astype(np.uint8)
    planes: dict[str, Array] = dict.fromkeys(("image", "reference", "prediction"), plane)
    return planes | {"schema_version": np.array(1), "case": np.array(["a", "b"]), "slice": np.array([3, 4])} | changes


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array))
    return file.getvalue()


def with_header(text: str, version: int = 1) -> bytes:
    """An .npy file that says of itself what is not true."""
    header = text.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2 if version == 1 else 4, "little") + header + b"x"


def write(path: Path, **raw: bytes) -> Path:
    """A file of sound pictures with the raw content of some members replaced."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ({name: npy(array) for name, array in arrays().items()} | raw).items():
            archive.writestr(f"{name}.npy", data)
    return path


def test_s02_sound_pictures_are_read(tmp_path: Path) -> None:
    assert read_pictures(write(tmp_path / "pictures.npz")) is not None


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("schema_version", np.array([1, 1])),
        ("schema_version", np.zeros((), [("a", "i4")])),
        ("slice", np.array([np.inf, 1.0])),
        ("slice", np.array([1j, 1])),
        ("slice", np.array(["2020-01-01", "2021-01-01"], "M8[D]")),
        ("image", np.array(3, np.uint8)),
    ],
)
def test_s02_arrays_of_another_kind_are_no_pictures(tmp_path: Path, name: str, array: Array) -> None:
    assert read_pictures(write(tmp_path / "pictures.npz", **{name: npy(array)})) is None


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000,), }",
        "{'descr': '<U2000000000', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': __import__('os').system('touch executed'), 'fortran_order': False, 'shape': (1,), }",
        "(" * 5000,
        "'''",
        "\n  x\n y",
    ],
    ids=["petabyte", "long text", "objects", "negative", "call", "deep", "open", "indented"],
)
def test_s02_headers_that_lie_are_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, version: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_pictures(write(tmp_path / "pictures.npz", image=with_header(header, version))) is None
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.npz"]


def test_s02_no_flipped_bit_stops_a_report(tmp_path: Path) -> None:
    path = tmp_path / "pictures.npz"
    np.savez_compressed(path, allow_pickle=False, **arrays())
    sound, seeded = path.read_bytes(), random.Random(1)
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << seeded.randrange(8)
        path.write_bytes(bytes(damaged))
        read_pictures(path)  # whole, or None, and nothing else


def test_s02_a_bomb_a_pickle_a_pipe_and_a_ring_are_no_pictures(tmp_path: Path) -> None:
    marker, path = tmp_path / "executed", tmp_path / "pictures.npz"
    write(path, image=bytes(300 << 20))
    assert path.stat().st_size < 1 << 20 and read_pictures(path) is None
    for data in (Trap(marker).pickled, Trap(marker).array, Trap(marker).arrays(tuple(arrays()))):
        path.write_bytes(data)
        assert read_pictures(path) is None
    path.unlink()
    os.mkfifo(path)
    assert read_pictures(path) is None
    path.unlink()
    path.symlink_to(path.name)
    assert read_pictures(path) is None
    assert not marker.exists()
