"""Which cases architectures disagree on, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from results.records import Sweep
from results.tables.disagreement import case_dice, cases_to_look_at, disagreement_table, selected_trials
from tests.results.ledger_factory import FakeLedger, finished_payload, suggested_payload, sweep_payload, uid_of
from tests.results.plots.test_plots import folded

NAN = math.nan
# Dice of liver and tumour by architecture and case; `d` has no tumour.
DICE: dict[str, dict[str, tuple[float, float]]] = {
    "unet": {"a": (0.9, 0.5), "b": (0.8, 0.2), "c": (0.95, 0.9), "d": (0.7, NAN), "e": (0.9, 0.6)},
    "segnet": {"a": (0.8, 0.1), "b": (0.7, 0.2), "c": (0.90, 0.8), "d": (0.4, 0.0), "e": (0.9, 0.6)},
    "encoder_decoder": {"a": (0.6, 0.3), "b": (0.5, 0.2), "c": (0.85, 0.7), "d": (0.5, NAN), "e": (0.9, 0.6)},
}


def swept(
    dice: dict[str, dict[str, tuple[float, float]]], *, tumour_free: str = "d", scored: bool = True, **changes: Any
) -> Sweep:
    rng, ledger = np.random.default_rng(0), FakeLedger()
    ledger.add("sweep", **sweep_payload(len(dice), architectures=list(dice), **changes))
    for number, (name, cases) in enumerate(dice.items()):
        ledger.add("suggested", **suggested_payload(number, name, rng))
        payload: dict[str, Any] = finished_payload(uid_of(number), name, rng, cases=2, epochs=3)
        payload["metrics"]["val_dice"] = 0.9 - number / 10
        payload["cases"] = [
            [case, case, liver, None if math.isnan(tumour) else tumour, case not in tumour_free]
            for case, (liver, tumour) in cases.items()
        ]
        if scored:
            rows = [[30, 0.002, 5000 if case not in tumour_free else 0] for case in cases]
            payload["scores"] = {"columns": ["slices", "voxel_ml", "reference_voxels_tumour"], "rows": rows}
        ledger.add("finished", **payload)
    return folded(ledger)


def test_the_spread_is_the_larger_one_of_the_labels() -> None:
    frame = disagreement_table(swept(DICE))
    assert frame["case"].tolist() == ["a", "b", "d", "c", "e"]
    assert frame["spread"].tolist() == pytest.approx([0.4, 0.3, 0.3, 0.2, 0.0])
    row = frame.iloc[0]
    assert (row["best_liver"], row["worst_liver"], row["spread_liver"]) == (
        "unet",
        "encoder_decoder",
        pytest.approx(0.3),
    )
    assert (row["best_tumour"], row["worst_tumour"]) == ("unet", "segnet")
    assert (row["best_dice_tumour"], row["worst_dice_tumour"]) == (0.5, 0.1)
    assert (row["tumour_ml"], row["slices"]) == (pytest.approx(10.0), 30)


def test_tumour_counts_only_where_there_is_tumour() -> None:
    row = disagreement_table(swept(DICE)).set_index("case").loc["d"]
    assert math.isnan(row["spread_tumour"]) and row["tumour_ml"] == 0
    assert row["spread"] == pytest.approx(0.3)
    assert math.isnan(case_dice(swept(DICE))["d"]["segnet"]["tumour"])


def test_without_full_scores_volume_and_slices_are_not_known() -> None:
    frame = disagreement_table(swept(DICE, scored=False))
    assert frame["tumour_ml"].isna().all() and frame["slices"].isna().all()


def test_what_the_sweep_knows_of_a_case_comes_first() -> None:
    known = {
        "a": {"slices": 31, "spacing_mm": [0.7, 0.8, 2.5], "tumour_ml": 11.0},
        "b": {"spacing_mm": [1.0, 1.0, 5.0]},
    }
    frame = disagreement_table(swept(DICE, case_facts=known)).set_index("case")
    assert frame.loc["a", ["tumour_ml", "thickness_mm", "slices"]].tolist() == [11.0, 2.5, 31]
    assert frame.loc["b", ["tumour_ml", "thickness_mm", "slices"]].tolist() == [pytest.approx(10.0), 5.0, 30]
    assert math.isnan(frame.loc["c", "thickness_mm"])


def test_chosen_are_the_disputed_the_worst_and_the_best() -> None:
    chosen = cases_to_look_at(swept(DICE))
    assert [item.case for item in chosen] == ["a", "b", "c", "d"], "then the next in dispute"
    told = {item.case: item.reasons for item in chosen}
    assert told["a"] == ("the architectures disagree: tumour Dice from 0.10 (segnet) to 0.50 (unet)",)
    assert told["b"] == (
        "the architectures disagree: liver Dice from 0.50 (encoder_decoder) to 0.80 (unet)",
        "the worst case of unet, the best architecture",
    )
    assert told["c"] == ("the best case of unet",)


def test_agreement_is_not_worth_a_look() -> None:
    same = {name: {case: (0.5, 0.5) for case in "abc"} for name in ("unet", "segnet")}
    assert [item.case for item in cases_to_look_at(swept(same))] == ["a"], "the best and the worst are one"


def test_one_architecture_has_a_best_and_a_worst_case_and_no_spread() -> None:
    sweep = swept({"unet": DICE["unet"]})
    assert disagreement_table(sweep).empty
    assert [(item.case, len(item.reasons)) for item in cases_to_look_at(sweep)] == [("b", 1), ("c", 1)]


def test_nothing_finished_is_nothing_to_look_at() -> None:
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(2))
    assert cases_to_look_at(folded(ledger)) == () and disagreement_table(folded(ledger)).empty


def test_repetitions_of_a_setting_are_averaged() -> None:
    rng, ledger = np.random.default_rng(0), FakeLedger()
    ledger.add("sweep", **sweep_payload(1, architectures=["unet"]))
    for number, (seed, liver) in enumerate(((0, 0.6), (1, 0.8))):
        again = {"replicate_of": uid_of(0)} if number else {}
        ledger.add("suggested", **suggested_payload(number, "unet", rng, seed=seed, parameters={"size": 64}, **again))
        payload = finished_payload(uid_of(number), "unet", rng, cases=1, epochs=3)
        payload["cases"] = [["a", "a", liver, None, False]]
        ledger.add("finished", **payload)
    sweep = folded(ledger)
    assert [trial.uid for trial in selected_trials(sweep)["unet"]] == [uid_of(0), uid_of(1)]
    assert case_dice(sweep)["a"]["unet"]["liver"] == pytest.approx(0.7)
