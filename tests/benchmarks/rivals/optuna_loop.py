"""An Optuna loop: `study.optimize` in one process, one trial at a time with all threads, as in Optuna's Keras examples.

python -m tests.benchmarks.rivals.optuna_loop FOLDER      # holds work.json and arrays.npz; writes result.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.rivals.material import Arrays
from tests.benchmarks.rivals.workloads import Work


def main() -> None:
    """Search the grid."""
    import keras
    import optuna

    from tests.benchmarks.rivals.keras_trial import set_up, train

    folder = Path(sys.argv[1])
    work, arrays = Work.read(folder / "work.json"), Arrays.read(folder)
    set_up(work.slots)
    rows: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()  # else every graph stays in memory
        network = trial.suggest_categorical("network", work.networks)
        rate = trial.suggest_categorical("learning_rate", work.learning_rates)
        rows.append(train(work, arrays, network, rate, lambda epoch, dice: trial.report(dice, epoch)))
        return float(rows[-1]["dice"])

    grid: dict[str, Any] = {"network": list(work.networks), "learning_rate": list(work.learning_rates)}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler(grid, seed=1))
    began = time.perf_counter()
    study.optimize(objective, n_trials=work.trials, n_jobs=1)
    found = {"search_s": time.perf_counter() - began, "trials": rows}
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
