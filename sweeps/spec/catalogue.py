"""The words a spec may use, and where each list of them comes from. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SCHEMA_VERSION = 1
SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp", "nsga2", "qmc")
SCHEDULERS = ("asha", "median", "hyperband", "none")
BUDGETS = ("equal", "equal_updates", "joint")
CLUSTERS = ("local",)
LATER_CLUSTERS = ("address", "slurm", "kubernetes")
LAYOUTS = ("auto", "lits", "msd", "nnunet", "pairs")

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


@dataclass(frozen=True, slots=True)
class Objective:
    """What the search improves: a metric's name and `maximize` or `minimize`."""

    metric: str
    direction: Literal["maximize", "minimize"]
