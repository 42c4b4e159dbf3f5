"""Seconds of bare training: networks that are compiled already, nothing around them.

    python -m tests.benchmarks.rivals.bare FOLDER EPOCHS      # holds work.json and arrays.npz; JSON on stdout

Two such processes run side by side, one thread each, since two slots share a machine's caches and memory too. Seconds are
the process's own CPU time, which on an idle machine is the wall and on a busy one is less, so that nobody's efficiency looks
better than it is; with a GPU they are the wall.

Timed are the batches of an epoch, the prediction of all validation slices and their Dice on the network's grid: what all
contenders have to do. `own_epoch_s` is a later epoch of liversweep's own training, which scores on the scans' grids.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.rivals.keras_trial import slice_dice
from tests.benchmarks.rivals.material import Arrays, packs
from tests.benchmarks.rivals.workloads import Work


def config_of(work: Work, network: str, epochs: int) -> Any:
    """The training of one trial of `network`."""
    from liverseg.config import TrainConfig

    return TrainConfig(
        architecture=network,
        options={"base_filters": work.base_filters},
        parameters={"size": work.size_px, "batch_size": work.batch, "learning_rate": work.learning_rates[0]},
        epochs=epochs,
    )


def epoch_seconds(work: Work, arrays: Arrays, parts: tuple[Any, Any], network: str, epochs: int) -> dict[str, float]:
    """Seconds of an epoch of one network, means of `epochs` after one that compiles."""
    from liverseg.training.gpu import grow_if_any
    from liverseg.training.loop import TrainingRun

    clock = time.perf_counter if grow_if_any() else time.process_time
    run = TrainingRun(config_of(work, network, epochs + 1), *parts)
    run.run_epoch()
    began = clock()
    for _ in range(epochs):
        run.run_epoch()
    own = clock() - began
    bare_epoch(run.network, work, arrays)  # its last batch of validation slices may have a shape of its own
    began = clock()
    for _ in range(epochs):
        bare_epoch(run.network, work, arrays)
    return {"epoch_s": (clock() - began) / epochs, "own_epoch_s": own / epochs}


def bare_epoch(compiled: Any, work: Work, arrays: Arrays) -> float:
    """Train all batches, predict and score; the Dice."""
    order = np.random.default_rng(0).permutation(len(arrays.images)).reshape(-1, work.batch)
    for rows in order:
        compiled.train(arrays.images[rows], arrays.masks[rows], work.learning_rates[0])
    guess = [
        compiled.predict(arrays.val_images[start : start + work.batch]).argmax(axis=-1)
        for start in range(0, len(arrays.val_images), work.batch)
    ]
    return slice_dice(arrays.val_masks, np.concatenate(guess))


def main() -> None:
    """Measure every network of the work."""
    from liverseg.training.device import pin_threads

    pin_threads(1)
    folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
    work, arrays, parts = Work.read(folder / "work.json"), Arrays.read(folder), packs(folder)
    print(json.dumps({name: epoch_seconds(work, arrays, parts, name, epochs) for name in work.networks}))


if __name__ == "__main__":
    main()
