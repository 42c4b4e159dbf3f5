"""Stock Ray Tune: a Keras function trainable, as in Ray's own examples.

    python -m tests.benchmarks.rivals.ray_tune FOLDER      # holds work.json and arrays.npz; writes result.json

What a careful user sets is set: the arrays lie once in the object store (`tune.with_parameters`), every trial has one CPU and
so many threads, metrics are reported once an epoch, nothing is checkpointed. Everything else is Tune's default, its loggers
and its new process for every trial included. Ray itself is started before the search is timed, without its dashboard, and with
liversweep's private settings (token, loopback), which cost nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from cluster.local import private_environment
from tests.benchmarks.rivals.material import Arrays
from tests.benchmarks.rivals.workloads import Work


def trial(config: dict[str, Any], work: Work, arrays: Arrays) -> None:
    """The function trainable."""
    from ray import tune

    from tests.benchmarks.rivals.keras_trial import set_up, train

    set_up(1)
    updates_an_epoch = len(arrays.images) // work.batch

    def report(epoch: int, dice: float) -> None:
        tune.report({"dice": dice, "updates": (epoch + 1) * updates_an_epoch})

    found = train(work, arrays, config["network"], config["learning_rate"], report)
    assert found["updates"] == work.epochs * updates_an_epoch, found


def search(folder: Path, work: Work, arrays: Arrays) -> dict[str, Any]:
    """All trials; seconds of `fit`, and what came of them."""
    from ray import tune

    trainable = tune.with_parameters(trial, work=work, arrays=arrays)
    if work.gpus:
        trainable = tune.with_resources(trainable, {"cpu": 1, "gpu": work.gpus})
    tuner = tune.Tuner(
        trainable,
        param_space={
            "network": tune.grid_search(list(work.networks)),
            "learning_rate": tune.grid_search(list(work.learning_rates)),
        },
        tune_config=tune.TuneConfig(metric="dice", mode="max"),
        run_config=tune.RunConfig(name="pairing", storage_path=str(folder / "tune")),
    )
    began = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - began
    if results.errors:
        raise SystemExit(f"{len(results.errors)} trials of Ray Tune failed; the first: {results.errors[0]}")
    found = [results[index] for index in range(len(results))]
    rows = [{**result.config, **{key: result.metrics[key] for key in ("dice", "updates")}} for result in found]
    return {"search_s": seconds, "trials": rows}


def main() -> None:
    """Start a private Ray, search, end it."""
    folder = Path(sys.argv[1])
    work, arrays = Work.read(folder / "work.json"), Arrays.read(folder)
    private = folder / "t"
    private.mkdir()
    os.environ.update(private_environment(private))
    import ray

    cards = None if work.gpus else 0  # None: as many as Ray finds
    ray.init(
        address="local", num_cpus=work.slots, num_gpus=cards, include_dashboard=False, _temp_dir=str(private / "r")
    )
    try:
        found = search(folder, work, arrays)
    finally:
        ray.shutdown()
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
