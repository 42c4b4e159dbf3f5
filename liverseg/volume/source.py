"""Opening a NIfTI file for reading from front to back, compressed or not, with every fault of the file as one error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from isal import igzip, isal_zlib

from liverseg.volume.rules import Subject

CHUNK_BYTES = 2 * 2**20
_COMPRESSED_BYTES = 2**17


class Source(Protocol):
    """What is needed of an open file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; fewer only at the end or between gzip members."""
        ...

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill some of `buffer`; 0 at the end."""
        ...


_FAULTS = (OSError, EOFError, OverflowError, cast(type[Exception], isal_zlib.error))
"""What reading raises for damage; `OverflowError` is a gzip header without an end."""
_open_gzip = cast(Callable[[BinaryIO], Source], igzip.open)


def is_gzip_name(path: Path) -> bool:
    """Whether a file is taken as gzip: by its name, never by its content, so that damage cannot change the answer."""
    return path.name.lower().endswith(".gz")


@contextmanager
def open_source(subject: Subject) -> Iterator[Source]:
    """The (decompressed) bytes of a file.

    At the end of each gzip member its CRC and length are compared with what was decompressed, so a damaged file fails
    at the latest when its last byte has been read.

    Raises:
        DataError: rule N1, for anything that the operating system or the decompressor finds wrong.
    """
    path = subject.path
    try:
        with path.open("rb", buffering=0) as file:
            yield _decompressed(cast(BinaryIO, file)) if is_gzip_name(path) else cast(Source, file)
    except _FAULTS as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        allowed = "a file that reads to its end with the right checksum"
        next_step = "copy or download the file again"
        raise subject.broken("N1", "file is damaged or cannot be read", reason, allowed, next_step) from error


def _decompressed(file: BinaryIO) -> Source:
    """All members of a gzip file.

    The reader inside `igzip.open`, without the buffer around it, which has every byte copied once more through fresh
    memory: up to a fifth of the time of reading a scan. As its name is not a public one, a release of isal may lack it.
    """
    reader = getattr(isal_zlib, "_GzipReader", None)
    return cast(Source, reader(file, _COMPRESSED_BYTES) if reader else _open_gzip(file))


def read_fully(source: Source, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the file."""
    data = b""
    while len(data) < size and (more := source.read(size - len(data))):
        data += more
    return data


def fill(source: Source, target: memoryview) -> int:
    """Fill `target` in chunks and return how many bytes there were."""
    done = 0
    while done < len(target) and (count := source.readinto(target[done : done + CHUNK_BYTES])):
        done += count
    return done
