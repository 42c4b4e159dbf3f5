"""For all tests: files in memory where there is room, Hypothesis' examples without a deadline, an environment of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
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


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Variables that a test leaves behind, as commands called in this process do for their compute backend, end with it."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
