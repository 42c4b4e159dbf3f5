"""Tables: the numbers in them are those of the trials, whatever is missing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.fold import fold
from results.ledger_line import decode
from results.records import Sweep
from results.statistics import architecture_scores, compare
from results.tables import (
    BASELINE,
    architecture_table,
    case_table,
    factor_table,
    pair_table,
    patient_table,
    rank_table,
    swept_parameters,
    trial_table,
)
from tests.results.ledger_factory import (
    MORE_COLUMNS,
    FakeLedger,
    finished_payload,
    realistic,
    scored_in_full,
    suggested_payload,
    sweep_payload,
    uid_of,
)


def folded(ledger: FakeLedger) -> Sweep:
    return fold([decode(line[:-1], i, "x") for i, line in enumerate(ledger.lines, 1)])


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return folded(realistic())


def staged() -> Sweep:
    """The study's way: architectures first, then batch size on the winner."""
    rng = np.random.default_rng(3)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(6, 3, stages=["architectures", "batch"]))
    plan = [("unet", 16), ("segnet", 16), ("encoder_decoder", 16), ("segnet", 8), ("segnet", 32), ("segnet", 8)]
    for number, (name, batch) in enumerate(plan):
        stage = "architectures" if number < 3 else "batch"
        parameters = {"batch_size": batch}
        ledger.add("suggested", **suggested_payload(number, name, rng, stage=stage, parameters=parameters))
        ledger.add("finished", **finished_payload(uid_of(number), name, rng, cases=3, epochs=3))
    return folded(ledger)


def test_trials_are_ranked_and_every_one_is_there(sweep: Sweep) -> None:
    table = trial_table(sweep)
    assert len(table) == 30
    assert set(table["trial"]) == {trial.uid for trial in sweep.trials}
    ranked = table[table["rank"].notna()]
    assert ranked["rank"].tolist() == list(range(1, 21))
    assert ranked["val_dice"].is_monotonic_decreasing
    assert (ranked["state"] == "finished").all()
    assert table["state"].tolist()[-5:] == ["failed"] * 5


def test_a_row_holds_the_facts_of_its_trial(sweep: Sweep) -> None:
    row = trial_table(sweep).iloc[0]
    trial = sweep.trial(row["trial"])
    assert row["val_dice"] == trial.metric("val_dice")
    assert row["dice_tumour_sd"] == trial.metric("dice_tumour_sd")
    assert row["learning_rate"] == trial.parameters["learning_rate"]
    assert row["parameters"] == trial.cost.parameters
    assert (row["best_epoch"], row["epochs"]) == (18, 20)


def test_only_parameters_that_vary_have_a_column(sweep: Sweep) -> None:
    names = swept_parameters(sweep.trials)
    assert names == ("learning_rate", "batch_size", "size", "window", "base_filters")
    assert set(names) < set(trial_table(sweep).columns)
    assert "optimizer" not in trial_table(sweep).columns


def test_a_parameter_named_like_a_column_gets_a_column_of_its_own() -> None:
    rng = np.random.default_rng(0)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(2, 2))
    for number in range(2):
        ledger.add("suggested", **suggested_payload(number, "unet", rng, parameters={"epochs": number + 5}))
    table = trial_table(folded(ledger))
    assert table["parameter_epochs"].tolist() == [5, 6]
    assert table["epochs"].tolist() == [0, 0]


def test_architectures_stand_in_the_order_of_their_best_trial_above_the_baseline(sweep: Sweep) -> None:
    table = architecture_table(sweep)
    assert table["architecture"].tolist()[-1] == BASELINE
    scores = table["val_dice"].tolist()
    assert scores[:-1] == sorted(scores[:-1], reverse=True)
    assert scores[-1] == 0.0
    assert table["slice_dice_smooth1_tumour_mean"].iloc[-1] == 0.735
    assert table["trials"].iloc[:-1].sum() == 30
    assert table["failed"].iloc[:-1].sum() == 5
    assert sorted(filter(None, table["failures"])) == ["crash 1", "nan 1", "oom 1", "oom 1", "timeout 1"]
    for row in table.iloc[:-1].to_dict("records"):
        best = sweep.trial(row["best_trial"])
        assert row["dice_liver_mean"] == best.metric("dice_liver_mean")
        assert row["parameters_m"] == best.cost.parameters / 1e6
        assert row["n_tumour_patients"] == 4


