"""A content-addressed cache of prepared cases on disk.

The name of an entry is a hash of everything its content depends on, so an entry is never out of date and never
changed: it is there or not. Entries are written beside their final name, synced and renamed; readers check length and
CRC-32, as gzip does of the scans themselves, and take a damaged entry as absent. The format is plain: a JSON header and
raw array bytes, nothing is ever unpickled.

One file, little-endian:

    8 bytes   magic and version, `LSPREP` 0 2
    4 bytes   CRC-32 of all that follows; in version 1, which is still read, 32 bytes of SHA-256
    8 bytes   length of the header
    header    JSON: schema_version, plane, reference, arrays [{name, dtype, shape, encoding, bytes}]
    arrays    one behind the other; encoding `raw` or `zlib`

Entries hold voxels of patients: the folder is made readable by its owner only.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from liverseg.cache_root import default_cache_root
from liverseg.config import PrepareConfig
from liverseg.preprocess.arrays import PreparedCase
from liverseg.preprocess.entry import DamagedEntry, decode, encode
from liverseg.preprocess.prepare import PREPARE_VERSION, check_prepare, prepare_case

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class CacheCounts:
    """What happened to look-ups of one `Cache` object in this process."""

    hits: int = 0
    misses: int = 0
    damaged: int = 0


class Cache:
    """Prepared cases under one folder. Any number of processes may share it.

    Args:
        root: the folder; made when the first entry is stored.

    Attributes:
        counts: hits, misses (absent or damaged) and damaged entries so far.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser()
        self.counts = CacheCounts()

    @staticmethod
    def default_root() -> Path:
        """See `liverseg.cache_root.default_cache_root`."""
        return default_cache_root()

    def path(self, key: str) -> Path:
        """Where the entry of `key` (64 hex digits) is or would be."""
        return self.root / "prepared" / key[:2] / f"{key}.lsprep"

    def size_bytes(self, keys: Iterable[str]) -> int | None:
        """Bytes of the entries of all `keys` together, or None when one is absent. Nothing of them is read."""
        try:
            return sum(self.path(key).stat().st_size for key in keys)
        except OSError:
            return None

    def load(self, key: str, *, uid: str, patient: str, scored: bool = True) -> PreparedCase | None:
        """The prepared case of `key` under the pseudonyms given, or None when it is absent, unreadable or damaged.

        With `scored` False it is cut down as by `PreparedCase.for_training`.
        """
        path = self.path(key)
        try:
            prepared = decode(path.read_bytes(), uid=uid, patient=patient, scored=scored)
        except FileNotFoundError:
            self.counts.misses += 1
            return None
        except (OSError, DamagedEntry) as error:
            _log.warning("cache entry %s… is prepared again: %s", key[:12], error)
            self.counts.misses += 1
            self.counts.damaged += 1
            return None
        self.counts.hits += 1
        return prepared

    def store(self, key: str, prepared: PreparedCase) -> None:
        """Write the entry of `key`, replacing what is there.

        Raises:
            OSError: the folder cannot be written or the disk is full; nothing is left behind.
        """
        path = self.path(key)
        for folder in (self.root, path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in encode(prepared):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cache_key(image_sha256: str, mask_sha256: str | None, size_px: int, config: PrepareConfig) -> str:
    """64 hex digits that name one scan at one size.

    The hashes are of the files as they are on disk. Pseudonyms are not part of the key: they are given when loading.
    """
    parts = ("prepared", PREPARE_VERSION, image_sha256, mask_sha256 or "no mask", size_px, config.fit, config.slices)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def load_or_prepare(
    case_uid: str,
    patient: str,
    image_path: Path,
    mask_path: Path | None,
    config: PrepareConfig,
    *,
    cache: Cache | None,
    image_sha256: str | None = None,
    mask_sha256: str | None = None,
    scored: bool = True,
) -> dict[int, PreparedCase]:
    """As `prepare_case`, but sizes found in the cache are not prepared again and new ones are stored.

    A cache that cannot be written costs a warning, not the sweep.

    Args:
        case_uid: pseudonym of the case.
        patient: pseudonym of the patient.
        image_path: the scan.
        mask_path: its labels, or None.
        config: sizes, slice rule and fit.
        cache: None prepares everything.
        image_sha256: of the image file, when the caller has it already; read from the file otherwise.
        mask_sha256: of the mask file, likewise.
        scored: False cuts the cases down as by `PreparedCase.for_training`; what is stored is whole.

    Raises:
        ConfigError, DataError: as `prepare_case`. A scan that was prepared once is not read again, only hashed.
    """
    check_prepare(config)
    if cache is None:
        return _cut(prepare_case(case_uid, patient, image_path, mask_path, config), scored)
    image_sha256 = image_sha256 or _sha256(image_path)
    if mask_path is not None:
        mask_sha256 = mask_sha256 or _sha256(mask_path)
    keys = cache_keys(image_sha256, mask_sha256, config)
    found = {size: cache.load(key, uid=case_uid, patient=patient, scored=scored) for size, key in keys.items()}
    ready = {size: prepared for size, prepared in found.items() if prepared is not None}
    missing = tuple(size for size in keys if size not in ready)
    if missing:
        wanted = PrepareConfig(sizes_px=missing, slices=config.slices, fit=config.fit)
        fresh = prepare_case(case_uid, patient, image_path, mask_path, wanted)
        _store_all(cache, {keys[size]: prepared for size, prepared in fresh.items()})
        ready.update(_cut(fresh, scored))
    return {size: ready[size] for size in keys}


def cache_keys(image_sha256: str, mask_sha256: str | None, config: PrepareConfig) -> dict[int, str]:
    """`cache_key` of one scan at every size of `config`, sizes ascending."""
    return {size: cache_key(image_sha256, mask_sha256, size, config) for size in sorted(set(config.sizes_px))}


def _cut(prepared: dict[int, PreparedCase], scored: bool) -> dict[int, PreparedCase]:
    return prepared if scored else {size: case.for_training() for size, case in prepared.items()}


def _store_all(cache: Cache, entries: dict[str, PreparedCase]) -> None:
    for key, prepared in entries.items():
        try:
            cache.store(key, prepared)
        except OSError as error:
            _log.warning("prepared case is not cached in %s: %s", cache.root, error.strerror or error)
            return


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
