"""All that lies in a folder, to compare with later."""

from __future__ import annotations

import hashlib
from pathlib import Path


def tree(folder: Path, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Every file below a folder with the hash of its content, every subfolder, and where every link leads.

    Args:
        folder: whose content.
        without: paths below it that do not matter.
    """
    found = {path.relative_to(folder).as_posix(): _content(path) for path in sorted(folder.rglob("*"))}
    return {name: content for name, content in found.items() if name not in without}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
