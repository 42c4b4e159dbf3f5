"""What a sweep ran on: packages, machine, revision and settings, each taken by name."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeps.provenance.hardware import cpu, gpus, system
from sweeps.provenance.packages import installed, versions
from sweeps.provenance.revision import program_revision, revision
from sweeps.provenance.variables import variables

SCHEMA_VERSION = 2
"""Version 1 had `versions`, `system`, `machine`, `cpus` and `memory_bytes`; all of them are still there."""


def environment(folder: Path | None = None, *, worker: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `env.json` holds: plain JSON values; None for what cannot be found out. Takes a moment and never fails.

    Args:
        folder: where the spec lies; the current folder when left out. Its git revision is recorded.
        worker: variables that trials get besides or instead of those of this process.
    """
    import psutil

    program, around = program_revision(), revision(folder or Path())
    about = system()
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": versions(),
        "packages": list(installed()),
        "python": _python(),
        "system": about["kernel"],
        "release": about["release"],
        "libc": about["libc"],
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "cpu": cpu(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus(),
        "git": {
            "program": program.as_plain() if program else None,
            "folder": around.as_plain() if around else None,
        },
        "variables": variables(),
        "worker_variables": variables(worker or {}),
    }


def _python() -> dict[str, str]:
    return {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
    }
