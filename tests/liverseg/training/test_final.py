from __future__ import annotations

import json
import math

import numpy as np

from liverseg.training.best import BestEpoch
from liverseg.training.epoch_part import EpochPart
from liverseg.training.final import CASE_COLUMNS, final_record
from tests.liverseg.metrics.cases import score_of

LABELS = np.array([[[0, 1], [1, 1]]], np.uint8)
METRICS = {"val_dice": 0.5, "dice_tumour_mean": math.nan}


def test_an_epochs_record_is_that_of_its_batches_and_of_its_validation():
    record = EpochPart([0.5, 0.25], 1e-3, 4.0).whole(epoch=3, updates=6, metrics=METRICS, ms_per_slice=2.0, seconds=5.5)
    assert (record.epoch, record.updates, record.loss, record.val_dice) == (3, 6, 0.375, 0.5)
    assert (record.learning_rate, record.train_seconds, record.seconds) == (1e-3, 4.0, 5.5)


def test_the_best_epochs_scores_stand_beside_the_whole_course_as_plain_json():
    history = [
        EpochPart([0.5], 1e-3, 1.0).whole(epoch=epoch, updates=epoch, metrics=METRICS, ms_per_slice=2.0, seconds=2.0)
        for epoch in (1, 2)
    ]
    best = BestEpoch(history[0], (score_of(LABELS, LABELS),), (), [])
    record = final_record(best, history, updates=3, seconds=7.0, reason=None, cost={"gflops": math.inf})
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["best_epoch"], record["epochs"], record["updates"], record["stop_reason"]) == (1, 2, 3, None)
    assert record["metrics"] == {"val_dice": 0.5, "dice_tumour_mean": None} and record["cost"] == {"gflops": None}
    assert record["history"]["epoch"] == [1, 2] and [len(row) for row in record["cases"]] == [len(CASE_COLUMNS)]
