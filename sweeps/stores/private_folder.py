"""Folders that only this user can enter, for copies of what lies in a store."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sweeps.errors import SweepError


def private_folder(path: Path) -> Path:
    """Make sure that `path` is a folder of this user that nobody else can enter; folders above it are made as usual.

    Raises:
        SweepError: it is a link, belongs to somebody else, or others may enter it.
        OSError: it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise SweepError(
                "this is to be a folder of yours alone",
                where=str(path),
                got=f"{stat.filemode(found.st_mode)}, owner {found.st_uid}",
                allowed=f"drwx------, owner {os.getuid()}",
                next_step=f"remove it, or: chmod 700 {path}",
            ) from None
    return path