def test_an_architecture_without_a_score_is_listed_without_one() -> None:
    rng = np.random.default_rng(0)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(1, 2, architectures=["unet", "segnet"], baseline={}))
    ledger.add("suggested", **suggested_payload(0, "unet", rng))
    ledger.add("failed", uid=uid_of(0), kind="oom", message="", epochs=0, seconds=None)
    table = architecture_table(folded(ledger))
    assert table["architecture"].tolist() == ["unet", "segnet", BASELINE]
    assert table["dice_liver_mean"].isna().all()
    assert table["failures"].tolist() == ["oom 1", "", ""]
    assert table["trials"].tolist()[:2] == [1, 0]


def test_factor_rows_are_the_groups_of_the_trial_table(sweep: Sweep) -> None:
    table = factor_table(sweep, "batch_size").set_index("value")
    trials = trial_table(sweep)
    assert table.index.tolist() == [8, 16, 32]
    for value, row in table.iterrows():
        group = trials[(trials["batch_size"] == value) & (trials["state"] == "finished")]
        assert row["finished"] == len(group)
        assert row["val_dice"] == group["val_dice"].max()
        assert row["average_val_dice"] == pytest.approx(group["val_dice"].mean())
        assert row["best_trial"] == group["trial"].iloc[0]


def test_a_number_with_many_values_is_cut_into_ranges_of_equal_count(sweep: Sweep) -> None:
    table = factor_table(sweep, "learning_rate")
    assert table["trials"].tolist() == [6] * 5
    assert all("…" in value for value in table["value"])


def test_an_unknown_parameter_gives_an_empty_table(sweep: Sweep) -> None:
    assert factor_table(sweep, "nothing").empty


def test_stages_are_compared_apart() -> None:
    sweep = staged()
    first = architecture_table(sweep, stage="architectures")
    assert sorted(first["architecture"].tolist()[:-1]) == ["encoder_decoder", "segnet", "unet"]
    assert first["trials"].tolist()[:-1] == [1, 1, 1]
    assert factor_table(sweep, "batch_size", stage="batch")["value"].tolist() == [8, 32]
    assert factor_table(sweep, "batch_size", stage="batch")["trials"].tolist() == [2, 1]
    assert trial_table(sweep, stage="batch")["architecture"].tolist() == ["segnet"] * 3
    assert "stage" in trial_table(sweep).columns


def test_patient_figures_are_those_of_the_cases(sweep: Sweep) -> None:
    table = patient_table(sweep)
    cases = case_table(sweep)
    for row in table.to_dict("records"):
        values = cases.loc[cases["architecture"] == row["architecture"], f"dice_{row['label']}"].dropna()
        assert row["n"] == len(values)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        assert row["underpowered"]
    assert set(table["label"]) == {"liver", "tumour"}


def test_pairs_of_the_best_architecture_come_first_and_each_pair_once_a_label() -> None:
    sweep = folded(realistic(20, cases=12, epochs=2))
    comparison = compare(architecture_scores(sweep))
    table = pair_table(comparison)
    assert len(table) == 20
    assert table["first"].tolist()[:8] == ["segnet"] * 8
    assert table["label"].tolist()[:8] == ["liver"] * 4 + ["tumour"] * 4
    assert table["n"].tolist()[:8] == [12] * 4 + [11] * 4
    row = table.iloc[0].to_dict()
    pair = comparison.pair("segnet", row["second"], "liver")
    assert (row["difference"], row["p_holm"], row["outcome"]) == (pair.mean, pair.p_holm, pair.outcome)
    assert pair.plan is not None
    assert row["needed_patients"] == pair.plan.patients
    assert row["verdict"].startswith(f"segnet and {row['second']} cannot be told apart")
    assert table["needed_seeds"].isna().all()


