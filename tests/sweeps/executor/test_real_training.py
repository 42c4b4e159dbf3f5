"""The session with the real trainer: cut off in the middle of an epoch, it ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.preprocess.arrays import Pack
from liverseg.training.loop import TrainingRun
from liverseg.training.position import read_position
from liverseg.training.weights import read_best
from results.overlays import read_predictions
from sweeps.executor import trainer
from sweeps.executor.setting import TRAINER
from sweeps.trial_files import FINAL, OVERLAYS, STOP
from tests.liverseg.training.packs import SIZE, blob_pack
from tests.sweeps.executor.attempts import UID, attempt, payload, record

STOPPED_AT = [4, 4]
"""Calls of `on_batch` after which each attempt is stopped: in the second epoch's first batch, then in its validation."""


class Stopped(TrainingRun):
    """Stops itself; three batches of training and more of validation make an epoch."""

    folder: Path
    left: list[int]

    def run_epoch(self, on_batch: Any = None) -> Any:
        def tell(updates: int) -> None:
            if self.left and updates >= 4:
                self.left[0] -= 1
                if not self.left[0]:
                    self.left.pop(0)
                    (self.folder / STOP).touch()
            on_batch(updates)

        return super().run_epoch(tell)


def check_overlays(sweep: Path, validation: Pack, final: dict[str, Any]) -> None:
    """The labels that were kept have the Dice that was recorded: no scan is cut or resampled here."""
    dice = {row[0]: row[2] for row in final["cases"]}
    found = read_predictions(sweep / "trials" / UID / OVERLAYS, list(dice))
    assert set(found) == set(dice) == {span.uid for span in validation.cases}
    for span in validation.cases:
        truth, labels = np.asarray(span.reference.labels) >= 1, found[span.uid].labels >= 1
        assert labels.shape == truth.shape and found[span.uid].unseen_ml == 0
        overlap = 2 * np.count_nonzero(truth & labels) / (np.count_nonzero(truth) + np.count_nonzero(labels))
        assert overlap == pytest.approx(dice[span.uid])


def test_r03_a_stopped_training_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs = [blob_pack(2, 5, seed=1), blob_pack(2, 5, seed=2)]
    monkeypatch.setattr(trainer, "_packs", lambda config, setting, fold, beat: packs)
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    parameters = {"base_filters": 4, "size": SIZE, "batch_size": 4, "learning_rate": 3e-3, "augment_flip": 0.5}
    wanted = payload(parameters, architecture="encoder_decoder")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    attempt(whole, wanted, trainer=TRAINER)

    Stopped.folder, Stopped.left = cut, [1, 3]
    positions = []
    while Stopped.left:
        results = attempt(cut, wanted, trainer=f"{__name__}:Stopped")
        assert results[-1]["stopped"]
        position = read_position(cut / results[-1]["checkpoint"]["path"])
        positions.append((position.epochs, position.batches))
        (cut / STOP).unlink()
    assert positions == [(1, 1), (1, 3)]
    attempt(cut, wanted, trainer=f"{__name__}:Stopped")

    finals = [record(sweep, FINAL) for sweep in (whole, cut)]
    assert finals[0] is not None and finals[1] is not None
    for name in ("metrics", "best_epoch", "cases", "epochs", "updates"):
        assert finals[0][name] == finals[1][name], name
    assert finals[0]["history"]["loss"] == finals[1]["history"]["loss"]
    kept = [(sweep / "trials" / UID / OVERLAYS).read_bytes() for sweep in (whole, cut)]
    assert kept[0] == kept[1], "the same prediction gives the same file"
    check_overlays(whole, packs[1], finals[0])
    weights = [read_best(sweep / "trials" / UID / "checkpoint")[1] for sweep in (whole, cut)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
