from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from sweeps.search import recall
from sweeps.search.proposer import Proposer
from sweeps.search.recall import BEST, FRONT, Recall
from sweeps.search.seen_study import SeenStudy
from sweeps.spec.space import Dimension, Space
from tests.sweeps.search.test_driver import RATE, dimension, plan

SPACE = Space("search", (("unet", (RATE, dimension("batch_size", 8, 16))), ("segnet", (RATE,))))


def trial(number: int, values: Sequence[float] | None, reports: dict[int, float] | None = None) -> FrozenTrial:
    state = TrialState.COMPLETE if values is not None else TrialState.PRUNED
    made = FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=values,
        datetime_start=datetime(2026, 1, 1),
        datetime_complete=datetime(2026, 1, 1),
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values=reports or {},
        trial_id=number,
    )
    return made


def shown(seen: Recall) -> list[int]:
    return [item.number for item in seen.trials]


@given(st.lists(st.floats(0, 1), max_size=120), st.integers(BEST + 1, 60), st.sampled_from([1.0, -1.0]))
@settings(deadline=None)
def test_the_newest_and_the_best_are_shown_and_never_more(values: list[float], most: int, sign: float) -> None:
    seen = Recall((sign,), most)
    for number, value in enumerate(values):
        seen.add(trial(number, [value]))
    numbers = shown(seen)
    assert numbers == sorted(numbers) and len(numbers) == min(most, len(values))
    assert set(range(len(values))[-(most - BEST) :]) <= set(numbers)
    best = sorted(range(len(values)), key=lambda number: (-sign * values[number], number))[:BEST]
    assert set(best) <= set(numbers)


def test_a_finished_trial_is_better_than_a_pruned_one_and_a_late_pruned_one_than_an_early_one() -> None:
    seen = Recall((1.0,), BEST + 1)
    seen.add(trial(0, None, {3: 0.1}))
    seen.add(trial(1, None, {1: 0.9, 2: math.nan}))
    seen.add(trial(2, None))
    for number in range(3, 3 + BEST - 1):
        seen.add(trial(number, [0.0]))
    seen.add(trial(99, [0.0]))
    assert shown(seen)[0] == 0 and 1 not in shown(seen) and 2 not in shown(seen)


def test_with_several_objectives_what_nothing_dominates_is_shown() -> None:
    rng, seen = random.Random(3), Recall((1.0, -1.0), FRONT + 5)
    points = [(rng.random(), rng.random()) for _ in range(300)]
    for number, point in enumerate(points):
        seen.add(trial(number, point))
    older = range(295)
    front = [i for i in older if not any(points[j][0] > points[i][0] and points[j][1] < points[i][1] for j in older)]
    assert shown(seen) == [*front, *range(295, 300)]


def test_a_front_that_grows_too_large_keeps_its_newest() -> None:
    seen = Recall((1.0, 1.0), FRONT + 1)
    for number in range(400):
        seen.add(trial(number, (float(number), -float(number))))
    assert shown(seen) == list(range(399 - FRONT, 400))


def search(proposer: Proposer, trials: int, open_at_once: int = 4) -> list[dict[str, object]]:
    """Ask and tell, some trials open at a time, some pruned and some failed; what was proposed."""
    rng, running, asked = random.Random(5), [], []
    for number in range(trials):
        proposal = proposer.ask(number)
        asked.append(dict(proposal.parameters))
        running.append(proposal)
        if len(running) >= open_at_once:
            ended = running.pop(rng.randrange(len(running)))
            state = rng.choices(("finished", "pruned", "failed"), (6, 3, 1))[0]
            if len(proposer.plan.directions) == 1:
                proposer.report(ended.uid, 1, rng.random())
            value = -abs(math.log10(ended.parameters["learning_rate"]) + 3)
            proposer.tell(ended.uid, state, [value] * len(proposer.plan.directions))
    return asked


@pytest.mark.parametrize("budget", ["equal", "joint"])
def test_until_there_are_more_than_are_shown_the_proposals_are_those_of_the_plain_sampler(
    monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    chosen = plan(trials=60, per_architecture=budget)
    recalling = search(Proposer(SPACE, chosen), 60)
    monkeypatch.setattr("sweeps.search.studies.models", lambda name: False)
    assert recalling == search(Proposer(SPACE, chosen), 60)


def test_a_proposal_touches_no_more_trials_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[int] = []
    theirs = SeenStudy.shown

    def counted(self: SeenStudy) -> list[FrozenTrial]:
        found = theirs(self)
        touched.append(len(found))
        return found

    def refused(self: object, *args: object, **more: object) -> None:
        raise AssertionError("all trials were asked for")

    monkeypatch.setattr(SeenStudy, "shown", counted)
    monkeypatch.setattr("sweeps.search.sampler.MOST", BEST + 5)
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan(trials=100, scheduler={"kind": "asha"}))
    monkeypatch.setattr("optuna.study.Study._get_trials", refused)
    search(proposer, 100)
    assert max(touched) == BEST + 5 + 4
    assert recall.MOST == 300, "the README and the benchmark speak of 300"


def test_a_view_of_dimensions_knows_every_kind_of_trial() -> None:
    own = Dimension(name="weight_decay", kind="float", low=1e-6, high=1e-2, log=True)
    space = Space("search", (("unet", (RATE, own)), ("segnet", (RATE,))))
    proposer = Proposer(space, plan(trials=40, per_architecture="joint"))
    search(proposer, 40)
    kinds = proposer._studies.views["joint"].kinds.get_trials(deepcopy=False)
    assert {tuple(sorted(item.distributions)) for item in kinds} == {
        ("architecture", "learning_rate"),
        ("architecture", "learning_rate", "unet.weight_decay"),
    }
