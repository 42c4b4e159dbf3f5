"""The git revision of a folder, asked for so that git changes nothing, reaches no network and runs no hook.

Addresses of remotes are never read: they may hold tokens.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeps.provenance.code import ROOT

TIMEOUT_S = 5.0
OWN_PACKAGES = ("sweeps", "liverseg", "cluster", "results")
_OPTIONS = (
    *("--no-pager", "--no-optional-locks"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.allow=never"),
    *("-c", "submodule.recurse=false"),
)
_STATUS = ("status", "--porcelain", "--ignore-submodules=all")
_KEPT_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME")
_OWN_VARIABLES = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a working tree stands.

    Attributes:
        commit: full name of the commit that is checked out.
        branch: its branch; None when none is checked out.
        dirty: whether files differ from the commit; None when git did not say in time.
    """

    commit: str
    branch: str | None
    dirty: bool | None

    def as_plain(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def revision(folder: Path) -> Revision | None:
    """The revision of the repository around `folder`; files that git does not know do not make it dirty.

    None without git, without a repository or a commit, or when git refuses because the repository is somebody else's.
    """
    return _revision(folder, *_STATUS, "--untracked-files=no")


def program_revision(root: Path = ROOT) -> Revision | None:
    """The revision of the program's own source; None when it is installed rather than checked out.

    An installation may lie inside somebody's repository, which says nothing about it: git has to know its files. Only
    the program's packages count as dirty, new files there too.
    """
    if _git(root, "ls-files", "--error-unmatch", "--", "sweeps/__init__.py") is None:
        return None
    return _revision(root, *_STATUS, "--untracked-files=normal", "--", *OWN_PACKAGES)


def _revision(folder: Path, *status: str) -> Revision | None:
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    changes = _git(folder, *status)
    return Revision(commit, branch or None, None if changes is None else bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it cannot be run, fails or takes too long."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, "-C", str(folder), *arguments],
            env=kept | _OWN_VARIABLES,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
