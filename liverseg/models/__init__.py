"""The segmentation networks: names and costs without Keras, models with it.

`build_model` and the counters of built models live in `liverseg.models.build`, which imports Keras and is therefore
not imported here.
"""

from __future__ import annotations

from liverseg.models.count import ArchitectureFacts, describe
from liverseg.models.specs import (
    ARCHITECTURES,
    ArchitectureSpec,
    OptionSpec,
    architecture,
    architecture_names,
    architectures,
    check_size,
)

__all__ = [
    "ARCHITECTURES",
    "ArchitectureFacts",
    "ArchitectureSpec",
    "OptionSpec",
    "architecture",
    "architecture_names",
    "architectures",
    "check_size",
    "describe",
]
