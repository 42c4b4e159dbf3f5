"""The words a spec may use. Names of architectures and parameters come from `liverseg`; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Literal

SCHEMA_VERSION = 1
SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp", "nsga2", "qmc")
SCHEDULERS = ("asha", "median", "hyperband", "none")
BUDGETS = ("equal", "equal_updates", "joint")
REPLICATE = ("best", "all")
CLUSTERS = ("local", "address", "slurm", "kubernetes")

METRICS: Mapping[str, Literal["maximize", "minimize"]] = MappingProxyType(
    {
        "val_dice": "maximize",
        "dice_liver_mean": "maximize",
        "dice_tumour_mean": "maximize",
        "dice_global_liver": "maximize",
        "dice_global_tumour": "maximize",
        "parameters": "minimize",
        "gflops": "minimize",
        "s_per_epoch": "minimize",
    }
)


def layout_names() -> tuple[str, ...]:
    """Layouts that a spec may name: `auto`, the built-in ones, then plug-ins, of which none is loaded."""
    from liverseg.data.registry import ENTRY_POINT_GROUP, LAYOUTS

    built_in = sorted(layout.name for layout in LAYOUTS)
    plugins = sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)} - set(built_in))
    return ("auto", *built_in, *plugins)
