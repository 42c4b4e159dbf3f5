"""TPE with the same proposals as Optuna's, and what it does not do again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from sweeps.search.lean_tpe import Generators, LeanTpeSampler, SeenTrial
from sweeps.search.proposer import Proposer
from sweeps.search.seen_study import SeenStudy
from sweeps.search.studies import Studies
from tests.sweeps.search.test_driver import plan
from tests.sweeps.search.test_recall import SPACE, search


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna's own sampler on Optuna's own trials, each with generators of its own."""
    monkeypatch.setattr("sweeps.search.lean_tpe.LeanTpeSampler", TPESampler)
    monkeypatch.setattr("sweeps.search.seen_study.SeenTrial", lambda trial: trial)
    monkeypatch.setattr(Studies, "_ask", alone(Studies._ask))


def alone(theirs):
    def ask(self: Studies, key: str, **how: Any) -> optuna.Trial:
        self._generators = None  # type: ignore[assignment]
        return theirs(self, key, **how)

    return ask


CASES = [("tpe", "equal", 1), ("tpe", "joint", 1), ("tpe", "joint", 2), ("random", "equal", 1)]


def proposals(sampler: str, budget: str, objectives: int) -> list[dict[str, object]]:
    chosen = plan(sampler=sampler, trials=70, per_architecture=budget, directions=("maximize",) * objectives)
    return search(Proposer(SPACE, chosen), 70)


@pytest.fixture(scope="module")
def ours() -> Iterator[dict[tuple[str, str, int], list[dict[str, object]]]]:
    yield {case: proposals(*case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_the_proposals_are_optunas(plain: None, ours, case: tuple[str, str, int]) -> None:
    assert proposals(*case) == ours[case]


def test_what_an_ended_trial_comes_to_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[object] = []
    theirs = CategoricalDistribution.to_internal_repr

    def to_internal_repr(self: CategoricalDistribution, value: object) -> float:
        counted.append(value)
        return theirs(self, value)  # type: ignore[arg-type]

    monkeypatch.setattr(CategoricalDistribution, "to_internal_repr", to_internal_repr)
    search(Proposer(SPACE, plan(trials=100, per_architecture="joint")), 100, open_at_once=1)
    assert 100 <= len(counted) < 5 * 100, "a few times a trial; Optuna counts all trials at every proposal"


def test_optuna_asks_for_the_numbers_by_this_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    theirs = LeanTpeSampler._get_internal_repr

    def spied(
        self: LeanTpeSampler, trials: list[FrozenTrial], space: dict[str, BaseDistribution], study: optuna.Study
    ) -> dict[str, np.ndarray]:
        asked.append(sum(isinstance(trial, SeenTrial) for trial in trials))
        return theirs(self, trials, space, study)

    monkeypatch.setattr(LeanTpeSampler, "_get_internal_repr", spied)
    search(Proposer(SPACE, plan(trials=40)), 40)
    assert max(asked) > 5


def test_a_seen_trial_is_the_trial_without_constraints() -> None:
    study = optuna.create_study()
    trial = study.ask()
    trial.suggest_categorical("loss", ["ce", "dice"])
    trial.suggest_float("rate", 0.0, 1.0)
    frozen = study.tell(trial, 0.5)
    seen = SeenTrial(frozen)
    assert (seen.number, seen.state, seen.value, seen.params) == (0, TrialState.COMPLETE, 0.5, frozen.params)
    assert seen.constraints == frozen.constraints == {}
    assert seen.numbers == {"loss": ["ce", "dice"].index(frozen.params["loss"]), "rate": frozen.params["rate"]}


@pytest.mark.parametrize("kind", [TPESampler, RandomSampler])
def test_lent_generators_draw_as_new_ones(kind: type[BaseSampler]) -> None:
    generators = Generators()
    for seed in (3, 3, 4):
        drawn = [first(generators.lend(kind(), seed)), first(kind(seed=seed))]  # type: ignore[call-arg]
        assert drawn[0] == drawn[1]


def first(sampler: BaseSampler) -> tuple[float, float]:
    trial = optuna.create_study(sampler=sampler).ask()
    return trial.suggest_float("a", 0.0, 1.0), trial.suggest_float("b", 0.0, 1.0)


def test_a_view_keeps_ended_trials_as_seen() -> None:
    proposer = Proposer(SPACE, plan(trials=20))
    search(proposer, 20)
    view = proposer._studies.views["unet"]
    assert isinstance(view, SeenStudy)
    assert all(isinstance(item, SeenTrial) == item.state.is_finished() for item in view.shown())
