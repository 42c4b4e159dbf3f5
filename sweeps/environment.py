"""What a sweep ran on: versions and machine, from an allow-list, so that no secret of the environment can slip in."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("liversweep", "ray", "tensorflow", "keras", "optuna", "numpy", "scipy", "pandas", "nibabel")
OWN_PACKAGES = ("sweeps", "liverseg", "cluster", "results")
SCHEMA_VERSION = 1


def versions() -> dict[str, str]:
    """Python's and the main packages' versions; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, Any]:
    """What `env.json` holds."""
    import psutil

    return {
        "schema_version": SCHEMA_VERSION,
        "versions": versions(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def code_hash() -> str:
    """SHA-256 over the source of the four packages: another hash, another program."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for package in OWN_PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
