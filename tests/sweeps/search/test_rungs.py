from __future__ import annotations

import math
import random

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

from sweeps.search.listener import Listener
from sweeps.search.rungs import RungHyperband, RungMedian, RungPruner

EPOCHS = 9


def halving(first: int) -> tuple[BasePruner, BasePruner]:
    return RungPruner(first, 3), SuccessiveHalvingPruner(min_resource=first, reduction_factor=3)


def hyperband(first: int) -> tuple[BasePruner, BasePruner]:
    common = {"min_resource": first, "max_resource": EPOCHS, "reduction_factor": 3}
    return RungHyperband(**common), HyperbandPruner(**common)


def median(first: int) -> tuple[BasePruner, BasePruner]:
    return tuple(kind(n_startup_trials=3, n_warmup_steps=first) for kind in (RungMedian, MedianPruner))


def decisions(pruner: BasePruner, direction: str) -> list[tuple[int, list[str], list[tuple[int, bool]]]]:
    """What a pruner says of trials that report in turn, and what it notes on them; ties and NaN included."""
    rng, said = random.Random(11), []
    study = optuna.create_study(study_name="a", direction=direction, pruner=pruner)
    running = []
    for _ in range(120):
        running.append((study.ask(), []))
        if len(running) < 4:
            continue
        trial, answers = running[rng.randrange(4)]
        while len(answers) < EPOCHS:
            value = math.nan if rng.random() < 0.02 else round(rng.random(), 2)
            trial.report(value, len(answers) + 1)
            answers.append((len(answers) + 1, trial.should_prune()))
            if answers[-1][1] or rng.random() < 0.2:
                break
        running.remove((trial, answers))
        failed = optuna.trial.TrialState.PRUNED if answers[-1][1] else optuna.trial.TrialState.FAIL
        finished = len(answers) == EPOCHS or rng.random() < 0.5
        told = study.tell(trial, rng.random()) if finished else study.tell(trial, state=failed)
        if isinstance(pruner, Listener):
            pruner.told(told)
        said.append((told.number, sorted(told.system_attrs), answers))
    return said


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("kind", [halving, hyperband, median])
def test_the_decisions_are_optunas(kind, first: int, direction: str) -> None:
    ours, theirs = kind(first)
    found = decisions(ours, direction)
    assert found == decisions(theirs, direction)
    assert any(stop for _, _, answers in found for _, stop in answers)


def test_a_decision_looks_at_no_other_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object, *args: object, **more: object) -> None:
        raise AssertionError("all trials were asked for")

    for name in ("get_trials", "_get_trials"):
        monkeypatch.setattr(f"optuna.study.Study.{name}", refused)
    decisions(RungPruner(1, 3), "maximize")
    decisions(RungHyperband(min_resource=1, max_resource=EPOCHS, reduction_factor=3), "maximize")
    decisions(RungMedian(3, 1), "maximize")
