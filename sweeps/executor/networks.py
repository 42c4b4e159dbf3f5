"""Compiled networks that a worker keeps between two trials, as far as its memory allows.

What a kept network spares the next trial is building and tracing: seconds. What it costs is memory, which belongs to the
trial that runs: a trial is never ended, and never sent to another worker, for what is kept. It is let go of first.
"""

from __future__ import annotations

import sys
from typing import Any

from sweeps.executor.memory import return_free_memory

SHARE = 4
"""A trial's memory over what may be kept beside it."""


def set_budget(memory_bytes: int | None) -> None:
    """Let networks be kept in a part of a trial's memory limit; None leaves the budget that they have."""
    from liverseg.training.compiled import NETWORKS

    if memory_bytes is not None:
        NETWORKS.budget_bytes = memory_bytes // SHARE


def relieve() -> bool:
    """Free what is kept and give the memory back to the system; whether there was anything. Safe from any thread."""
    compiled = sys.modules.get("liverseg.training.compiled")
    if compiled is None or not compiled.NETWORKS.drop():
        return False
    return_free_memory()
    return True


def held(run: Any) -> list[str]:
    """Labels of the graphs that this worker will have compiled once it has let go of this trainer; sorted."""
    if not hasattr(run, "release"):
        return []
    from liverseg.training.compiled import NETWORKS
    from liverseg.training.graph import graph_of

    return sorted({graph.label for graph in (*NETWORKS.graphs, graph_of(run.config))})


def origin(run: Any) -> str:
    """Where a trainer has its network from, for the log; empty for a trainer that does not tell."""
    trainings = getattr(getattr(run, "network", None), "trainings", None)
    if trainings is None:
        return ""
    return (
        "network: built"
        if trainings == 1
        else f"network: compiled before, reset for training {trainings} in this process"
    )


def hand_on(run: Any) -> bool:
    """Let a trainer keep its network for the next trial; False when it is not one that can. It may not be used any more."""
    release = getattr(run, "release", None)
    if release is None:
        return False
    release()
    return True


def tidy(*, handed_on: bool) -> None:
    """Free what a training has left behind, once nobody refers to it any more; what was handed on stays."""
    if not handed_on and "keras" in sys.modules:
        from liverseg.training.device import release_models

        release_models()
    return_free_memory()
