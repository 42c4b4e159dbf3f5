"""Samplers that are shown part of a study propose what they would propose of all of it."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import FrozenTrial

from sweeps.search.generations import CmaEsStudy, NsgaStudy
from sweeps.search.proposer import Proposer
from sweeps.search.seen_study import FirstStudy, ViewedStudy
from sweeps.spec.space import Dimension, Space
from tests.sweeps.search.test_driver import RATE, dimension, plan
from tests.sweeps.search.test_recall import search

DECAY = Dimension(name="weight_decay", kind="float", low=1e-6, high=1e-2, log=True)
SPACE = Space("search", (("unet", (RATE, DECAY, dimension("batch_size", 8, 16))), ("segnet", (RATE, DECAY))))
PLANNED, TRIALS = 24, 100
"""Of few planned trials NSGA-II makes small generations."""
KINDS: dict[str, type[ViewedStudy]] = {"cmaes": CmaEsStudy, "nsga2": NsgaStudy, "qmc": FirstStudy}


def chosen(sampler: str, budget: str, directions: tuple[str, ...]) -> Any:
    return plan(sampler=sampler, per_architecture=budget, directions=directions, trials=PLANNED)


@pytest.mark.parametrize("open_at_once", [1, 9])
@pytest.mark.parametrize("budget", ["equal", "joint"])
@pytest.mark.parametrize(
    ("sampler", "directions"),
    [
        ("cmaes", ("maximize",)),
        ("nsga2", ("maximize",)),
        ("nsga2", ("maximize", "minimize")),
        ("qmc", ("maximize",)),
    ],
)
def test_the_proposals_are_those_of_the_plain_sampler(
    monkeypatch: pytest.MonkeyPatch, sampler: str, directions: tuple[str, ...], budget: str, open_at_once: int
) -> None:
    proposer = Proposer(SPACE, chosen(sampler, budget, directions))
    assert {type(item) for item in proposer._studies.views.values()} == {KINDS[sampler]}
    found = search(proposer, TRIALS, open_at_once)
    monkeypatch.setattr("sweeps.search.studies.models", lambda name: False)
    assert found == search(Proposer(SPACE, chosen(sampler, budget, directions)), TRIALS, open_at_once)


@pytest.mark.parametrize(("sampler", "most"), [("cmaes", 20), ("nsga2", 32), ("qmc", 4)])
def test_a_proposal_touches_no_more_trials_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch, sampler: str, most: int
) -> None:
    touched: list[int] = []
    theirs = KINDS[sampler].shown

    def counted(self: Any) -> list[FrozenTrial]:
        found = theirs(self)
        touched.append(len(found))
        return found

    def refused(self: object, *args: object, **more: object) -> None:
        raise AssertionError("all trials were asked for")

    monkeypatch.setattr(KINDS[sampler], "shown", counted)
    proposer = Proposer(Space("search", (("unet", (RATE, DECAY)),)), chosen(sampler, "equal", ("maximize",)))
    monkeypatch.setattr("optuna.study.Study._get_trials", refused)
    search(proposer, 2 * TRIALS)
    assert 0 < max(touched) <= most and len(touched) > TRIALS


def test_the_optimizer_has_moved_on_and_so_have_the_generations() -> None:
    """Otherwise the comparisons above would compare the first generation only."""
    cmaes = Proposer(SPACE, chosen("cmaes", "joint", ("maximize",)))
    search(cmaes, TRIALS)
    view = cmaes._studies.views["joint"]
    assert isinstance(view, CmaEsStudy) and view._last is not None
    assert view._last.system_attrs[view._generation] > 3
    nsga = Proposer(SPACE, chosen("nsga2", "joint", ("maximize",)))
    search(nsga, TRIALS)
    assert isinstance(seen := nsga._studies.views["joint"], NsgaStudy) and max(seen._members) > 3
