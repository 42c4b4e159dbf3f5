"""The folder of one sweep: where everything of it lies, and the only place that makes its paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from results.sweep_folder import LEDGER, sweep_folders
from results.sweep_folder import SweepFolder as ResultFolder
from sweeps.errors import UsageError

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
DEFAULT_ROOT = Path("runs")


@dataclass(frozen=True, slots=True)
class SweepFolder(ResultFolder):
    """Paths below `runs/<name>/`: those that reports read, and those that only the driver uses."""

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def stop(self) -> Path:
        """While this file exists, trials save their state and end, and no further one is started."""
        return self.path / "stop"

    @property
    def tune(self) -> Path:
        """Ray Tune's own state: disposable."""
        return self.path / "tune"

    @property
    def case_map(self) -> Path:
        """Pseudonym to file name, readable by the owner only and never part of a report."""
        return self.path / "private" / "cases.json"

    def file(self, name: str) -> Path:
        """A file directly in the sweep's folder, for example `resolved.json`."""
        return self.path / name

    @classmethod
    def named(cls, name: str, root: Path) -> SweepFolder:
        """The folder of a sweep that is to be made.

        Raises:
            UsageError: the name could leave `root`, or the folder exists.
        """
        check_name(name)
        folder = cls(root / name)
        if folder.path.exists() or folder.path.is_symlink():
            raise UsageError(
                f"{folder.path}: a sweep of this name exists; choose another name with --name NAME, let one be found with "
                f"--new-name, or look at it with: liversweep show {name}"
            )
        return folder

    @classmethod
    def exists(cls, name: str, root: Path) -> bool:
        """Whether a sweep of this name was begun.

        Raises:
            UsageError: the name could leave `root`.
        """
        return cls(root / check_name(name)).ledger.is_file()

    @classmethod
    def existing(cls, name_or_path: str, root: Path) -> SweepFolder:
        """The folder of a sweep that was run, by its name below `root` or by its path.

        Raises:
            UsageError: there is none, or it holds no ledger.
        """
        path = Path(name_or_path)
        if (path / LEDGER).is_file():
            # `.` and `..` have no name to call the sweep by.
            return cls(path if path.name not in ("", "..") else path.resolve())
        folder = cls(root / name_or_path)
        if not NAME.fullmatch(name_or_path) or not folder.ledger.is_file():
            known = [path.name for path in sweep_folders(root)] if root.is_dir() else []
            raise UsageError(
                f"no sweep {name_or_path!r} in {root}; got {name_or_path!r}, known: {', '.join(known) or 'none yet'}; "
                "list them with: liversweep list"
            )
        if not folder.path.resolve().is_relative_to(root.resolve()):
            raise UsageError(
                "the sweep is a link that leads out of the folder of the sweeps",
                where=str(folder.path),
                got=folder.path.resolve(),
                next_step="open it by its own path",
            )
        return folder

    @classmethod
    def newest(cls, root: Path) -> SweepFolder:
        """The sweep whose ledger was written last.

        Raises:
            UsageError: there is no sweep in `root`.
        """
        folders = sweep_folders(root) if root.is_dir() else []
        if not folders:
            raise UsageError(f"no sweep in {root} yet; start one with: liversweep run quickstart")
        return cls(max(folders, key=lambda path: (path / LEDGER).stat().st_mtime_ns))


def check_name(name: str) -> str:
    """The name, if it may be a folder's.

    Raises:
        UsageError: it may not.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"name: a sweep's name becomes a folder; got {name!r}, allowed: a letter or digit, then up to 63 letters, "
            "digits, '.', '_' or '-'"
        )
    return name


def free_name(name: str, root: Path) -> str:
    """`name`, or the first of `name-2`, `name-3`, … that has no folder yet."""
    if not (root / check_name(name)).exists():
        return name
    number = 2
    while (root / f"{name}-{number}").exists():
        number += 1
    return f"{name}-{number}"
