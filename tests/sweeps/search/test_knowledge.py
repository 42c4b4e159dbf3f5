"""What samplers are told, by whom they are told it, and what a new way of proposing is taught of the old one."""

from __future__ import annotations

import pytest

from sweeps.search.knowledge import Knowledge
from sweeps.search.open_trial import OpenTrial
from sweeps.search.plan import Known
from sweeps.search.proposer import Proposer
from sweeps.search.replicates import Settled
from sweeps.spec.space import Dimension, Space
from tests.sweeps.search.test_driver import RATE, plan
from tests.sweeps.search.test_standing import NARROW, begin, finish, known_to, stage, standing

UNET = Space("search", (("unet", (RATE,)),))
ASHA = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}


def values_of(proposer: Proposer) -> list[float | None]:
    return [trial.value for trial in proposer.study("unet").trials if trial.state.is_finished()]


def test_a_trial_that_is_no_samplers_is_told_to_none() -> None:
    knowledge, proposer = Knowledge(), Proposer(UNET, plan(scheduler=ASHA))
    mine, other = proposer.ask(0), proposer.ask(1)
    knowledge.taken(mine, proposer)
    assert not knowledge.report(other.uid, 1, 0.9)
    knowledge.settled(Settled(other, "finished", (0.9,), 1), [0.9])
    knowledge.again(other.uid)
    assert values_of(proposer) == []
    assert not knowledge.report(mine.uid, 1, 0.1), "the first of its rung: the other one was not heard of"
    knowledge.settled(Settled(mine, "finished", (0.1,), 1), [0.1])
    assert values_of(proposer) == [0.1]


@pytest.mark.parametrize(("told", "state"), [(True, "PRUNED"), (False, "FAIL")])
def test_a_refused_trial_is_one_to_learn_from_until_it_is_tried_again(told: bool, state: str) -> None:
    knowledge, proposer = Knowledge(), Proposer(UNET, plan())
    good, bad = proposer.ask(0), proposer.ask(1)
    for proposal in (good, bad):
        knowledge.taken(proposal, proposer)
    knowledge.settled(Settled(good, "finished", (0.5,), 1), [0.5])
    knowledge.refused(bad.uid)
    if not told:
        knowledge.again(bad.uid)
    knowledge.settled(Settled(bad, "failed", (), 0), [])
    assert proposer.study("unet").trials[-1].state.name == state


def test_a_new_way_of_proposing_is_taught_its_stages_trials_those_at_work_included() -> None:
    knowledge, old = Knowledge(), Proposer(UNET, plan())
    ended, running = old.ask(0), old.ask(1)
    for proposal in (ended, running):
        knowledge.taken(proposal, old)
    knowledge.settled(Settled(ended, "finished", (0.4,), 1), [0.4])
    new, elsewhere = Proposer(UNET, plan(scheduler=ASHA)), Proposer(UNET, plan())
    knowledge.hand_over("another", elsewhere, ())
    knowledge.hand_over("search", new, [OpenTrial(running, reports=[0.3])])
    assert values_of(elsewhere) == [] and values_of(new) == [0.4]
    knowledge.settled(Settled(running, "finished", (0.6,), 1), [0.3])
    assert values_of(new) == [0.4, 0.6] and values_of(old) == [0.4]


def test_another_space_proposes_from_itself_and_knows_what_lies_in_it() -> None:
    search = standing(stage(trials=6, sampler="tpe"))
    rates = {finish(search, 0.1 * number).uid: number for number in range(4)}
    open_trial = begin(search)
    search.report(open_trial.uid, 1, 0.35)
    inside = {
        uid
        for uid in rates
        if search.proposal(uid).architecture == "unet"
        and NARROW.contains(search.proposal(uid).parameters["learning_rate"])
    }
    search.extend(5, None, (), stage(Space("search", (("unet", (NARROW,)),)), sampler="tpe"))
    assert len(known_to(search, "unet")) == len(inside)
    assert search.left == 1 + 5
    for _ in range(3):
        new = begin(search)
        assert new.architecture == "unet" and 1e-4 <= new.parameters["learning_rate"] <= 1e-3
    search.end(open_trial.uid, "finished", [0.9])
    assert open_trial.uid in search.ended


def test_a_retry_under_another_space_is_heard_of_there() -> None:
    search = standing(stage(trials=2, sampler="tpe"))
    failed = begin(search)
    search.end(failed.uid, "failed")
    wide = Dimension(name="learning_rate", kind="float", low=1e-6, high=1e-1, log=True)
    search.extend(2, None, (), stage(Space("search", (("unet", (wide,)),)), sampler="tpe"))
    search.retry(failed.uid)
    search.started(failed.uid, 2)
    search.end(failed.uid, "finished", [0.8])
    assert failed.architecture == "unet" and known_to(search, "unet") == [None, 0.8]


def test_what_was_inherited_is_known_to_a_space_that_comes_later() -> None:
    search = standing(stage(trials=2, sampler="tpe"))
    elsewhere = Known("old/t0", "another", "unet", {"learning_rate": 5e-4}, "finished", (0.7,))
    outside = Known("old/t1", "another", "unet", {"learning_rate": 5e-3}, "finished", (0.6,))
    absent = Known("old/t2", "another", "vnet", {"learning_rate": 5e-4}, "finished", (0.9,))
    assert search.learn([elsewhere, outside, absent]) == 2
    assert known_to(search, "unet") == [0.7, 0.6] and search.best is None and search.left == 2
    search.extend(2, None, (), stage(Space("search", (("unet", (NARROW,)),)), sampler="tpe"))
    assert known_to(search, "unet") == [0.7]
