"""Objects as files below a folder (`file://`): on a disk, or on a network file system that keeps `rename` and `fsync`."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

from results.errors import StoreError
from results.storage import sync_folder, write_atomic
from results.store.backend import Names, ObjectInfo

_SUFFIX = ".tmp"


class FolderBackend:
    """Files below `root`. Links are no objects, and nothing is read or written through one that leads out.

    Args:
        root: absolute; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: str, data: bytes) -> None:
        """As `Backend.put`: temporary file, fsync, rename, fsync of the folder."""
        target = self._inside(path)
        try:
            _make_folder(target.parent)
            try:
                write_atomic(target, data)
            except FileNotFoundError:  # the folder was deleted in this instant, with everything in it
                _make_folder(target.parent)
                write_atomic(target, data)
        except OSError as error:
            raise self._error("cannot be written", path, error) from error

    def get(self, path: str) -> bytes:
        """As `Backend.get`."""
        try:
            descriptor = os.open(self._inside(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(f"{self._root.as_uri()}/{path}") from None
        except OSError as error:
            raise self._error("cannot be read", path, error) from error

    def info(self, path: str) -> ObjectInfo | None:
        """As `Backend.info`."""
        try:
            return _info(path, self._inside(path).lstat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._error("cannot be read", path, error) from error

    def list(self, path: str, recursive: bool) -> list[ObjectInfo]:
        """As `Backend.list`. What is deleted while we look is left out."""
        base = self._inside(path) if path else self._root
        found = []
        for folder, folders, names in os.walk(base, onerror=self._refuse):
            for name in names:
                one = self._seen(Path(folder, name), base)
                if one is not None:
                    found.append(one)
            if not recursive:
                folders.clear()
        return found

    def folders(self, path: str) -> Names:
        """As `Backend.folders`."""
        base = self._inside(path) if path else self._root
        try:
            return [entry.name for entry in os.scandir(base) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._error("cannot be read", path, error) from error

    def delete(self, path: str) -> None:
        """As `Backend.delete`."""
        target = self._inside(path)
        try:
            target.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise self._error("cannot be removed", path, error) from error

    def delete_tree(self, path: str) -> None:
        """As `Backend.delete_tree`."""
        target = self._inside(path)
        try:
            shutil.rmtree(target)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._error("cannot be removed", path, error) from error

    def _inside(self, path: str) -> Path:
        """The file of an object; its folder made sure to lie below the root, wherever links lead."""
        target = self._root / path
        home = os.path.realpath(self._root)
        if not Path(os.path.realpath(target.parent)).is_relative_to(home):
            step = "put what the link points to in its place"
            raise StoreError("a link leads out of the store", where=f"{self._root.as_uri()}/{path}", next_step=step)
        return target

    def _seen(self, file: Path, base: Path) -> ObjectInfo | None:
        if file.name.startswith(".") and file.name.endswith(_SUFFIX):
            return None  # of a writer that is at work, or was killed
        try:
            return _info(file.relative_to(base).as_posix(), file.lstat())
        except FileNotFoundError:
            return None

    def _refuse(self, error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise self._error("cannot be listed", "", error) from error

    def _error(self, what: str, path: str, error: OSError) -> StoreError:
        where = f"{self._root.as_uri()}/{path}".rstrip("/")
        step = "check the folder's permissions and the room on its disk"
        return StoreError(f"the object {what}", where=where, got=error.strerror or str(error), next_step=step)


def _info(key: str, status: os.stat_result) -> ObjectInfo | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each safely on disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
