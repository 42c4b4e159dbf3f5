"""Voxels: the same as nibabel's where a file is sound, an error where one bit is not."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.errors import DataError
from liverseg.volume import planes_per_slab, read_header, read_voxels, slabs, to_hu
from tests.liverseg.data.nifti_files import AFFINE, CODES, header_bytes, nifti_bytes, put, scan

VOXELS = scan()


def decode(path: Path) -> np.ndarray[Any, Any]:
    return read_voxels(path, read_header(path, case="c"), case="c")


def rule_of(path: Path) -> str | None:
    with pytest.raises(DataError) as caught:
        decode(path)
    assert caught.value.case == "c"
    assert caught.value.next_step
    return caught.value.rule


@pytest.mark.parametrize(("dtype", "order", "ending"), list(product(CODES, "<>", (".nii", ".nii.gz"))))
def test_values_and_affine_agree_with_nibabel(tmp_path: Path, dtype: str, order: str, ending: str) -> None:
    array = np.random.default_rng(1).integers(0, 100, (5, 4, 3)).astype(dtype)
    path = put(tmp_path / f"a{ending}", nifti_bytes(array, order=order, scl_slope=0.5, scl_inter=-7.0))
    header = read_header(path)
    raw = read_voxels(path, header)
    theirs = nibabel.load(path)
    assert raw.dtype == np.dtype(dtype) and raw.dtype.isnative and raw.flags.f_contiguous and raw.flags.writeable
    np.testing.assert_array_equal(raw, array)
    np.testing.assert_allclose(to_hu(raw, header), theirs.get_fdata(), rtol=1e-6)
    np.testing.assert_allclose(header.affine, theirs.affine, rtol=1e-6)
    np.testing.assert_allclose(header.spacing_mm, theirs.header.get_zooms(), rtol=1e-6)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("sform", [True, False])
def test_files_of_nibabel_read_the_same(tmp_path: Path, kind: Any, sform: bool) -> None:
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (10, -20, 170), degrees=True).as_matrix() * (0.7, 0.9, -3.0)
    affine[:3, 3] = (10, -20, 30)
    image = kind(VOXELS, None if not sform else affine)
    image.header.set_qform(affine, code=1)
    image.header.set_sform(affine if sform else None, code=int(sform))
    nibabel.save(image, path := tmp_path / "a.nii.gz")
    header = read_header(path)
    np.testing.assert_array_equal(read_voxels(path, header), VOXELS)
    np.testing.assert_allclose(header.affine, affine, atol=1e-5)
    assert header.orientation == "".join(nibabel.aff2axcodes(affine))


def test_extension_before_the_voxels_is_skipped(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"CANARY " * 100))
    nibabel.save(image, path := tmp_path / "a.nii.gz")
    assert read_header(path).data_offset > 352
    np.testing.assert_array_equal(decode(path), VOXELS)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 8), st.sampled_from((".nii", ".nii.gz")))
def test_slabs_are_the_volume_in_whole_planes(tmp_path_factory: Any, planes: int, ending: str) -> None:
    path = put(tmp_path_factory.mktemp("s") / f"a{ending}", nifti_bytes(VOXELS))
    blocks = list(slabs(path, read_header(path), planes=planes))
    assert [block.shape[2] for block in blocks[:-1]] == [planes] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=2), VOXELS)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_reused_slabs_hold_the_same_planes_one_after_the_other(tmp_path: Path, ending: str, order: str) -> None:
    path = put(tmp_path / f"a{ending}", nifti_bytes(VOXELS, order=order))
    seen = [block.copy(order="F") for block in slabs(path, read_header(path), planes=4, reuse=True)]
    assert [block.shape[2] for block in seen] == [4, 2]
    np.testing.assert_array_equal(np.concatenate(seen, axis=2), VOXELS)


def test_only_reused_slabs_share_memory(tmp_path: Path) -> None:
    path = put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS))
    header = read_header(path)
    for reuse in (False, True):
        first, second = slabs(path, header, planes=3, reuse=reuse)
        assert np.shares_memory(first, second) is reuse
        assert first.flags.writeable and first.flags.f_contiguous


def test_gzip_reads_the_same_without_the_unbuffered_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS))
    monkeypatch.delattr("isal.isal_zlib._GzipReader")
    np.testing.assert_array_equal(decode(path), VOXELS)
    path.write_bytes(path.read_bytes()[:-1])
    assert rule_of(path) == "N1"


def test_default_slabs_hold_about_two_mebibytes(tmp_path: Path) -> None:
    array = np.zeros((256, 256, 100), np.int16)
    path = put(tmp_path / "a.nii.gz", nifti_bytes(array))
    assert planes_per_slab(header := read_header(path)) == 16
    assert sum(block.shape[2] for block in slabs(path, header)) == 100


def test_every_flipped_bit_is_caught_or_harmless(tmp_path: Path) -> None:
    data = gzip.compress(nifti_bytes(scan(3, (7, 5, 4))), 6, mtime=0)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(data)
    sound_header, sound = read_header(path), decode(path)
    caught, harmless = 0, []
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            header = read_header(path, case="c")
            voxels = read_voxels(path, header, case="c")
        except DataError as error:
            caught += 1
            assert error.rule and error.case == "c"
        else:
            assert header == sound_header
            np.testing.assert_array_equal(voxels, sound)
            harmless.append(bit // 8)
    assert caught + len(harmless) == len(data) * 8
    assert sum(byte >= 10 for byte in harmless) < 0.02 * len(data) * 8, "unused codes of the Huffman tables"
    assert set(range(4, 10)) <= set(harmless), "time, flags and system of the gzip header do not touch voxels"


def test_every_truncation_is_caught(tmp_path: Path) -> None:
    data = gzip.compress(nifti_bytes(scan(3, (4, 4, 3))), 6, mtime=0)
    path = tmp_path / "a.nii.gz"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert rule_of(path) in ("N1", "N2", "N3")


def test_a_truncated_plain_file_is_caught_even_between_header_and_voxels(tmp_path: Path) -> None:
    path = put(tmp_path / "a.nii", nifti_bytes(VOXELS))
    header = read_header(path)
    path.write_bytes(nifti_bytes(VOXELS)[:-1])
    with pytest.raises(DataError, match="ends early"):
        read_voxels(path, header)


@pytest.mark.parametrize(
    "garbage", [b"x", b"garbage", b"\x1f\x8b", b"\x1f", b"\0" * 9 + b"x", gzip.compress(b"x", mtime=0)]
)
def test_garbage_behind_the_stream_is_caught(tmp_path: Path, garbage: bytes) -> None:
    path = put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS))
    path.write_bytes(path.read_bytes() + garbage)
    assert rule_of(path) in ("N1", "N3")


@pytest.mark.parametrize("padding", [b"\0" * 512, gzip.compress(b"", mtime=0)])
def test_zero_padding_and_empty_members_are_no_garbage(tmp_path: Path, padding: bytes) -> None:
    path = put(tmp_path / "a.nii.gz", nifti_bytes(VOXELS))
    path.write_bytes(path.read_bytes() + padding)
    np.testing.assert_array_equal(decode(path), VOXELS)


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    data = nifti_bytes(VOXELS)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"".join(gzip.compress(data[i : i + 100]) for i in range(0, len(data), 100)))
    np.testing.assert_array_equal(decode(path), VOXELS)


def test_last_block_comes_only_after_the_checksum(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, (200, 200, 40)).astype(np.int16)
    path = put(tmp_path / "a.nii.gz", nifti_bytes(noise))
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    header = read_header(path)
    seen = []
    with pytest.raises(DataError, match="rule N1"):
        seen.extend(slabs(path, header, planes=1))
    assert len(seen) < noise.shape[2]


@contextmanager
def peak_bytes() -> Iterator[list[int]]:
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


def bomb_of_promise(path: Path) -> Path:
    """A few hundred bytes that promise 4 GiB."""
    return put(path, header_bytes(np.zeros((1, 1, 1), np.float32), dim=(3, 1024, 1024, 1024, 1, 1, 1, 1)))


def bomb_of_zeros(path: Path) -> Path:
    """A small scan with 64 MiB of zeros behind it."""
    return put(path, nifti_bytes(VOXELS) + bytes(64 * 2**20))


def bomb_in_the_gzip_header(path: Path) -> Path:
    """A gzip header whose file name goes on for 64 MiB."""
    path.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (64 * 2**20))
    return path


@pytest.mark.parametrize("make", [bomb_of_promise, bomb_of_zeros, bomb_in_the_gzip_header])
def test_bombs_are_refused_in_little_memory(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / "a.nii.gz")
    with peak_bytes() as peak:
        rule = rule_of(path)
    assert rule in ("N1", "N3")
    assert peak[0] < 4 * 2**20


def test_streaming_needs_a_fraction_of_the_volume(tmp_path: Path) -> None:
    array = np.zeros((256, 256, 400), np.int16)
    path = put(tmp_path / "a.nii.gz", nifti_bytes(array))
    header = read_header(path)
    with peak_bytes() as peak:
        assert sum(int(block.any()) for block in slabs(path, header)) == 0
    assert 2**20 < peak[0] < array.nbytes / 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_ct_that_is_not_finite_is_refused(tmp_path: Path, value: float) -> None:
    array = VOXELS.astype(np.float32)
    array[3, 4, 5] = value
    path = put(tmp_path / "a.nii.gz", nifti_bytes(array))
    header = read_header(path)
    with pytest.raises(DataError) as caught:
        to_hu(read_voxels(path, header), header, path=path, case="c")
    assert (caught.value.rule, caught.value.case) == ("N4", "c")
    assert "1 NaN" in str(caught.value)
