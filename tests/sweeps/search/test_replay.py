"""Promise R4: whoever rebuilds the search from the ledger knows every result and every rung, and goes on as if never cut."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from results.ledger import Ledger, read_events
from results.ledger_line import Event
from results.sweep_parts import Objective, Replication
from sweeps.folder import SweepFolder
from sweeps.search.driver import Driver
from sweeps.search.plan import Proposal, SearchPlan, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.reconcile import reconcile
from sweeps.search.replay import replay
from sweeps.search.standing import ONCE, Standing
from sweeps.spec.space import Dimension, Space
from tests.sweeps.fakes import Recorder, execute
from tests.sweeps.search.test_driver import RATE, dimension, plan

EPOCHS = 6
WEIGHT = Dimension(name="weight_decay", kind="float", low=0.0, high=0.5)
SPACES = {
    "mixed": Space("search", (("unet", (dimension("batch_size", 8, 16), RATE)), ("segnet", (RATE, WEIGHT)))),
    "grid": Space(
        "search", (("unet", (dimension("batch_size", 8, 16, 32),)), ("segnet", (dimension("size", 64, 96, 128),)))
    ),
}
MAXIMIZE = (Objective("val_dice", "maximize"),)


def curve(proposal: Proposal, epoch: int) -> float:
    """A score that depends on parameters, fold and seed and on nothing else, without ties."""
    text = repr((proposal.architecture, sorted(proposal.parameters.items()), proposal.fold, proposal.seed))
    return 0.2 + 0.5 * (zlib.crc32(text.encode()) % 9973) / 9973 + 0.02 * epoch


def stage(sampler: str, scheduler: str, budget: str, trials: int = 12) -> Stage:
    chosen: SearchPlan = plan(
        sampler=sampler,
        scheduler={"kind": scheduler, "grace_epochs": 1, "reduction_factor": 2},
        per_architecture=budget,
        trials=trials,
        epochs=EPOCHS,
    )
    return Stage("search", chosen.trials, lambda best: Proposer(SPACES.get(sampler, SPACES["mixed"]), chosen))


def fresh(chosen: Stage, replication: Replication = ONCE) -> Standing:
    return Standing([chosen], MAXIMIZE, EPOCHS, replication, 2)


def standing_of(events: list[Event], chosen: Stage, replication: Replication = ONCE) -> Standing:
    return replay(events, fresh(chosen, replication), lambda space: chosen)


def start(path: Path, chosen: Stage, slots: int = 1, replication: Replication = ONCE) -> Driver:
    path.mkdir()
    folder = SweepFolder(path)
    return Driver(folder, Ledger.create(folder.ledger), fresh(chosen, replication), slots, Recorder())


def go_on(path: Path, chosen: Stage, slots: int = 1, replication: Replication = ONCE) -> Driver:
    folder = SweepFolder(path)
    standing = standing_of(read_events(folder.ledger), chosen, replication)
    findings = reconcile(standing, folder)
    driver = Driver(folder, Ledger.open(folder.ledger), standing, slots, Recorder())
    driver.take_up(findings.adopted)
    return driver


def results_of(path: Path) -> dict[str, Any]:
    ends = [event for event in read_events(path / "ledger.jsonl") if event.name in ("finished", "pruned", "failed")]
    return {
        event.payload["uid"]: (event.name, event.payload["epochs"], event.payload["metrics"]["val_dice"])
        for event in ends
    }


def study_of(standing: Standing, key: str) -> list[tuple[Any, ...]]:
    trials = standing.proposer.study(key).trials
    return [(item.number, item.params, item.values, item.state.name, item.system_attrs) for item in trials]


CASES = [
    ("random", "none", "equal"),
    ("tpe", "asha", "equal"),
    ("tpe", "hyperband", "joint"),
    ("tpe", "median", "equal_updates"),
    ("cmaes", "none", "equal"),
    ("nsga2", "asha", "joint"),
    ("qmc", "none", "equal"),
    ("grid", "none", "equal"),
]


@pytest.mark.parametrize(("sampler", "scheduler", "budget"), CASES)
def test_r04_a_search_cut_after_any_event_goes_on_to_the_same_trials(
    tmp_path: Path, sampler: str, scheduler: str, budget: str
) -> None:
    chosen = stage(sampler, scheduler, budget, trials=6 if sampler == "grid" else 12)
    whole = start(tmp_path / "whole", chosen)
    execute(whole, EPOCHS, curve)
    expected = results_of(tmp_path / "whole")
    lines = (tmp_path / "whole" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines), 3):
        path = tmp_path / f"cut-{cut}"
        path.mkdir()
        (path / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
        execute(go_on(path, chosen), EPOCHS, curve)
        assert results_of(path) == expected, f"cut after {cut} events"


@pytest.mark.parametrize(("sampler", "scheduler", "budget"), CASES)
def test_r04_the_rebuilt_study_is_the_one_that_was_lost(
    tmp_path: Path, sampler: str, scheduler: str, budget: str
) -> None:
    chosen = stage(sampler, scheduler, budget, trials=6 if sampler == "grid" else 12)
    driver = start(tmp_path / "whole", chosen)
    execute(driver, EPOCHS, curve)
    rebuilt = standing_of(read_events(tmp_path / "whole" / "ledger.jsonl"), chosen)
    for key in ("joint",) if budget == "joint" else ("unet", "segnet"):
        lost, found = study_of(driver.standing, key), study_of(rebuilt, key)
        assert [item[:4] for item in found] == [item[:4] for item in lost]
        rungs = [{name: value for name, value in item[4].items() if "rung" in name} for item in lost]
        assert [{name: item[4].get(name) for name in rung} for item, rung in zip(found, rungs, strict=True)] == rungs
        if scheduler == "asha" and sampler == "tpe":
            assert any(rungs), "the scheduler has rungs, or this test shows nothing"
    assert rebuilt.best == driver.standing.best and rebuilt.counts == driver.standing.counts


@pytest.mark.parametrize(
    ("sampler", "scheduler", "budget", "of"),
    [
        ("tpe", "asha", "equal", "best"),
        ("tpe", "asha", "equal_updates", "all"),
        ("cmaes", "none", "equal", "all"),
        ("grid", "none", "equal", "best"),
        ("nsga2", "none", "joint", "all"),
    ],
)
def test_r04_replicates_are_the_same_after_a_cut_anywhere(
    tmp_path: Path, sampler: str, scheduler: str, budget: str, of: str
) -> None:
    chosen, replication = stage(sampler, scheduler, budget, trials=6), Replication(folds=2, seeds=2, of=of)
    whole = start(tmp_path / "whole", chosen, replication=replication)
    execute(whole, EPOCHS, curve)
    expected = results_of(tmp_path / "whole")
    assert len(expected) > 6, "something was repeated"
    lines = (tmp_path / "whole" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines), max(1, len(lines) // 11)):
        path = tmp_path / f"cut-{cut}"
        path.mkdir()
        (path / "ledger.jsonl").write_bytes(b"".join(lines[:cut]))
        execute(go_on(path, chosen, replication=replication), EPOCHS, curve)
        assert results_of(path) == expected, f"cut after {cut} events"
