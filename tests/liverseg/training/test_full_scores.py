from __future__ import annotations

import json
import math

import numpy as np
import pytest

from liverseg.metrics import full_score
from liverseg.training.full_scores import SCORE_COLUMNS, full_record
from liverseg.training.loop import TrainingRun
from liverseg.training.record import write_cases
from tests.liverseg.metrics.cases import reference_of, score_of
from tests.liverseg.training.packs import tiny_config
from tests.liverseg.training.runs import TRAIN, VALIDATION, Stop, finish

pytestmark = pytest.mark.usefixtures("small_network")


def past_its_best() -> TrainingRun:
    """A run whose best epoch is not its last."""
    run = finish(TrainingRun(tiny_config(3), TRAIN, VALIDATION))
    first = run.history[0]
    run.best = run.best.__class__(first, run.best.cases, (), tuple(0 * value for value in run.best.weights))
    return run


def test_the_best_epoch_is_predicted_again_and_agrees_with_its_dice():
    run = finish(TrainingRun(tiny_config(3), TRAIN, VALIDATION))
    scores = run.score_best()
    assert run.best is not None
    assert tuple(score.case for score in scores) == run.best.cases
    for score in scores:
        for label in ("liver", "tumour", "liver_only"):
            part, surface = score.case.label(label), score.surface(label)
            one_sided = (part.reference == 0) != (part.prediction == 0)
            assert surface.failed == one_sided
            assert (surface.mssd == 0) == (part.dice == 1)
            if part.prediction and part.reference:
                assert math.isfinite(surface.hd95)


def test_the_weights_of_the_best_epoch_are_used_and_those_of_the_last_put_back():
    run = past_its_best()
    before = run.network.weights()
    scores = run.score_best()
    assert all(score.surface("liver").failed for score in scores), "weights of zero predict background everywhere"
    for mine, there in zip(run.network.weights(), before, strict=True):
        np.testing.assert_array_equal(mine, there)


def test_an_interrupted_scoring_puts_the_weights_back_too_and_can_be_repeated():
    run = past_its_best()
    before, beats = run.network.weights(), []

    def stop() -> None:
        beats.append(1)
        if len(beats) == 2:
            raise Stop

    with pytest.raises(Stop):
        run.score_best(stop)
    for mine, there in zip(run.network.weights(), before, strict=True):
        np.testing.assert_array_equal(mine, there)
    assert len(run.score_best(lambda: beats.append(1))) == 2
    assert len(beats) == 2 + 3 + 2, "three batches and two scans"


def test_there_must_be_an_epoch():
    with pytest.raises(RuntimeError, match="no epoch"):
        TrainingRun(tiny_config(1), TRAIN, VALIDATION).score_best()


def full_of(truth, predicted, learned=("liver", "tumour")):
    return full_score(score_of(truth, predicted, learned=learned), reference_of(truth), reference_of(predicted))


RECORD = {"metrics": {"val_dice": 0.5}, "cases": [], "best_epoch": 1}


def test_the_record_names_its_columns_and_tells_failure_from_undefined():
    truth, missed = [[[1, 1, 2]]], [[[1, 1, 1]]]
    no_tumour = [[[1, 1, 0]]]
    record = full_record(RECORD, [full_of(truth, missed), full_of(no_tumour, no_tumour)], ("liver", "tumour"))
    json.dumps(record, allow_nan=False)
    assert tuple(record["scores"]["columns"]) == SCORE_COLUMNS
    rows = [dict(zip(SCORE_COLUMNS, row, strict=True)) for row in record["scores"]["rows"]]
    assert rows[0]["hd95_tumour"] == "inf" and rows[1]["hd95_tumour"] is None
    assert rows[0]["hd95_liver"] == 0.0 and rows[0]["nsd_tumour"] == 0.0
    assert (rows[0]["lesions_reference"], rows[0]["lesions_matched"]) == (1, 0)
    assert rows[0]["reference_voxels_tumour"] == 1 and rows[0]["tumour_burden_reference"] == pytest.approx(1 / 3)
    assert {name: record[name] for name in ("best_epoch", "cases")} == {"best_epoch": 1, "cases": []}
    assert record["metrics"]["val_dice"] == 0.5
    assert record["metrics"]["hd95_tumour_failures"] == 1 and record["metrics"]["hd95_tumour_mean"] is None


def test_a_liver_network_has_no_tumour_scores():
    scores = full_record(RECORD, [full_of([[[1, 2]]], [[[1, 1]]], ("liver",))], ("liver",))["scores"]
    assert {name for name in scores["columns"] if "tumour" in name or "lesion" in name} == {
        "tumour_burden_reference",
        "tumour_burden_prediction",
    }
    assert "hd95_liver" in scores["columns"]


def test_all_scores_fit_into_parquet(tmp_path):
    import pyarrow.parquet as pq

    scores = [full_of([[[1, 2, 2]]], [[[1, 1, 1]]]), full_of([[[1, 2, 0, 2]]], [[[1, 2, 0, 0]]])]
    write_cases(tmp_path / "cases.parquet", scores)
    rows = pq.read_table(tmp_path / "cases.parquet").to_pylist()
    assert rows[0]["hd95_tumour"] == math.inf
    assert rows[1]["lesion_iou_tumour"] == [1.0, 0.0]
    assert [row["mssd_liver"] for row in rows] == [0.0, 2.0]
