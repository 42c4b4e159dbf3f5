from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from liverseg.errors import NonFiniteError
from sweeps.executor.failure import InvalidReport
from sweeps.executor.report import checked_report


def epoch(metrics: dict[str, Any], **changes: Any) -> Any:
    usual = {"epoch": 2, "updates": 8, "loss": 0.5, "learning_rate": 1e-3, "seconds": 1.0}
    return SimpleNamespace(**usual | changes, metrics=metrics)


def test_numbers_become_plain_and_undefined_ones_none() -> None:
    metrics = {"val_dice": np.float32(0.5), "dice_liver_mean": math.nan, "n_patients": np.int64(3), "rvd": math.inf}
    report = checked_report(epoch(metrics), {"metrics": {"val_dice": None}}, ("val_dice",))
    assert report["val_dice"] == 0.5 and type(report["val_dice"]) is float
    assert report["dice_liver_mean"] is None and report["rvd"] is None
    assert report["n_patients"] == 3 and type(report["n_patients"]) is int
    assert (report["epoch"], report["updates"]) == (2, 8)


@pytest.mark.parametrize("value", ["0.5", True, [0.5], {"mean": 0.5}])
def test_what_is_not_a_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidReport, match="metric val_dice"):
        checked_report(epoch({"val_dice": value}), {"metrics": {"val_dice": 0.5}}, ("val_dice",))
    with pytest.raises(InvalidReport, match="metric val_dice"):
        checked_report(epoch({"val_dice": 0.5}), {"metrics": {"val_dice": value}}, ("val_dice",))


def test_every_objective_must_be_there_also_in_the_final_record() -> None:
    final = {"metrics": {"val_dice": 0.5}, "cost": {"gflops": None}}
    assert checked_report(epoch({"val_dice": 0.5}), final, ("val_dice", "gflops"))
    with pytest.raises(InvalidReport, match="dice_liver_mean"):
        checked_report(epoch({"val_dice": 0.5}), final, ("dice_liver_mean",))
    with pytest.raises(InvalidReport, match="val_dice"):
        checked_report(epoch({"val_dice": 0.5}), {"metrics": {}}, ("val_dice",))


def test_a_loss_that_is_not_finite_ends_the_trial() -> None:
    with pytest.raises(NonFiniteError):
        checked_report(epoch({"val_dice": 0.5}, loss=math.inf), {"metrics": {"val_dice": 0.5}}, ("val_dice",))
