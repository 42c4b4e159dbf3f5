"""One trial as anybody writes it with Keras: build, compile, fit, and a validation after every epoch.

Shared by the three rivals, so that they differ only in what calls it. The network is liversweep's, with its fused batch
normalisation, so that weights and graph are the same; optimizer, loss and training loop are Keras' own. The validation is
less work than liversweep's: predictions are scored where they are, on the network's grid, while liversweep brings them back
to the grid of the scan. Nothing is saved either: liversweep writes checkpoints and records of every trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.rivals.material import Arrays
from tests.benchmarks.rivals.workloads import Work

SEED = 42
CLASSES = 3
OnEpoch = Callable[[int, float], None]
"""Called with the epoch, from 0, and its Dice."""


def set_up(threads: int) -> None:
    """Threads of TensorFlow in this process, and no more of a GPU's memory than is needed; before its first operation."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def settings_of(work: Work) -> Iterator[tuple[str, float]]:
    """Network and learning rate of every trial, network by network."""
    return ((network, rate) for network in work.networks for rate in work.learning_rates)


def train(work: Work, arrays: Arrays, network: str, learning_rate: float, on_epoch: OnEpoch) -> dict[str, Any]:
    """Train one setting; the number of gradient updates and the best Dice."""
    import keras

    from liverseg.models.build import build_model

    options = {"base_filters": work.base_filters}
    model = build_model(network, size_px=work.size_px, classes=CLASSES, options=options, seed=SEED)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=learning_rate), loss=loss)
    found: list[float] = []

    def validate(epoch: int, logs: Any = None) -> None:
        logits = model.predict(arrays.val_images, batch_size=work.batch, verbose=0)
        found.append(slice_dice(arrays.val_masks, logits.argmax(axis=-1)))
        on_epoch(epoch, found[-1])

    model.fit(
        arrays.images,
        arrays.masks,
        batch_size=work.batch,
        epochs=work.epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=validate)],
    )
    return {
        "network": network,
        "learning_rate": learning_rate,
        "updates": int(model.optimizer.iterations.numpy()),
        "dice": max(found),
    }


def slice_dice(reference: npt.NDArray[Any], prediction: npt.NDArray[Any]) -> float:
    """Mean over slices, and over liver and tumour, of (2I + 1) / (|T| + |P| + 1)."""
    scores = []
    for truth, guess in ((reference >= 1, prediction >= 1), (reference == 2, prediction == 2)):
        both = np.count_nonzero(truth & guess, axis=(1, 2))
        sizes = np.count_nonzero(truth, axis=(1, 2)) + np.count_nonzero(guess, axis=(1, 2))
        scores.append(np.mean((2 * both + 1) / (sizes + 1)))
    return float(np.mean(scores))
