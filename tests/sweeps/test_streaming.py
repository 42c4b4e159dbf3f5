"""Data four times the size of the object store: it is trained on all the same, to the same numbers, in bounded memory."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from cluster.config import LocalConfig
from cluster.local import local_ray
from liverseg.config import TrainConfig
from liverseg.errors import DataError
from liverseg.preprocess import Pack, pack
from sweeps.executor.memory import MemoryGauge
from sweeps.node_files import home
from sweeps.prepare import Prepared, prepare_on_ray, smallest_store_bytes
from sweeps.shelf import prepared_sizes
from tests.sweeps.big_cohort import big_cohort, config_of

pytestmark = pytest.mark.ray
MIB = 2**20
STORE_BYTES = 80 * MIB
SIZE = 512


@pytest.fixture(scope="module")
def connected() -> Iterator[None]:
    environment = {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    with local_ray(LocalConfig(cpus=2, gpus=0, object_store_bytes=STORE_BYTES), environment=environment):
        yield


def digest(found: Pack) -> str:
    """Of every slice, in an order that no disk likes."""
    order = np.random.default_rng(1).permutation(len(found.image)).reshape(-1, 4)
    hashed = hashlib.sha256()
    for rows in order:
        hashed.update(found.image[rows].data)
        hashed.update(found.mask[rows].data)
    return hashed.hexdigest()


def in_memory(prepared: Prepared, part: str) -> Pack:
    """The same slices as arrays of this process."""
    shelf = prepared.shelf
    assert shelf is not None
    cases = [
        prepared_sizes(shelf.cases[uid], shelf.config, shelf.cache, uid in shelf.scored)[1][SIZE]
        for uid in prepared.folds[0][part]
    ]
    return pack(cases, training=part == "train")


def trained(train: Pack, validation: Pack) -> tuple[list[dict[str, Any]], list[bytes]]:
    """An epoch of two updates: its record without what a clock says, and the weights."""
    from liverseg.training.loop import TrainingRun

    config = TrainConfig(
        architecture="encoder_decoder",
        options={"base_filters": 4},
        parameters={"size": SIZE, "batch_size": 2, "learning_rate": 3e-3, "augment_flip": 0.5, "window": "fingerprint"},
        epochs=1,
        updates=2,
    )
    run = TrainingRun(config, train, validation)
    run.run_epoch()
    timed = {"seconds", "train_seconds", "inference_ms_per_slice"}
    history = [{key: item for key, item in row.as_dict().items() if key not in timed} for row in run.history]
    return history, [weights.tobytes() for weights in run.network.weights()]


def read_and_train(prepared: Prepared) -> dict[str, Any]:
    """Worker side: private memory while every slice is read, and the training on both kinds of packs."""
    from liverseg.training.device import pin_threads

    beats: list[int] = []
    gauge = MemoryGauge()
    prepared.pack("validation", SIZE)  # what unpacking needs is loaded now
    before = gauge.read_bytes()
    streamed = [prepared.pack(part, SIZE, beat=lambda: beats.append(1)) for part in ("train", "validation")]
    seen = digest(streamed[0])
    grown = gauge.read_bytes() - before
    gauge.close()
    pin_threads(1)
    mine = trained(*streamed)
    stored = [in_memory(prepared, part) for part in ("train", "validation")]
    theirs = trained(*stored)
    return {
        "grown": grown,
        "beats": len(beats),
        "same": seen == digest(stored[0]),
        "history": (mine[0], theirs[0]),
        "weights": mine[1] == theirs[1],
        "bytes": stored[0].image.nbytes + stored[0].mask.nbytes,
    }


def test_three_hundred_megabytes_train_with_a_store_of_eighty(connected: None, tmp_path: Path) -> None:
    cohort = big_cohort(tmp_path / "cache", SIZE, train=[20] * 19, validation=[4])
    prepared = prepare_on_ray(cohort, config_of(SIZE), tmp_path / "cache")
    assert smallest_store_bytes() <= STORE_BYTES
    assert prepared.data_bytes > 300 * 10**6 > 3 * STORE_BYTES and prepared.streamed
    found = ray.get(ray.remote(num_cpus=1)(read_and_train).remote(prepared))
    assert found["bytes"] > 295 * 10**6 and found["same"]
    assert found["grown"] < 30 * 10**6, "the slices are to lie in mapped files, and not in the process"
    assert found["beats"] >= 20
    mine, theirs = found["history"]
    assert mine == theirs and found["weights"] and len(mine) == 1 and mine[0]["updates"] == 2
    assert len(list(home().rglob("*.case"))) == 20
    prepared.remove_files()
    assert not list(home().rglob("*.case"))


def answered(prepared: Prepared) -> str:
    return digest(prepared.pack("train", 128))


@pytest.mark.parametrize("stream", ["always", "never"])
def test_what_does_not_come_from_the_store_is_made_where_it_is_needed(
    connected: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """A lost case is made again by a task. Here none has a CPU to run on, as when trials hold them all."""
    cache = tmp_path / "cache"
    prepared = prepare_on_ray(big_cohort(cache, 128, [20] * 3, [20]), config_of(128), cache, stream=stream)
    expected = answered(prepared)
    prepared.remove_files()
    assert prepared.shelf is not None
    starved = ray.remote(num_cpus=64)(answered)
    refs = {key: starved.remote(None) for key in prepared.shelf.refs}
    for name, seconds in (("PATIENCE_S", 0.3), ("LOOK_S", 0.1), ("HASTE_S", 0.1)):
        monkeypatch.setattr(f"sweeps.shelf.{name}", seconds)
    lost = replace(prepared, shelf=replace(prepared.shelf, refs=refs))
    beats: list[int] = []
    found = lost.pack("train", 128, beat=lambda: beats.append(1))
    assert digest(found) == expected and len(beats) >= 3
    assert not found.image[0].flags.writeable, "in shared memory or a mapped file, and not this process's own"
    shutil.rmtree(cache)
    if stream == "always":
        assert answered(lost) == expected, "by now the files are there"
    else:
        with pytest.raises(DataError):  # neither cache nor scan: said as it is
            answered(lost)
    prepared.remove_files()
    for ref in refs.values():
        ray.cancel(ref)
