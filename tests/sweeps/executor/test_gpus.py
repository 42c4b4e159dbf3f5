"""A trial's part of the GPU on its way from the spec to the backend, and back into what is said when it was too little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config import Slots
from liverseg.errors import DeviceError
from sweeps.executor import trainer
from sweeps.executor.failure import failure_kind
from sweeps.executor.scoring import ScoringJob, score_job
from sweeps.executor.session import TrialSession
from sweeps.workplace import worker_environment
from tests.liverseg.training.packs import tiny_config
from tests.sweeps.executor.attempts import payload, setting
from tests.sweeps.spec.texts import SMALL, load_text


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is set up, in its order; nothing of it is done."""
    done: list[Any] = []
    monkeypatch.setattr("liverseg.training.device.pin_threads", lambda threads: done.append(("threads", threads)))
    monkeypatch.setattr("liverseg.training.device.release_models", lambda: None)
    monkeypatch.setattr("liverseg.training.gpu.limit_gpu", lambda share: done.append(("gpu", share)))
    return done


class Scans:
    """Prepared cases, of which it is noted when they are asked for."""

    def __init__(self, done: list[Any]) -> None:
        self._done = done

    def pack(self, part: str, size_px: int, *_: Any) -> str:
        self._done.append("packs")
        return part


def test_a_trial_is_held_to_its_part_before_anything_is_computed(tmp_path: Path, calls: list[Any]) -> None:
    here = setting(tmp_path, gpus=0.25, threads=2, prepared=Scans(calls), trainer=f"{__name__}:made")
    assert trainer.build_trainer(tiny_config(), here) == ("train", "validation")
    assert calls == [("threads", 2), ("gpu", 0.25), "packs", "packs"]


def made(config: Any, train: Any, validation: Any, pictures: Any) -> Any:
    """A trainer that needs a backend and scans."""
    return train, validation


def score(folder: Path, scans: Any) -> dict[str, Any]:
    """A scorer that needs a backend."""
    return {"cases": []}


def test_scoring_is_held_to_it_too(tmp_path: Path, calls: list[Any]) -> None:
    job = ScoringJob(uid="t1", trial=tmp_path, weights=tmp_path, size_px=32)
    found = score_job(job, Scans(calls), Slots(4, 2, 0.25), f"{__name__}:score")  # type: ignore[arg-type]
    assert found.record == {"cases": []} and calls[:2] == [("threads", 2), ("gpu", 0.25)]


def test_a_gpu_that_is_not_there_is_no_want_of_memory_and_may_be_tried_again() -> None:
    assert failure_kind(DeviceError("the trial was given 0.25 of a GPU, and TensorFlow sees none")) == "crash"


def test_a_failure_names_the_part_that_was_given(tmp_path: Path) -> None:
    session = TrialSession(payload(), setting(tmp_path, gpus=0.25))
    session._config = tiny_config()
    assert session._conditions == "batch_size 4, size 32, trial.gpus 0.25"
    session.close()


def test_workers_see_the_cards_as_nvidia_smi_counts_them_or_none(tmp_path: Path) -> None:
    with_gpus = worker_environment(load_text(tmp_path, SMALL, "trial.gpus=0.25").spec)
    assert with_gpus["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID" and "CUDA_VISIBLE_DEVICES" not in with_gpus
    assert worker_environment(load_text(tmp_path, SMALL, "trial.gpus=0").spec)["CUDA_VISIBLE_DEVICES"] == "-1"
