"""Pickles that leave a marker when they are loaded, and every place in a sweep's folder where one might lie."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Names under which Ray, Keras, Optuna, scikit-learn, PyTorch or an older program of ours would leave a pickle.
IN_SWEEP = [
    "ledger.pkl",
    "ledger.jsonl.pkl",
    "resolved.pkl",
    "env.pkl",
    "sweep.pkl",
    "study.pkl",
    "sampler.pkl",
    "scheduler.pkl",
    "searcher.pkl",
    "tuner.pkl",
    "resume.pkl",
    "state.pkl",
    ".metadata.pkl",
    "trainable.pkl",
    "model.joblib",
    "cache.joblib",
    "study.db.pkl",
    "report/report.pkl",
    "report/document.pickle",
    "private/cases.pkl",
    "trials/trials.pkl",
    "trials/index.joblib",
]
IN_TUNE = [
    "tuner.pkl",
    "trainable.pkl",
    "experiment_state.pkl",
    "experiment_state-2026-01-31_09-00-00.pkl",
    "searcher-state-0.pkl",
    "searcher-state-2026-01-31_09-00-00.pkl",
    "search_gen_state-0.pkl",
    "basic-variant-state-0.pkl",
    "scheduler-state.pkl",
    "callback-states-0.pkl",
    ".validate_storage_marker",
    "__unserialized__.pkl",
]
IN_TRIAL = [
    "params.pkl",
    "final.pkl",
    "latest.pkl",
    "failed.pkl",
    "history.pkl",
    "cases.pkl",
    "cases.joblib",
    "pictures.pkl",
    "log.pkl",
    "worker.pkl",
    "checkpoint.pkl",
    "optimizer.pkl",
    ".tune_metadata",
    "result.pkl",
    "checkpoint/checkpoint.pkl",
    "checkpoint/state.pkl",
    "checkpoint/weights.pkl",
    "checkpoint/model.joblib",
    "checkpoint/model.pt",
    "checkpoint/optimizer.pkl",
    "checkpoint/.is_checkpoint",
    "checkpoint/dict_checkpoint.pkl",
    "checkpoint/rng_state.pkl",
    "state/0/state.pkl",
    "state/0/optimizer.pkl",
    "checkpoint_000000/checkpoint.pkl",
    "checkpoint_000000/.metadata.pkl",
    "checkpoint_000000/dict_checkpoint.pkl",
]
ARRAYS_IN_TRIAL = (
    "pictures.npz",
    "overlays.npz",
    "cases.npz",
    "checkpoint/weights.npz",
    "state/0/network.npz",
    "weights.npy",
    "state/0/a.npy",
)


@dataclass(frozen=True)
class Trap:
    """Touches the marker when it is unpickled."""

    marker: Path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.marker}'",)

    @property
    def pickled(self) -> bytes:
        """The pickle."""
        return pickle.dumps(self)

    @property
    def array(self) -> bytes:
        """An .npy file of objects."""
        file = io.BytesIO()
        np.save(file, np.array([self], dtype=object), allow_pickle=True)
        return file.getvalue()

    def arrays(self, names: tuple[str, ...]) -> bytes:
        """An .npz file in which every array is one of objects."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(f"{name}.npy", self.array)
        return file.getvalue()

    @property
    def tune_json(self) -> bytes:
        """What Tune calls JSON: its reader unpickles the hexadecimal part."""
        part = {"_type": "CLOUDPICKLE_FALLBACK", "value": self.pickled.hex()}
        return json.dumps({"runner_data": part, "trial_data": [part], "stats": {}}).encode()


def plant(trap: Trap, sweep: Path) -> list[Path]:
    """Put traps into a finished sweep's folder: beside everything, and in place of all that Tune left and all arrays."""
    runs = [path for path in (sweep / "tune").iterdir() if path.is_dir()]
    trials = [path for folder in (sweep, *runs) for path in _trial_folders(folder)]
    planted = [sweep / name for name in IN_SWEEP]
    planted += [run / name for run in (sweep / "tune", *runs) for name in IN_TUNE]
    planted += [trial / name for trial in trials for name in IN_TRIAL]
    planted += [path for path in (sweep / "tune").rglob("*") if path.is_file()]
    for path in planted:
        _put(path, trap.pickled)
    arrays = [trial / name for trial in trials for name in ARRAYS_IN_TRIAL]
    arrays += [path for path in sweep.rglob("*.npz") if path not in arrays]
    for path in arrays:
        names = ("schema_version", "case", "slice", "image", "reference", "prediction", "w0000")
        _put(path, trap.array if path.suffix == ".npy" else trap.arrays(names))
    states = [
        run / f"{name}-2026-01-31_09-00-00.json" for run in runs for name in ("experiment_state", "searcher-state")
    ]
    for path in states:
        _put(path, trap.tune_json)
    return [*planted, *arrays, *states]


def _trial_folders(folder: Path) -> list[Path]:
    holder = folder / "trials" if (folder / "trials").is_dir() else folder
    return [path for path in holder.iterdir() if path.is_dir() and path.name.startswith("t0")]


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
