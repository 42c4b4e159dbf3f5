from __future__ import annotations

import keras

from liverseg.training.cost import training_cost
from liverseg.training.record import EpochRecord


def record(epoch: int, seconds: float) -> EpochRecord:
    return EpochRecord(epoch, epoch, 0.5, 0.5, 0.1, seconds, seconds / 2, seconds * 10, {})


def test_the_epoch_that_compiles_does_not_count():
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.layers.Conv2D(3, 1)(image))
    cost = training_cost(model, [record(1, 99.0), record(2, 2.0), record(3, 4.0), record(4, 3.0)])
    assert (cost["s_per_epoch"], cost["inference_ms_per_slice"]) == (3.0, 30.0)
    assert cost["parameters"] == 6 and cost["gflops"] == 2 * 3 * 64 / 1e9
    assert cost["peak_memory_mb"] > 10
    assert training_cost(model, [record(1, 99.0)])["s_per_epoch"] == 99.0
