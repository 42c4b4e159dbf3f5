from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import stat
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.config import PrepareConfig
from liverseg.preprocess import Cache, PreparedCase, cache_key, cache_keys, load_or_prepare, prepare_case
from liverseg.preprocess import cache as cache_module
from liverseg.preprocess import entry as entry_module
from liverseg.preprocess.entry import DamagedEntry, decode, encode
from tests.liverseg.preprocess.scans import affine_for, blobs, write_pair

CONFIG = PrepareConfig(sizes_px=(32,))
KEY = "ab" + "0" * 62


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_pair(tmp_path, *blobs((14, 12, 6), 1), affine_for("RAS"))


def same(left: PreparedCase, right: PreparedCase) -> bool:
    def flat(case: PreparedCase) -> list[Any]:
        reference = case.reference
        arrays: list[np.ndarray] = [case.image, case.mask, case.keep, case.foreground_hu, reference.labels]
        facts = [case.uid, case.patient, case.plane, reference.shape, reference.spacing_mm, reference.start]
        return [*facts, *((array.dtype, array.shape, array.tobytes()) for array in arrays)]

    return flat(left) == flat(right)


def test_a_second_call_reads_no_scan(tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    first = load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    assert (cache.counts.hits, cache.counts.misses) == (0, 1)
    monkeypatch.setattr(cache_module, "prepare_case", lambda *_: pytest.fail("prepared again"))
    second = load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    assert (cache.counts.hits, cache.counts.misses) == (1, 1)
    assert same(first[32], second[32])
    assert same(prepare_case("case-1", "pt-1", *pair, CONFIG)[32], second[32])


def test_pseudonyms_are_those_of_the_caller(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    again = load_or_prepare("case-2", "pt-2", *pair, CONFIG, cache=cache)[32]
    assert (again.uid, again.patient, cache.counts.hits) == ("case-2", "pt-2", 1)
    entry = next(cache.root.rglob("*.lsprep")).read_bytes()
    assert b"case-1" not in entry and b"pt-1" not in entry


def test_a_new_size_prepares_only_that_size(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    asked = []

    def spy(*arguments: Any) -> dict[int, PreparedCase]:
        asked.append(arguments[-1].sizes_px)
        return prepare_case(*arguments)

    monkeypatch.setattr(cache_module, "prepare_case", spy)
    both = load_or_prepare("case-1", "pt-1", *pair, PrepareConfig(sizes_px=(64, 32)), cache=cache)
    assert asked == [(64,)] and list(both) == [32, 64]


def test_the_key_depends_on_everything_that_shapes_the_content() -> None:
    keys = [
        cache_key("a", "b", 32, CONFIG),
        cache_key("c", "b", 32, CONFIG),
        cache_key("a", "c", 32, CONFIG),
        cache_key("a", None, 32, CONFIG),
        cache_key("a", "b", 64, CONFIG),
        cache_key("a", "b", 32, dataclasses.replace(CONFIG, slices="all")),
        cache_key("a", "b", 32, dataclasses.replace(CONFIG, fit="crop")),
    ]
    assert len(set(keys)) == len(keys) and all(len(key) == 64 for key in keys)
    assert cache_key("a", "b", 32, dataclasses.replace(CONFIG, sizes_px=(32, 64))) == keys[0]


def test_changed_voxels_are_prepared_again(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    image, mask = blobs((14, 12, 6), 2)
    changed = write_pair(tmp_path, image, mask, affine_for("RAS"))
    again = load_or_prepare("case-1", "pt-1", *changed, CONFIG, cache=cache)[32]
    assert cache.counts.hits == 0 and same(again, prepare_case("case-1", "pt-1", *changed, CONFIG)[32])


@pytest.fixture
def entry(pair: tuple[Path, Path]) -> bytes:
    return b"".join(encode(prepare_case("u", "p", *pair, CONFIG)[32]))


def test_every_flipped_byte_and_every_length_is_noticed(entry: bytes) -> None:
    for position in range(0, len(entry), max(1, len(entry) // 400)):
        broken = bytearray(entry)
        broken[position] ^= 1
        with pytest.raises(DamagedEntry):
            decode(bytes(broken), uid="u", patient="p")
    for length in [*range(0, 60), *range(60, len(entry), max(1, len(entry) // 200)), len(entry) - 1]:
        with pytest.raises(DamagedEntry):
            decode(entry[:length], uid="u", patient="p")
    with pytest.raises(DamagedEntry):
        decode(entry + b"\0", uid="u", patient="p")
    decode(entry, uid="u", patient="p")


def test_a_damaged_entry_is_rebuilt(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    first = load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)[32]
    path = next(cache.root.rglob("*.lsprep"))
    whole = path.read_bytes()
    for broken in (whole[:-1], b"", pickle.dumps({"image": 1}), whole[:200] + b"x" + whole[201:]):
        path.write_bytes(broken)
        again = load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)[32]
        assert same(first, again) and path.read_bytes() == whole
    assert cache.counts.damaged == 4 and cache.counts.hits == 0


def test_only_the_owner_can_read_and_nothing_is_left_over(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o700
    files = [path for path in cache.root.rglob("*") if path.is_file()]
    assert len(files) == 1 and stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file")
    prepared = load_or_prepare("case-1", "pt-1", *pair, CONFIG, cache=cache)
    assert same(prepared[32], prepare_case("case-1", "pt-1", *pair, CONFIG)[32])
    assert "not cached" in caplog.text


def test_a_failed_write_leaves_nothing(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    prepared = prepare_case("u", "p", *pair, CONFIG)[32]
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        cache.store(KEY, prepared)
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


_WRITER = """
import sys
import zlib
from pathlib import Path
from liverseg.config import PrepareConfig
from liverseg.preprocess import Cache, prepare_case
root, image, mask, key = sys.argv[1:]
prepared = prepare_case("u", "p", Path(image), Path(mask), PrepareConfig(sizes_px=(32,)))[32]
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for _ in range(40):
    Cache(root).store(key, prepared)
"""


def test_two_processes_may_write_one_entry_while_a_third_reads(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    wanted = prepare_case("u", "p", *pair, CONFIG)[32]
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "cache"), *map(str, pair), KEY]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    cache = Cache(tmp_path / "cache")
    try:
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        while any(writer.poll() is None for writer in writers):
            found = cache.load(KEY, uid="u", patient="p")
            assert found is None or same(found, wanted)
        assert [writer.wait() for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    final = cache.load(KEY, uid="u", patient="p")
    assert final is not None and same(final, wanted)
    assert cache.counts.damaged == 0
    assert len([path for path in cache.root.rglob("*") if path.is_file()]) == 1


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LIVERSWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache.default_root() == tmp_path / ".cache" / "liversweep"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache.default_root() == tmp_path / "xdg" / "liversweep"
    monkeypatch.setenv("LIVERSWEEP_CACHE", str(tmp_path / "own"))
    assert Cache.default_root() == tmp_path / "own"


def test_the_first_bytes_of_an_entry(entry: bytes) -> None:
    """The format's promise: magic, version, checksum, length of a JSON header."""
    assert entry[:8] == b"LSPREP\x00\x02"
    assert int.from_bytes(entry[8:12], "little") == zlib.crc32(entry[12:])
    length = int.from_bytes(entry[12:20], "little")
    assert entry[20 : 20 + length].startswith(b'{"schema_version":1,')


def test_an_entry_of_version_1_stays_readable_and_checked(entry: bytes) -> None:
    content = entry[12:]
    old = b"LSPREP\x00\x01" + hashlib.sha256(content).digest() + content
    assert same(decode(old, uid="u", patient="p"), decode(entry, uid="u", patient="p"))
    for position in (8, 40, len(old) // 2, len(old) - 1):
        broken = bytearray(old)
        broken[position] ^= 1
        with pytest.raises(DamagedEntry):
            decode(bytes(broken), uid="u", patient="p")


def test_what_is_only_trained_on_is_cut_down_and_its_native_mask_left_packed(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    whole = load_or_prepare("c", "p", *pair, CONFIG, cache=cache)[32].for_training()
    fresh = load_or_prepare("c", "p", *pair, CONFIG, cache=None, scored=False)[32]
    unpacked: list[int] = []
    real = entry_module._array
    monkeypatch.setattr(entry_module, "_array", lambda *rest: (unpacked.append(1), real(*rest))[1])
    read = load_or_prepare("c", "p", *pair, CONFIG, cache=cache, scored=False)[32]
    assert same(read, whole) and same(fresh, whole) and not read.whole and not fresh.whole
    assert cache.counts.hits == 1 and len(unpacked) == 4


def test_bytes_of_entries_are_known_without_reading(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    cache = Cache(tmp_path / "cache")
    keys = list(cache_keys("a" * 64, "b" * 64, PrepareConfig(sizes_px=(64, 32))).values())
    assert cache.size_bytes(keys) is None and cache.size_bytes([]) == 0
    prepared = prepare_case("u", "p", *pair, CONFIG)[32]
    cache.store(keys[0], prepared)
    assert cache.size_bytes(keys) is None
    cache.store(keys[1], prepared)
    assert cache.size_bytes(keys) == 2 * len(b"".join(encode(prepared)))


def test_loaded_arrays_are_sound(entry: bytes) -> None:
    case = decode(entry, uid="u", patient="p")
    assert case.image.dtype == np.int16 and case.keep.dtype == np.bool_ and case.foreground_hu.dtype == np.int64
