"""For all tests: files in memory where there is room, and examples of Hypothesis that may take as long as they like."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import settings

# A busy machine is no bug.
settings.register_profile("liversweep", deadline=None)
settings.load_profile("liversweep")

MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 4 << 30
"""Sweeps write, sync and delete thousands of small files, for which a disk takes milliseconds each, even of an idle machine.

What the tests say about killed processes is the same: what was written is there, on either kind of file system.
"""
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
