"""One real step of one network, measured: what a dry run knows of time and memory.

Run in a process of its own, so that the memory is that network's alone: `python -m liverseg.training.probe` reads a JSON
object on stdin (`architecture`, `options`, `parameters`, `labels`, `threads`) and prints a `StepCost` as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from dataclasses import dataclass

import numpy as np

from liverseg.config import TrainConfig
from liverseg.training.device import peak_memory_mb, pin_threads

STEPS = 2


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one network costs.

    Attributes:
        start_s: seconds from nothing to the end of the first training step and first prediction (building and tracing).
        step_s: seconds a training step after that, the fastest of two.
        predict_s: seconds a prediction of one batch, the fastest of two.
        peak_memory_mb: resident memory of the process at most, MB (10^6 bytes).
        base_memory_mb: resident memory before the network was built: interpreter and libraries.
    """

    start_s: float
    step_s: float
    predict_s: float
    peak_memory_mb: float
    base_memory_mb: float


def probe_step(config: TrainConfig) -> StepCost:
    """Build the network of a configuration, train three steps and predict three batches of noise.

    Raises:
        ConfigError: the configuration cannot be built.
        MemoryExceeded: it does not fit.
    """
    from liverseg.training.network import compile_network, needs_class_weights

    base = peak_memory_mb()
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
    step = min(_seconds(lambda: network.train(images, masks, config.get("learning_rate"))) for _ in range(STEPS))
    predict = min(_seconds(lambda: network.predict(images)) for _ in range(STEPS))
    return StepCost(start, step, predict, peak_memory_mb(), base)


def _seconds(action: object) -> float:
    assert callable(action)
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Read the configuration on stdin, print the cost, or an object with `error`."""
    from liverseg.errors import LiversegError

    request = json.load(sys.stdin)
    request["labels"] = tuple(request["labels"])
    config = TrainConfig(**request)
    pin_threads(config.threads)
    try:
        answer = dataclasses.asdict(probe_step(config))
    except LiversegError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
