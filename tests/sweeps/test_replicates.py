"""Folds and seeds, run whole in this process with the fake trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from results.errors import LedgerError
from results.fold import fold
from results.ledger_line import Event
from results.records import TrialRecord
from results.reports.document import build_document
from results.sweep_parts import Replication
from results.tables import architecture_table, case_table, factor_table, trial_table
from results.tables.architectures import setting_metrics
from sweeps.folder import SweepFolder
from sweeps.fork import inherited_trials
from sweeps.resume import examine
from tests.sweeps.in_process import Killed, Machine, events_of, extend, install, run, search_of


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def repetitions(folder: SweepFolder) -> list[TrialRecord]:
    return [trial for trial in folder.read().trials if trial.replicate_of]


def test_the_best_of_each_architecture_is_trained_on_every_fold_with_every_seed(
    machine: Machine, tmp_path: Path
) -> None:
    folder = run(tmp_path, folds=2, seeds=2)
    sweep = folder.read()
    assert sweep.sweep.replication == Replication(2, 2, "best") and sweep.sweep.trials == 4
    assert len(sweep.trials) == 4 + 2 * 3
    places = {(trial.architecture, trial.fold, trial.seed) for trial in repetitions(folder)}
    assert places == {(name, *place) for name in ("unet", "segnet") for place in ((1, 42), (0, 43), (1, 43))}
    payload = json.loads((folder.trial(repetitions(folder)[0].uid) / "params.json").read_text())
    assert payload["fold"] == 1 and payload["replicate_of"] == repetitions(folder)[0].replicate_of
    assert examine(folder).findings.idle


@pytest.mark.parametrize("replicate", ["best", "all"])
def test_a_killed_sweep_goes_on_to_the_same_repetitions(machine: Machine, tmp_path: Path, replicate: str) -> None:
    asked: dict[str, Any] = {"folds": 2, "seeds": 2, "replicate": replicate, "trials": 2}
    whole = run(tmp_path / "whole", **asked)
    for epochs in range(2, 24, 5):
        root = tmp_path / f"cut-{epochs}"
        machine.epochs_to_live = epochs
        with pytest.raises(Killed):
            run(root, **asked)
        machine.epochs_to_live = None
        folder = SweepFolder(root / "runs" / "a")
        extend(folder, lambda found: ())
        assert search_of(folder) == search_of(whole), f"killed after {epochs} epochs"


def test_weights_of_all_trainings_of_the_selected_settings_stay(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, folds=2, more="keep: {best: 1}")
    kept = {trial.uid for trial in folder.read().trials if trial.weights is not None}
    repeated = repetitions(folder)
    assert kept == {trial.uid for trial in repeated} | {trial.replicate_of for trial in repeated}
    assert all((folder.trial(uid) / "checkpoint").is_dir() for uid in kept)
    assert all(trial.checkpoint is None for trial in repeated), "no training goes on from a repetition"


def test_a_fork_is_told_of_settings_not_of_their_repetitions(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, folds=2, seeds=2, replicate="all", trials=2)
    known = inherited_trials([folder.read()])
    assert len(known) == 2
    for facts in known:
        trials = [item for item in folder.read().trials if facts["uid"] in (item.uid, item.replicate_of)]
        assert len(trials) == 4
        assert facts["values"] == [pytest.approx(sum(item.metrics["val_dice"] for item in trials) / 4)]


def test_tables_tell_settings_from_their_repetitions(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, folds=2, seeds=2)
    sweep = folder.read()
    trials = trial_table(sweep)
    assert trials["rank"].notna().sum() == 4
    assert set(trials["rank"].dropna()) == {1, 2, 3, 4}
    assert set(trials.loc[trials["replicate_of"] != "", "rank"].isna()) == {True}
    table = architecture_table(sweep)
    assert table["trainings"].tolist()[:2] == [4, 4] and table["trials"].tolist()[:2] == [2, 2]
    whole = setting_metrics(sweep, sweep.trial(str(table["best_trial"].iloc[0])))
    assert whole["dice_liver_mean"] == table["dice_liver_mean"].iloc[0]
    assert whole["val_dice"] == pytest.approx(trials["mean_objective"].iloc[0])
    assert factor_table(sweep, "learning_rate")["trials"].sum() == 4
    assert case_table(sweep)["trial"].nunique() == 8
    text = " ".join(build_document(sweep).summary)
    assert "4 of 4 trials have ended: 4 finished" in text
    assert "Over 2 folds and 2 seeds, the best setting of each architecture is trained 4 times" in text


def test_a_ledger_that_repeats_what_is_not_there_or_is_another_setting_is_refused(
    machine: Machine, tmp_path: Path
) -> None:
    events = events_of(run(tmp_path, folds=2))
    place = next(i for i, event in enumerate(events) if event.payload.get("replicate_of"))
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"replicate_of": "t9999-00000000"}, "never suggested"),
        ({"architecture": "other"}, "another setting"),
        ({"parameters": {"learning_rate": 1.0}}, "another setting"),
    ]
    for changes, message in wrongs:
        event = events[place]
        forged = Event(event.seq, event.time, event.name, {**event.payload, **changes})
        with pytest.raises(LedgerError, match=message):
            fold([*events[:place], forged])
