"""Where this user's cache lies. A file of its own, so that asking imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache_root() -> Path:
    """`$LIVERSWEEP_CACHE`, or `liversweep` below `$XDG_CACHE_HOME`, or `~/.cache/liversweep`. Empty means unset."""
    if own := os.environ.get("LIVERSWEEP_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "liversweep"
    return Path.home() / ".cache" / "liversweep"
