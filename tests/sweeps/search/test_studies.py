"""What Optuna's studies are told of trials that worked, that could not, and that had the set of another."""

from __future__ import annotations

import math

import pytest

from sweeps.search.proposer import Proposer
from sweeps.search.studies import Studies
from sweeps.spec.space import Space
from tests.sweeps.search.test_driver import RATE, dimension, plan

UNET = Space("search", (("unet", (RATE,)),))
TWO = Space("search", (("unet", (dimension("base_filters", 4, 8), RATE)), ("segnet", (RATE,))))


def test_a_study_an_architecture_or_one_whose_trials_say_of_which_they_are() -> None:
    alone, joint = Studies(TWO, plan(sampler="random")), Studies(TWO, plan(sampler="random", per_architecture="joint"))
    trial, name = alone.ask("segnet")
    assert (name, alone.key_of("segnet"), set(alone.sample(trial, name))) == ("segnet", "segnet", {"learning_rate"})
    adopted = joint.adopt("joint", "unet", {"base_filters": 8, "learning_rate": 1e-3})
    assert adopted.params == {"architecture": "unet", "unet.base_filters": 8, "learning_rate": 1e-3}
    assert joint.key_of("segnet") == "joint" and len(joint.of("joint").trials) == 1


def test_the_same_question_has_the_same_answer_until_its_trial_was_proposed() -> None:
    def rates(*redraws: int, proposed: int = 0) -> list[float]:
        studies = Studies(UNET, plan(sampler="random"))
        for _ in range(proposed):
            studies.proposed("unet")
        return [studies.sample(*studies.ask("unet", redraw=redraw))["learning_rate"] for redraw in redraws]

    first, again, other = rates(0, 0, 1)
    assert first == again != other
    assert rates(0, proposed=1) != [first]


@pytest.mark.parametrize(("sampler", "values"), [("tpe", None), ("nsga2", [0.7])])
def test_one_that_breeds_goes_on_from_a_set_it_chose_again(sampler: str, values: list[float] | None) -> None:
    studies = Studies(UNET, plan(sampler=sampler))
    studies.tell("unet", studies.adopt("unet", "unet", {"learning_rate": 1e-3}), "t0", "finished", [0.7])
    studies.pass_over("unet", studies.adopt("unet", "unet", {"learning_rate": 1e-3}), "t0")
    studies.pass_over("unet", studies.adopt("unet", "unet", {"learning_rate": 1e-4}), "one without a score")
    assert [trial.values for trial in studies.of("unet").trials] == [[0.7], values, None]


def refusals(word: str, seed: int) -> int:
    """How many of the second 30 trials fall into the third of a space that cannot work, told by this word."""
    space = Space("search", (("unet", (dimension("batch_size", 2, 32, 64), dimension("size", 64, 512), RATE)),))
    proposer, late = Proposer(space, plan(trials=60, seed=seed)), 0
    for number in range(60):
        proposal = proposer.ask(number)
        chosen = proposal.parameters
        if chosen["size"] == 512 and chosen["batch_size"] > 2:
            proposer.tell(proposal.uid, word, [])
            late += number >= 30
        else:
            proposer.tell(proposal.uid, "finished", [-abs(math.log10(chosen["learning_rate"]) + 3)])
    return late


def test_tpe_learns_to_leave_what_cannot_work() -> None:
    """A sampler that hears nothing of failed trials finds nowhere less known than where they all fail, and goes there."""
    refused = sum(refusals("refused", seed) for seed in range(3))
    assert refused < 3 * 10 < sum(refusals("failed", seed) for seed in range(3))


def test_the_first_refused_trial_is_not_the_best_there_is() -> None:
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan())
    states = []
    for number, word in enumerate(["refused", "finished", "refused"]):
        proposal = proposer.ask(number)
        proposer.tell(proposal.uid, word, [0.5] if word == "finished" else [])
        states.append(proposer.study("unet").trials[number].state.name)
    assert states == ["FAIL", "COMPLETE", "PRUNED"]
