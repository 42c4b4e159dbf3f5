"""Which packages a sweep runs on, and which of them can change its numbers."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib import metadata

PACKAGES = (
    "liversweep",
    "ray",
    "tensorflow",
    "keras",
    "optuna",
    "cmaes",
    "numpy",
    "scipy",
    "pandas",
    "nibabel",
    "torch",
)
NUMERICAL_PACKAGES = ("python", "tensorflow", "keras", "numpy", "scipy", "nibabel", "optuna")
"""Another version of one of these may give other numbers. Of Python only major and minor version count."""
SAMPLER_PACKAGES: Mapping[str, tuple[str, ...]] = {"cmaes": ("cmaes",), "gp": ("torch",)}
"""Packages that decide numbers only where a sampler needs them."""


def versions() -> dict[str, str]:
    """Python's and the main packages' versions; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def installed() -> tuple[str, ...]:
    """Every installed distribution as `name==version`, sorted. Where one is there twice, the one that is imported counts."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), f"{name}=={distribution.version}")
    return tuple(found[name] for name in sorted(found))
