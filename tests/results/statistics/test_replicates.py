"""From trials to scores: replicates are trials that differ in nothing but seed and fold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from results.records import CaseScore, Sweep, SweepRecord, TrialRecord
from results.statistics import architecture_scores, replicates, setting_scores
from results.sweep_parts import Objective, State


def trial(
    number: int,
    architecture: str = "unet",
    *,
    rate: float = 0.1,
    seed: int = 7,
    fold: int = 0,
    dice: float = 0.5,
    state: State = "finished",
    planned: int = 10,
    patients: tuple[str, ...] = ("p", "q"),
) -> TrialRecord:
    return TrialRecord(
        uid=f"t{number}",
        number=number,
        architecture=architecture,
        parameters={"rate": rate, "window": [1, 2]},
        stage="",
        seed=seed,
        fold=fold,
        state=state,
        metrics={"val_dice": dice},
        cases=tuple(CaseScore(f"{patient}-1", patient, dice, dice / 2, patient != "p") for patient in patients),
        planned_epochs=planned,
    )


def sweep_of(*trials: TrialRecord) -> Sweep:
    names = tuple(dict.fromkeys(found.architecture for found in trials))
    return Sweep(SweepRecord("s", (Objective("val_dice"),), names, len(trials)), trials)


def test_seed_and_fold_alone_make_replicates() -> None:
    trials = [
        trial(0),
        trial(1, seed=8),
        trial(2, fold=1),
        trial(3, rate=0.2),
        trial(4, "segnet"),
        trial(5, planned=20),
    ]
    groups = replicates(trials)
    assert [[found.uid for found in group.trials] for group in groups] == [["t0", "t1", "t2"], ["t3"], ["t4"], ["t5"]]
    assert (groups[0].uid, groups[0].architecture) == ("t0", "unet")


def test_the_same_seed_and_fold_twice_count_once() -> None:
    (group,) = replicates([trial(1), trial(0)])
    assert [found.uid for found in group.trials] == ["t0"]


def test_unfinished_trials_and_those_without_patients_are_no_replicates() -> None:
    assert replicates([trial(0, state="pruned"), trial(1, state="failed"), trial(2, patients=())]) == ()


def test_the_best_trial_of_each_architecture_comes_with_its_replicates() -> None:
    sweep = sweep_of(
        trial(0, dice=0.6), trial(1, dice=0.4, seed=8), trial(2, rate=0.2, dice=0.5), trial(3, "segnet", dice=0.7)
    )
    scores = architecture_scores(sweep)
    assert scores.models == ("segnet", "unet")
    assert scores.seeds == (7, 8)
    assert scores.of("liver", "unet") == pytest.approx(np.array([[0.6, 0.6], [0.4, 0.4]]))
    assert scores.by_patient("liver") == pytest.approx(np.array([[0.7, 0.7], [0.5, 0.5]]))
    assert scores.dice["tumour"][1, 0] == pytest.approx([math.nan, 0.3], nan_ok=True)


def test_folds_of_one_seed_are_joined_over_their_patients() -> None:
    folds = [trial(i, fold=i, dice=0.4 + i / 10, patients=(f"p{i}", f"q{i}")) for i in range(3)]
    scores = architecture_scores(sweep_of(*folds))
    assert scores.seeds == (7,)
    assert scores.by_patient("liver")[0] == pytest.approx([0.4, 0.5, 0.6, 0.4, 0.5, 0.6])


def test_other_trials_can_be_selected_and_those_without_patients_are_left_out() -> None:
    sweep = sweep_of(trial(0, dice=0.6), trial(1, rate=0.2, dice=0.5), trial(2, "segnet", patients=()))
    scores = architecture_scores(sweep, {"unet": sweep.trial("t1"), "segnet": sweep.trial("t2"), "other": None})
    assert scores.models == ("unet",)
    assert scores.by_patient("liver")[0] == pytest.approx([0.5, 0.5])


def test_settings_are_all_that_were_ranked_under_the_name_of_their_first_trial() -> None:
    sweep = sweep_of(trial(0), trial(1, seed=8), trial(2, rate=0.2), trial(3, rate=0.3, dice=math.nan))
    assert setting_scores(sweep).models == ("t0", "t2")


def test_a_patient_with_several_cases_counts_once() -> None:
    found = trial(0)
    cases = (*found.cases, CaseScore("q-2", "q", 0.9, math.nan, False))
    scores = architecture_scores(
        sweep_of(TrialRecord(**{name: getattr(found, name) for name in _FIELDS} | {"cases": cases}))
    )
    assert scores.by_patient("liver")[0] == pytest.approx([0.5, 0.7])
    assert scores.by_patient("tumour")[0] == pytest.approx([math.nan, 0.25], nan_ok=True)


_FIELDS = ("uid", "number", "architecture", "parameters", "stage", "seed", "fold", "state", "metrics")
