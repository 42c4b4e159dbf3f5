"""The state of a search, driven by hand: what is open, what is left, and what the samplers know."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from results.sweep_parts import Objective
from sweeps.search.plan import Best, Proposal, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.standing import Standing
from sweeps.spec.space import Dimension, Space
from tests.sweeps.search.test_driver import RATE, plan

MAXIMIZE, MINIMIZE = (Objective("val_dice", "maximize"),), (Objective("loss", "minimize"),)
NARROW = Dimension(name="learning_rate", kind="float", low=1e-4, high=1e-3, log=True)
SPACE = Space("search", (("unet", (RATE,)), ("segnet", (RATE,))))
ASHA = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}


def stage(space: Space = SPACE, **changes: object) -> Stage:
    chosen = plan(**{"sampler": "random", "stage": space.stage, **changes})
    return Stage(chosen.stage, chosen.trials, lambda best: Proposer(space, chosen))


def standing(*stages: Stage, objectives: tuple[Objective, ...] = MAXIMIZE) -> Standing:
    return Standing(stages or [stage()], objectives, 4)


def begin(search: Standing) -> Proposal:
    """The next trial, taken and started."""
    proposal = search.suggest()
    assert proposal is not None
    search.suggested(proposal)
    search.started(proposal.uid, 1)
    return proposal


def finish(search: Standing, value: float, state: str = "finished") -> Proposal:
    proposal = begin(search)
    search.end(proposal.uid, state, [] if state == "failed" else [value])
    return proposal


def known_to(search: Standing, key: str) -> list[float | None]:
    return [trial.value for trial in search.proposer.study(key).trials if trial.state.is_finished()]


def test_a_search_gives_as_many_trials_as_it_has_and_is_then_done() -> None:
    search = standing(stage(trials=3))
    assert [finish(search, 0.1 * number).number for number in range(3)] == [0, 1, 2]
    assert search.left == 0 and search.done and search.suggest() is None
    assert search.counts == {"finished": 3}


def test_a_search_is_not_done_while_a_trial_is_open() -> None:
    search = standing(stage(trials=1, space=Space("search", (("unet", (RATE,)),))))
    proposal = begin(search)
    assert search.suggest() is None and not search.done
    search.end(proposal.uid, "pruned", [0.1])
    assert search.done


def test_a_stage_waits_for_every_trial_of_the_one_before_and_starts_from_the_best() -> None:
    given_best: list[Best | None] = []

    def second(best: Best | None) -> Proposer:
        given_best.append(best)
        return Proposer(Space("fine", (("unet", (NARROW,)),)), plan(stage="fine", sampler="random", trials=2))

    search = standing(stage(trials=2), Stage("fine", 2, second))
    finish(search, 0.3)
    other = begin(search)
    assert search.suggest() is None and search.stage.name == "search" and search.left == 2
    search.end(other.uid, "finished", [0.7])
    later = begin(search)
    assert later.stage == "fine" == search.stage.name and later.number == 2
    assert [best and best.uid for best in given_best] == [other.uid]


def test_the_best_is_a_finished_trial_with_a_number_and_the_first_of_equals() -> None:
    search = standing(stage(trials=6))
    finish(search, 0.9, "pruned")
    finish(search, 0.9, "failed")
    finish(search, math.nan)
    assert search.best is None
    first = finish(search, 0.5)
    finish(search, 0.5)
    finish(search, 0.4)
    assert search.best is not None and search.best.uid == first.uid


def test_less_is_better_where_the_objective_is_minimised() -> None:
    search = standing(stage(directions=("minimize",)), objectives=MINIMIZE)
    finish(search, 0.5)
    low = finish(search, 0.2)
    finish(search, 0.4)
    assert search.best is not None and search.best.uid == low.uid


def test_an_epoch_is_told_once_however_often_it_is_reported() -> None:
    search = standing(stage(trials=4, space=Space("search", (("unet", (RATE,)),)), scheduler=ASHA))
    good = begin(search)
    search.report(good.uid, 1, 0.9)
    bad = begin(search)
    assert search.report(bad.uid, 1, 0.1), "the second of two is in the lower half"
    again = search.report(bad.uid, 1, 0.9)
    trial = search.open[bad.uid]
    assert not again and trial.stop_early and trial.reports == [0.1] == trial.unwritten
    trial.written = 1
    search.report(bad.uid, 2, 0.2)
    assert trial.unwritten == [0.2]


def test_a_requeued_trial_is_in_the_queue_once_and_leaves_it_when_it_starts_or_ends() -> None:
    search = standing(stage(trials=2))
    first, second = begin(search), begin(search)
    for uid in (second.uid, first.uid, second.uid):
        search.requeue(uid)
    assert list(search.queue) == [second.uid, first.uid] and not search.open[first.uid].running
    search.started(second.uid, 2)
    search.end(first.uid, "finished", [0.1])
    assert not search.queue and search.open[second.uid].running


def test_a_retried_trial_counts_once_and_keeps_the_number_of_its_attempts() -> None:
    search = standing(stage(trials=2))
    failed = begin(search)
    search.end(failed.uid, "failed")
    left = search.left
    search.retry(failed.uid)
    trial = search.open[failed.uid]
    assert (trial.attempt, trial.again, search.left) == (1, True, left)
    assert search.proposal(failed.uid) == failed and not search.counts
    search.started(failed.uid, 2)
    assert not search.open[failed.uid].again
    search.end(failed.uid, "finished", [0.4])
    assert search.counts == {"finished": 1} and [end.state for end in search.ends] == ["failed", "finished"]
    assert known_to(search, failed.architecture) == [None, 0.4]
    finish(search, 0.1)
    assert search.done, "the retry used up nothing of the budget"


def test_trained_longer_is_a_trial_of_the_same_parameters_of_which_the_sampler_hears_nothing() -> None:
    search = standing(stage(trials=2, scheduler=ASHA))
    parent, other = finish(search, 0.6), finish(search, 0.2)
    told = known_to(search, parent.architecture)
    search.extend(0, 8, [parent.uid], None)
    assert search.left == 1 and not search.done
    child = begin(search)
    assert (child.continues, child.epochs, child.number) == (parent.uid, 8, 2)
    assert (child.parameters, child.seed, child.stage) == (parent.parameters, parent.seed, parent.stage)
    assert child.uid not in (parent.uid, other.uid) and not search.longer
    search.started(child.uid, 1, epoch=4)
    assert not search.report(child.uid, 4, 0.0), "an epoch of the trial that it continues"
    assert not search.report(child.uid, 5, 0.0) and search.open[child.uid].reports == [0.0]
    search.end(child.uid, "finished", [0.8])
    assert search.best is not None and search.best.uid == child.uid
    assert known_to(search, parent.architecture) == told
    assert search.done


def test_longer_trainings_come_before_new_trials_and_new_ones_are_as_long() -> None:
    search = standing(stage(trials=2))
    parent = finish(search, 0.5)
    search.extend(1, 7, [parent.uid], None)
    assert search.left == 1 + 1 + 1
    kinds = [(begin(search).continues, search.course.epochs) for _ in range(3)]
    assert kinds == [(parent.uid, 7), ("", 7), ("", 7)]


def test_more_trials_go_to_the_last_stage_wherever_the_search_stands() -> None:
    search = standing(stage(trials=2), stage(space=Space("fine", (("unet", (RATE,)),)), trials=1))
    search.extend(3, None, (), None)
    assert search.left == 2 + 1 + 3
    stages = [finish(search, 0.1).stage for _ in range(6)]
    assert stages == ["search"] * 2 + ["fine"] * 4 and search.done
    search.extend(1, None, (), None)
    assert finish(search, 0.2).stage == "fine" and search.done


def test_a_ledgers_trial_of_a_later_stage_opens_that_stage() -> None:
    search = standing(stage(trials=1), stage(space=Space("fine", (("unet", (RATE,)),)), trials=2))
    first = finish(search, 0.5)
    rebuilt = standing(stage(trials=1), stage(space=Space("fine", (("unet", (RATE,)),)), trials=2))
    rebuilt.restore(first)
    rebuilt.started(first.uid, 1)
    rebuilt.end(first.uid, "finished", [0.5])
    second = begin(search)
    rebuilt.restore(second)
    assert rebuilt.stage.name == "fine" and rebuilt.left == search.left == 1
    assert rebuilt.best == search.best


ACTIONS = st.lists(
    st.sampled_from(["new", "new", "finish", "fail", "park", "retry", "more", "longer"]), min_size=1, max_size=25
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_whatever_happens_every_trial_asked_for_is_left_open_or_ended(actions: list[str]) -> None:
    search, asked = standing(stage(trials=4)), 4
    for action in actions:
        running = [uid for uid, trial in search.open.items() if trial.running]
        failed = [uid for uid, state in search.ended.items() if state == "failed"]
        finished = [uid for uid, state in search.ended.items() if state == "finished"]
        if action == "new" and search.suggest() is not None:
            begin(search)
        elif action in ("finish", "fail") and running:
            search.end(running[0], "failed" if action == "fail" else "finished", [] if action == "fail" else [0.5])
        elif action == "park" and running:
            search.requeue(running[-1])
        elif action == "retry" and failed:
            search.retry(failed[0])
        elif action == "more":
            search.extend(2, None, (), None)
            asked += 2
        elif action == "longer" and finished and finished[0] not in search.longer:
            search.extend(0, search.course.epochs + 1, finished[:1], None)
            asked += 1
        assert search.left + len(search.open) + len(search.ended) == asked
        assert set(search.queue) <= set(search.open) and len(set(search.queue)) == len(search.queue)
        assert not set(search.open) & set(search.ended)
        assert search.done == (search.left == 0 and not search.open)
        numbers = [search.proposal(uid).number for uid in (*search.open, *search.ended)]
        assert sorted(numbers) == list(range(len(numbers)))
