"""One real step of one network, measured: what a dry run knows of time and memory.

Run in a process of its own, so that the memory is that network's alone: `python -m liverseg.training.probe` reads a JSON
object on stdin (the fields of a `TrainConfig`, and `gpu`: whether to use one that is visible) and prints a `StepCost` as
JSON.

Memory is told in three parts, because they grow with different things: what the process holds besides arrays (libraries,
traced graphs) with nothing; arrays that stay from step to step (weights and moments) with the weights; arrays that one step
makes (feature maps and gradients) with the batch too. TensorFlow's allocator counts the arrays. The process's own peak holds
all three, and taking what is not weights for feature maps would count the graphs once for every slice of a batch.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liverseg.config import TrainConfig
from liverseg.training.device import pin_threads
from liverseg.training.resident import Allocated, allocated, forget_peak, private_peak_bytes

STEPS = 2


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one network costs. Memory is in MB (10^6 bytes).

    Attributes:
        start_s: seconds from nothing to the end of the first training step and first prediction (building and tracing).
        step_s: seconds a training step after that, the fastest of two.
        predict_s: seconds a prediction of one batch, the fastest of two.
        process_mb: private memory of the process besides arrays.
        kept_mb: arrays that stay from step to step.
        step_mb: arrays that a step makes on top of those, at most.
        device: where the arrays were, `CPU` or `GPU`.
    """

    start_s: float
    step_s: float
    predict_s: float
    process_mb: float
    kept_mb: float
    step_mb: float
    device: str = "CPU"


def probe_step(config: TrainConfig, *, gpu: bool = False) -> StepCost:
    """Build the network of a configuration, train three steps and predict three batches of noise.

    Args:
        config: what is measured.
        gpu: use a GPU if TensorFlow sees one.

    Raises:
        ConfigError: the configuration cannot be built.
        MemoryExceeded: it does not fit.
    """
    from liverseg.training.class_weights import needs_class_weights
    from liverseg.training.gpu import grow_if_any
    from liverseg.training.network import compile_network

    device = "GPU" if gpu and grow_if_any() else "CPU"
    empty = private_peak_bytes()
    size, batch = config.get("size"), config.get("batch_size")
    rng = np.random.default_rng(0)
    images = rng.random((batch, size, size, 1), np.float32)
    masks = rng.integers(0, config.classes, (batch, size, size)).astype(np.int32)
    began = time.perf_counter()
    weights = (1.0,) * config.classes if needs_class_weights(config) else None
    network = compile_network(config, weights)
    network.train(images, masks, config.get("learning_rate"))
    network.predict(images)
    start = time.perf_counter() - began
    whole = _highest(device)
    step = min(_seconds(lambda: network.train(images, masks, config.get("learning_rate"))) for _ in range(STEPS))
    arrays = allocated(f"{device}:0")
    predict = min(_seconds(lambda: network.predict(images)) for _ in range(STEPS))
    process, kept, made = _parts(device, empty, whole, arrays, network.model.count_params())
    return StepCost(start, step, predict, process / 1e6, kept / 1e6, made / 1e6, device)


def _highest(device: str) -> int:
    """The allocator's peak of the first step, which is forgotten then; 0 where nothing is counted."""
    found = allocated(f"{device}:0")
    if found is None:
        return 0
    forget_peak(f"{device}:0")
    return found.peak


def _parts(device: str, empty: int, first: int, arrays: Allocated | None, parameters: int) -> tuple[int, int, int]:
    """Bytes of the process besides arrays, of the arrays that stay, and of those that a step makes.

    Args:
        device: where the arrays are.
        empty: private memory before the network was built.
        first: peak of the arrays while the first step was traced.
        arrays: those of the steps after it; None where nobody counts them. Then all that came on top of `empty` is taken
            for arrays, which is too much: the estimate is on the safe side.
        parameters: weights of the network.
    """
    peak = private_peak_bytes()
    if arrays is None:
        kept = 12 * parameters
        return empty, kept, max(0, peak - empty - kept)
    besides = peak if device == "GPU" else max(0, peak - max(first, arrays.peak))
    return besides, arrays.current, arrays.peak - arrays.current


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Read the configuration on stdin, print the cost, or an object with `error`."""
    from liverseg.errors import LiversegError

    request = json.load(sys.stdin)
    gpu = bool(request.pop("gpu", False))
    request["labels"] = tuple(request["labels"])
    config = TrainConfig(**request)
    pin_threads(config.threads)
    try:
        answer = dataclasses.asdict(probe_step(config, gpu=gpu))
    except LiversegError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
