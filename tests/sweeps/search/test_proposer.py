from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.search.plan import trial_uid
from sweeps.search.proposer import Proposer
from sweeps.search.sampler import derived_seed
from sweeps.search.turns import LEAD
from sweeps.spec.catalogue import SAMPLERS
from sweeps.spec.space import Space
from tests.sweeps.search.test_driver import RATE, dimension, plan

ARCHITECTURES = Space(
    "search",
    (
        ("unet", (dimension("base_filters", 4, 8), RATE)),
        ("segnet", (dimension("base_filters", 16), RATE)),
        ("encoder_decoder", (RATE,)),
    ),
)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("grid", "gp")])
def test_every_sampler_proposes_from_the_conditional_space(sampler: str) -> None:
    proposer = Proposer(ARCHITECTURES, plan(sampler=sampler, trials=18))
    for number in range(18):
        proposal = proposer.ask(number)
        own = proposal.parameters.get("base_filters")
        assert own in {"unet": (4, 8), "segnet": (16,), "encoder_decoder": (None,)}[proposal.architecture]
        assert 1e-5 <= proposal.parameters["learning_rate"] <= 1e-2
        values = [proposal.parameters["learning_rate"]]
        proposer.tell(proposal.uid, "finished", values)


def test_the_gaussian_process_sampler_proposes_where_pytorch_is_installed() -> None:
    pytest.importorskip("torch")
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan(sampler="gp", trials=6))
    for number in range(6):
        proposal = proposer.ask(number)
        proposer.tell(proposal.uid, "finished", [proposal.parameters["learning_rate"]])


def test_equal_gives_every_architecture_the_same_number_of_trials() -> None:
    proposer = Proposer(ARCHITECTURES, plan(sampler="random", trials=9))
    counts = Counter(proposer.ask(number).architecture for number in range(9))
    assert set(counts.values()) == {3}


def test_equal_updates_evens_out_what_was_spent() -> None:
    proposer = Proposer(ARCHITECTURES, plan(sampler="random", trials=30, per_architecture="equal_updates"))
    cost = {"unet": 10, "segnet": 40, "encoder_decoder": 20}
    spent: Counter[str] = Counter()
    for number in range(30):
        proposal = proposer.ask(number)
        spent[proposal.architecture] += cost[proposal.architecture]
        proposer.tell(proposal.uid, "finished", [0.5], updates=cost[proposal.architecture])
    assert max(spent.values()) - min(spent.values()) <= max(cost.values())


def test_joint_lets_the_sampler_choose_and_turns_to_what_is_good() -> None:
    proposer = Proposer(ARCHITECTURES, plan(per_architecture="joint", trials=60))
    counts: Counter[str] = Counter()
    for number in range(60):
        proposal = proposer.ask(number)
        counts[proposal.architecture] += number >= 30
        value = 0.9 if proposal.architecture == "segnet" else 0.1
        proposer.tell(proposal.uid, "finished", [value])
    assert counts.most_common(1)[0][0] == "segnet"


def test_a_grid_gives_every_point_once_in_the_order_of_the_spec() -> None:
    space = Space("search", (("unet", (dimension("batch_size", 8, 16), dimension("size", 64, 128))),))
    proposer = Proposer(space, plan(sampler="grid", trials=4))
    points = [tuple(proposer.ask(number).parameters.values()) for number in range(4)]
    assert points == [(8, 64), (8, 128), (16, 64), (16, 128)]
    with pytest.raises(SweepError):
        proposer.ask(4)


def test_same_seed_same_proposals_and_another_seed_others() -> None:
    def values(seed: int) -> list[float]:
        proposer = Proposer(ARCHITECTURES, plan(sampler="tpe", seed=seed))
        return [proposer.ask(number).parameters["learning_rate"] for number in range(6)]

    assert values(1) == values(1)
    assert values(1) != values(2)


def test_asha_asks_to_stop_the_worse_half() -> None:
    scheduler = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan(scheduler=scheduler))
    first, second = proposer.ask(0), proposer.ask(1)
    assert not proposer.report(first.uid, 1, 0.8)
    assert proposer.report(second.uid, 1, 0.2)


def test_nan_is_never_a_reason_to_stop() -> None:
    scheduler = {"kind": "median", "grace_epochs": 1}
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan(scheduler=scheduler))
    proposal = proposer.ask(0)
    assert not proposer.report(proposal.uid, 1, float("nan"))


def test_uids_are_unique_and_tell_a_mix_up() -> None:
    same = trial_uid(3, "s", "unet", {"a": 1}, 42)
    assert same == trial_uid(3, "s", "unet", {"a": 1}, 42)
    assert same.startswith("t0003-")
    assert len({same, trial_uid(4, "s", "unet", {"a": 1}, 42), trial_uid(3, "s", "unet", {"a": 2}, 42)}) == 3


def test_derived_seeds_differ_by_purpose() -> None:
    assert derived_seed(1, "a") == derived_seed(1, "a")
    assert derived_seed(1, "a") != derived_seed(1, "b") != derived_seed(2, "b")


@given(st.lists(st.frozensets(st.sampled_from(ARCHITECTURES.architectures)), min_size=11, max_size=11))
def test_what_is_preferred_comes_earlier_but_not_more_often(preferences: list[frozenset[str]]) -> None:
    usual, routed = (Proposer(ARCHITECTURES, plan(sampler="random", trials=11)) for _ in range(2))
    plain = [usual.ask(number) for number in range(11)]
    counts = Counter({name: 0 for name in ARCHITECTURES.architectures})
    found = []
    for number, preferred in enumerate(preferences):
        found.append(routed.ask(number, preferred=preferred))
        counts[found[-1].architecture] += 1
        assert max(counts.values()) - min(counts.values()) <= LEAD
    for name in ARCHITECTURES.architectures:
        mine, theirs = ([p.parameters for p in proposals if p.architecture == name] for proposals in (found, plain))
        assert mine == theirs


def test_an_architecture_goes_on_where_it_is_preferred() -> None:
    proposer = Proposer(ARCHITECTURES, plan(sampler="random", trials=9))
    segnet = frozenset({"segnet"})
    assert [proposer.ask(number, preferred=segnet).architecture for number in range(4)] == [
        "segnet",
        "segnet",
        "unet",
        "encoder_decoder",
    ]
