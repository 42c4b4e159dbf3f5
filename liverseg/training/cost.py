"""What a training cost: the numbers that stand beside its scores."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from liverseg.models.build import count_flops, count_parameters
from liverseg.training.device import peak_memory_mb
from liverseg.training.record import EpochRecord, plain


def training_cost(model: Any, history: Sequence[EpochRecord]) -> dict[str, float | int | None]:
    """Cost of a training with at least one epoch.

    Returns:
        `parameters` (all), `gflops` (forward pass of one slice), `peak_memory_mb` (of the process), `s_per_epoch`
        (training and validation) and `inference_ms_per_slice`. The last two are medians over the epochs after the
        first, in which the steps are compiled; with a single epoch they are its own.
    """
    cost: dict[str, float | int | None] = {
        "parameters": int(count_parameters(model).total),
        "gflops": count_flops(model) / 1e9,
        "peak_memory_mb": peak_memory_mb(),
        "s_per_epoch": _steady(history, lambda record: record.seconds),
        "inference_ms_per_slice": _steady(history, lambda record: record.inference_ms_per_slice),
    }
    values: dict[str, float | int | None] = plain(cost)
    return values


def _steady(history: Sequence[EpochRecord], value: Callable[[EpochRecord], float]) -> float:
    return statistics.median(value(record) for record in (history[1:] or history))