def test_ranks_are_those_of_the_comparison_best_first() -> None:
    comparison = compare(architecture_scores(folded(realistic(20, cases=12, epochs=2))))
    table = rank_table(comparison)
    assert table["label"].tolist() == ["liver"] * 5 + ["tumour"] * 5 + ["all labels"] * 5
    assert table["rank"].tolist() == [1, 2, 3, 4, 5] * 3
    chances = table[[f"chance_{i}" for i in range(1, 6)]]
    assert chances.sum(axis=1).tolist() == pytest.approx([1] * 15)
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()
    leader = table.iloc[10]
    assert leader["chance_1"] == comparison.rankings[-1].first(leader["architecture"])


def test_replicate_seeds_are_averaged_and_their_spread_is_shown() -> None:
    rng = np.random.default_rng(5)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(4, 8))
    for number, (name, seed) in enumerate([("unet", 1), ("unet", 2), ("segnet", 1), ("segnet", 2)]):
        parameters = {"learning_rate": 0.01}
        ledger.add("suggested", **suggested_payload(number, name, rng, parameters=parameters, seed=seed))
        ledger.add("finished", **finished_payload(uid_of(number), name, rng, cases=8, epochs=3))
    sweep = folded(ledger)
    table = patient_table(sweep)
    assert table["seeds"].tolist() == [2] * 4
    assert table["seed_sd"].notna().all()
    row = table[(table["architecture"] == "unet") & (table["label"] == "liver")].iloc[0]
    means = [np.mean([case.dice_liver for case in trial.cases]) for trial in sweep.trials[:2]]
    assert row["mean"] == pytest.approx(np.mean(means))
    assert row["seed_sd"] == pytest.approx(np.std(means, ddof=1))


def test_cases_show_whatever_they_were_scored_on(sweep: Sweep) -> None:
    rng = np.random.default_rng(2)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(2, 2, architectures=["unet", "segnet"]))
    for number, architecture in enumerate(("unet", "segnet")):
        ledger.add("suggested", **suggested_payload(number, architecture, rng))
        ledger.add("started", uid=uid_of(number), attempt=1)
        payload = finished_payload(uid_of(number), architecture, rng, cases=2)
        ledger.add("finished", **(scored_in_full(payload, rng) if number else payload))
    table = case_table(folded(ledger)).set_index("architecture")
    assert table.columns[-len(MORE_COLUMNS) :].tolist() == list(MORE_COLUMNS)
    assert table.loc["unet", "hd95_liver"].isna().all() and table.loc["segnet", "hd95_liver"].notna().all()
    assert table.loc["segnet", "hd95_tumour"].tolist()[0] == math.inf
    plain = ["architecture", "trial", "case", "patient", "dice_liver", "dice_tumour", "has_tumour"]
    assert case_table(sweep).columns.tolist() == plain


def test_several_objectives_add_their_columns_and_the_front() -> None:
    objective = [
        {"metric": "val_dice", "direction": "maximize"},
        {"metric": "inference_ms_per_slice", "direction": "minimize"},
    ]
    table = trial_table(folded(realistic(10, cases=2, epochs=2, sweep={"objective": objective})))
    assert table["front"].dropna().iloc[0] == 1
    assert table["front"].dropna().is_monotonic_increasing
    assert table["inference_ms_per_slice"].notna().any()


@pytest.mark.parametrize("build", [trial_table, architecture_table, patient_table, case_table])
def test_a_sweep_without_trials_has_empty_tables(build: Any) -> None:
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(5, 0, architectures=[]))
    table: pd.DataFrame = build(folded(ledger))
    assert len(table) == (1 if build is architecture_table else 0)


def test_one_patient_and_liver_alone() -> None:
    sweep = folded(realistic(2, cases=1, epochs=2, tumour=False, sweep={"labels": ["liver"]}))
    table = trial_table(sweep)
    assert math.isnan(table["dice_liver_sd"].iloc[0])
    assert not [name for name in table.columns if "tumour" in name]
