"""The searches that are compared, each as a spec that a user could have written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sweeps.spec import Spec, spec_from_resolved
from sweeps.spec.complete import complete
from tests.benchmarks.quality.choices import BASE_FILTERS, BATCH_SIZES, EPOCHS, FIXED, LEARNING_RATES, SIZES_PX
from tests.benchmarks.quality.twists import FEW_RANDOM, UNIVARIATE

STUDY, GRID, RANDOM, JOINT = "one factor at a time", "grid", "random", "joint TPE + ASHA"
STRONG_STUDY, BACKWARD_GRID = "one factor at a time, from 1e-3", "grid, values in reverse order"
TRIALS = 60
"""Of methods that end trials early: more than the epochs will do for."""

_ASHA = {"kind": "asha"}
_SPACE: Mapping[str, list[float]] = {
    "learning_rate": list(LEARNING_RATES),
    "batch_size": list(BATCH_SIZES),
    "size": list(SIZES_PX),
}
_START = {"learning_rate": 1e-4, "batch_size": 8, "size": 64}
"""Where the study began: its rate, the middle batch size, and the resolution that it could afford in the end."""

METHODS: Mapping[str, Mapping[str, Any]] = {
    # `twists`: changes to the search itself, see `twists`. The last rows are joint TPE + ASHA with one thing changed.
    STUDY: {"start": _START},
    GRID: {"sampler": "grid"},
    RANDOM: {"sampler": "random"},
    JOINT: {"scheduler": _ASHA},
    STRONG_STUDY: {"start": {**_START, "learning_rate": 1e-3}},
    BACKWARD_GRID: {"sampler": "grid", "backward": True},
    "TPE": {},
    "random + ASHA": {"sampler": "random", "scheduler": _ASHA},
    "TPE + ASHA, equal budgets": {"scheduler": _ASHA, "per_architecture": "equal"},
    "joint TPE + hyperband": {"scheduler": {"kind": "hyperband"}},
    "joint TPE + median": {"scheduler": {"kind": "median"}},
    "grace 1": {"scheduler": {**_ASHA, "grace_epochs": 1}},
    "grace 3": {"scheduler": {**_ASHA, "grace_epochs": 3}},
    "grace 4": {"scheduler": {**_ASHA, "grace_epochs": 4}},
    "factor 2": {"scheduler": {**_ASHA, "reduction_factor": 2}},
    "factor 4": {"scheduler": {**_ASHA, "reduction_factor": 4}},
    "4 random trials": {"scheduler": _ASHA, "twists": (FEW_RANDOM,)},
    "univariate": {"scheduler": _ASHA, "twists": (UNIVARIATE,)},
}
PLAIN = (STUDY, GRID, STRONG_STUDY, BACKWARD_GRID)
"""Those without a lot: they give the same search for every search seed."""


@cache
def spec_of(method: str, seed: int) -> Spec:
    """The spec of a method with a seed for its sampler."""
    known = METHODS[method]
    early = known.get("scheduler", {"kind": "none"})
    search = {
        "sampler": "tpe",
        "per_architecture": "joint",
        "trials": 14 if early["kind"] == "none" else TRIALS,
        "scheduler": early,
        "seed": seed,
        "architectures": {name: {"base_filters": width} for name, width in BASE_FILTERS.items()},
    } | {name: known[name] for name in ("sampler", "per_architecture") if name in known}
    plain = {
        "name": "quality",
        "data": {"root": ".", "split": {"test": 0.0, "validation": 0.3}},
        "prepare": {"size": list(SIZES_PX)},
        "train": {"epochs": EPOCHS, **FIXED},
    }
    if "start" in known:
        return _built({**plain, **_one_factor(search, known["start"])})
    space = {name: values[::-1] for name, values in _SPACE.items()} if known.get("backward") else _SPACE
    return _built({**plain, "search": {**search, "space": space}})


def _one_factor(search: Mapping[str, Any], start: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of the ready-made spec `study`: the network, then batch size, learning rate and resolution."""
    stages: list[dict[str, Any]] = [{"name": "architectures"}]
    for name in ("batch_size", "learning_rate", "size"):
        stages.append({"name": name.replace("_", "-"), "from": "best", "space": {name: _SPACE[name]}})
    return {
        "search": {**search, "sampler": "grid", "trials": None, "per_architecture": "equal"},
        "train": {"epochs": EPOCHS, **FIXED, **start},
        "stages": stages,
    }


def _built(plain: Mapping[str, Any]) -> Spec:
    return complete(spec_from_resolved(plain, "quality"))
