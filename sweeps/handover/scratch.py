"""The folder in which a scan's files are made, beside their place: locked while its owner lives, cleared away when it does not.

A process that is killed leaves its folder behind, and, if that was while it put the files in their place, some of them without
the record that would make them a prediction. Whoever comes next tells by the lock, which the kernel takes from a dead process.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweeps.executor.scratch import locked
from sweeps.handover.scan_job import MASK_END, PAGE_END, PICTURE_END, RECORD_END

_PREFIX = ".liversweep-scan-"


@contextmanager
def scratch_beside(out: Path) -> Iterator[Path]:
    """A folder in the folder of results, on the same disk, that is gone in the end.

    Left by an error or a signal while its files were being put in place, it takes with it those that are there already.
    """
    place = out / f"{_PREFIX}{secrets.token_hex(8)}"
    place.mkdir(mode=0o700)
    try:
        owner = _owned(place)
        try:
            yield place
        finally:
            if owner >= 0:
                os.close(owner)
    finally:
        _clear(place, out)


def _owned(place: Path) -> int:
    """The lock; -1 on a disk without locks, where what dead processes leave has to be removed by hand."""
    with suppress(OSError):
        return locked(place, os.O_CREAT)
    return -1


def clear_abandoned(out: Path) -> None:
    """Remove what dead processes have left in a folder of results: their scratch, and files without their record.

    A scratch folder that holds a record was complete, so its owner may have begun to put files in their place.
    """
    with suppress(OSError):
        for place in sorted(out.glob(f"{_PREFIX}*")):
            with suppress(OSError):  # held by a living process, of another user, or just being made
                owner = locked(place)
                try:
                    _clear(place, out)
                finally:
                    os.close(owner)


def _clear(place: Path, out: Path) -> None:
    for record in place.glob(f"*{RECORD_END}"):
        if not (out / record.name).exists():
            stem = record.name.removesuffix(RECORD_END)
            for end in (PAGE_END, PICTURE_END, MASK_END):
                with suppress(OSError):
                    (out / f"{stem}{end}").unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
