"""No parameter set is trained twice by accident: not by a sampler that comes back to it, and not after a resume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from results.ledger import read_events
from sweeps.search import tried
from sweeps.search.plan import Proposal, Stage
from sweeps.search.proposer import REDRAWS, Proposer
from sweeps.search.standing import Standing
from sweeps.search.tried import Tried, set_key
from sweeps.spec.space import Dimension, Space
from tests.sweeps.fakes import execute
from tests.sweeps.search.test_driver import RATE, dimension, plan
from tests.sweeps.search.test_replay import (
    EPOCHS,
    MAXIMIZE,
    curve,
    fresh,
    go_on,
    results_of,
    standing_of,
    start,
    study_of,
)

DECAY = Dimension(name="weight_decay", kind="float", low=0.0, high=0.3, step=0.1)
BATCH = Dimension(name="batch_size", kind="int", low=4, high=8)
WORDS = Space("search", (("unet", (dimension("batch_size", 8, 16), dimension("loss", "ce", "dice"))), ("segnet", ())))
NUMBERS = Space("search", (("unet", (DECAY, BATCH)), ("segnet", (BATCH, dimension("size", 64)))))
SIZES = {"words": 5, "numbers": 25}
SAMPLERS = ["random", "tpe", "cmaes", "nsga2", "qmc"]
CASES = [
    *((sampler, "words", "equal", "none") for sampler in SAMPLERS),
    *((sampler, "numbers", "equal", "none") for sampler in SAMPLERS),
    *((sampler, "numbers", "joint", "asha") for sampler in SAMPLERS if sampler != "cmaes"),
    ("tpe", "words", "equal_updates", "median"),
    ("random", "words", "joint", "hyperband"),
]


def stage_of(sampler: str, space: str, budget: str, scheduler: str = "none", trials: int = 30) -> Stage:
    chosen = plan(
        sampler=sampler,
        scheduler={"kind": scheduler, "grace_epochs": 1, "reduction_factor": 2},
        per_architecture=budget,
        trials=trials,
        epochs=EPOCHS,
    )
    values = {"words": WORDS, "numbers": NUMBERS}[space]
    return Stage("search", trials, lambda best: Proposer(values, chosen))


def sets_of(proposals: list[Proposal]) -> Counter[object]:
    return Counter(set_key(item.architecture, item.parameters, item.epochs) for item in proposals)


@pytest.mark.parametrize(("sampler", "space", "budget", "scheduler"), CASES)
def test_a_finite_space_is_tried_once_and_the_search_ends(
    tmp_path: Path, sampler: str, space: str, budget: str, scheduler: str
) -> None:
    driver = start(tmp_path / "s", stage_of(sampler, space, budget, scheduler), slots=2)
    proposals = execute(driver, EPOCHS, curve)
    assert len(proposals) == SIZES[space] and set(sets_of(proposals).values()) == {1}
    assert driver.standing.done and driver.standing.course.missing == {"search": 30 - SIZES[space]}
    driver.close()
    closed = read_events(driver.folder.ledger)[-1].payload
    assert closed == {"reason": "finished", "missing": {"search": 30 - SIZES[space]}}
    assert any(item.drawn for item in proposals), "some set was chosen twice, or this shows nothing"
    assert max(len(item.drawn) for item in proposals) <= REDRAWS + 1


@pytest.mark.parametrize(("sampler", "space", "budget", "scheduler"), CASES)
def test_r04_a_search_cut_after_any_event_passes_over_the_same_sets(
    tmp_path: Path, sampler: str, space: str, budget: str, scheduler: str
) -> None:
    chosen = stage_of(sampler, space, budget, scheduler)
    whole = start(tmp_path / "whole", chosen)
    execute(whole, EPOCHS, curve)
    expected = results_of(tmp_path / "whole")
    events = read_events(tmp_path / "whole" / "ledger.jsonl")
    rebuilt = standing_of(events, chosen)
    for key in ("joint",) if budget == "joint" else ("unet", "segnet"):
        assert [row[:4] for row in study_of(rebuilt, key)] == [row[:4] for row in study_of(whole.standing, key)]
    lines = (tmp_path / "whole" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines), max(1, len(lines) // 4)):
        path = tmp_path / f"cut-{cut}"
        path.mkdir()
        (path / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
        execute(go_on(path, chosen), EPOCHS, curve)
        assert results_of(path) == expected, f"cut after {cut} events"


def begin(search: Standing) -> Proposal:
    proposal = search.suggest()
    assert proposal is not None
    search.suggested(proposal)
    search.started(proposal.uid, 1)
    return proposal


@pytest.mark.parametrize("state", ["finished", "pruned", "failed", "running"])
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_however_a_set_stands_it_is_not_proposed_again(state: str, sampler: str) -> None:
    search = fresh(stage_of(sampler, "words", "joint", trials=9))
    proposals = []
    for _ in range(5):
        proposals.append(begin(search))
        if state != "running":
            search.end(proposals[-1].uid, state, [0.5] if state == "finished" else [])
    assert set(sets_of(proposals).values()) == {1} and search.suggest() is None and search.left == 0
    if state == "failed":
        search.retry(proposals[0].uid)
        assert list(search.queue) == [proposals[0].uid] and search.left == 0


def test_one_that_is_used_up_leaves_its_budget_to_the_others() -> None:
    space = Space("search", (("segnet", ()), ("unet", (RATE,))))
    search = Standing([Stage("search", 6, lambda best: Proposer(space, plan(sampler="random")))], MAXIMIZE, EPOCHS)
    names = [begin(search).architecture for _ in range(6)]
    assert names == ["segnet", *["unet"] * 5] and search.course.missing == {} and search.left == 0


def test_a_longer_training_of_a_set_is_another_one_and_is_not_repeated_either() -> None:
    search = fresh(stage_of("random", "words", "equal", trials=5))
    first = [begin(search) for _ in range(5)]
    for proposal in first:
        search.end(proposal.uid, "finished", [0.5])
    search.extend(9, 2 * EPOCHS, [first[0].uid], None)
    later = [begin(search) for _ in range(5)]
    assert later[0].continues == first[0].uid and {item.epochs for item in later} == {2 * EPOCHS}
    assert set(sets_of([*first, *later]).values()) == {1}
    assert search.suggest() is None and search.course.missing == {"search": 5}


def test_what_a_space_did_not_hold_is_not_asked_for_again_by_an_extension() -> None:
    search = fresh(stage_of("random", "words", "equal", trials=9))
    for _ in range(5):
        search.end(begin(search).uid, "finished", [0.5])
    assert search.course.used_up and search.left == 0
    chosen = plan(sampler="random", trials=9)
    search.extend(2, None, [], Stage("search", 9, lambda best: Proposer(NUMBERS, chosen)))
    assert search.left == 2 and search.course.missing == {"search": 4} and not search.course.used_up
    assert {begin(search).number, begin(search).number} == {5, 6} and search.suggest() is None


def test_a_stage_without_further_sets_gives_way_to_the_next() -> None:
    second = Stage("fine", 2, lambda best: Proposer(Space("fine", (("unet", (RATE,)),)), plan(stage="fine")))
    search = Standing([stage_of("random", "words", "equal", trials=9), second], MAXIMIZE, EPOCHS)
    for _ in range(5):
        search.end(begin(search).uid, "finished", [0.5])
    assert begin(search).stage == "fine" and search.course.missing == {"search": 4} and search.left == 1


def test_a_stage_may_repeat_a_set_of_the_one_before_which_is_where_it_starts() -> None:
    stages = [
        Stage(name, 1, lambda best, name=name: Proposer(Space(name, (("segnet", ()),)), plan(stage=name)))
        for name in "ab"
    ]
    search = Standing(stages, MAXIMIZE, EPOCHS)
    first = begin(search)
    search.end(first.uid, "finished", [0.5])
    assert begin(search).parameters == first.parameters


def test_later_proposals_do_not_depend_on_how_often_one_was_drawn_again() -> None:
    """The same fifth proposal of a sampler without memory, whether the first four were drawn once or more often."""
    few = Space(
        "search",
        (
            (
                "unet",
                (dimension("batch_size", 8, 16, 32, 64), dimension("loss", "ce", "dice", "focal")),
            ),
        ),
    )
    free, bound = (Proposer(few, plan(sampler="random", trials=9)) for _ in range(2))
    free.share(NeverTried())
    wanted = [free.ask(number).parameters for number in range(9)]
    got = [bound.ask(number) for number in range(9)]
    again = {item.number for item in got if item.drawn}
    assert again and [item.parameters for item in got if item.number not in again] == [
        parameters for number, parameters in enumerate(wanted) if number not in again
    ]


class NeverTried(Tried):
    def find(self, name, parameters, epochs):  # type: ignore[no-untyped-def]
        return None


def test_a_proposal_takes_as_many_looks_however_many_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    known = set_key

    def counted(*of: object) -> object:
        nonlocal looks
        looks += 1
        return known(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(tried, "set_key", counted)
    proposer = Proposer(Space("search", (("unet", (RATE,)),)), plan(sampler="random", trials=400))
    counts = []
    for number in range(400):
        before = looks
        proposer.tell(proposer.ask(number).uid, "failed", [])
        counts.append(looks - before)
    assert set(counts) == {2}, "one to look, one to add"


def test_the_same_set_has_the_same_key_however_it_is_written() -> None:
    assert set_key("unet", {"batch_size": 16}, 3) == set_key("unet", {}, 3), "what is not said has the default"
    assert set_key("unet", {"weight_decay": 0.1 + 0.2}, 3) == set_key("unet", {"weight_decay": 0.3}, 3)
    assert set_key("unet", {"weight_decay": 1}, 3) == set_key("unet", {"weight_decay": 1.0}, 3)
    keys = {
        set_key("unet", {}, 3),
        set_key("unet", {}, 4),
        set_key("segnet", {}, 3),
        set_key("unet", {"batch_size": 8}, 3),
        set_key("unet", {"mixed_precision": True}, 3),
    }
    assert len(keys) == 5
