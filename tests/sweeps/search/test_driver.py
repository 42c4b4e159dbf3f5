from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from results.fold import fold
from results.ledger import read_events
from results.sweep_parts import Objective
from sweeps import trial_files
from sweeps.search.driver import DONE, WAIT, Driver
from sweeps.search.plan import Best, Proposal, SearchPlan, Stage
from sweeps.search.proposer import Proposer
from sweeps.spec.space import Dimension, Space
from tests.sweeps.fakes import Recorder, execute, make_driver


def dimension(name: str, *choices: object) -> Dimension:
    return Dimension(name=name, kind="categorical", choices=choices, fixed=len(choices) == 1)


RATE = Dimension(name="learning_rate", kind="float", low=1e-5, high=1e-2, log=True)


def plan(**changes: object) -> SearchPlan:
    values = {
        "stage": "search",
        "trials": 6,
        "per_architecture": "equal",
        "sampler": "tpe",
        "scheduler": {"kind": "none"},
        "directions": ("maximize",),
        "epochs": 4,
        "seed": 1,
        "trial_seed": 42,
    }
    return SearchPlan(**(values | changes))  # type: ignore[arg-type]


def stage(space: Space, **changes: object) -> Stage:
    chosen = plan(**changes)
    return Stage(chosen.stage, chosen.trials, lambda best: Proposer(space, chosen))


SPACE = Space("search", (("unet", (RATE,)), ("segnet", (RATE,))))


def score(proposal: Proposal, epoch: int) -> float:
    return 0.1 * epoch + (0.2 if proposal.architecture == "segnet" else 0.0)


def folded(driver: Driver):
    driver.ledger.append("closed", reason="finished")
    return read_events(driver.folder.ledger)


def test_every_trial_is_in_the_ledger_with_one_end(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE)])
    proposals = execute(driver, 4, score)
    events = [(event.name, event.payload.get("uid")) for event in read_events(driver.folder.ledger)]
    assert len(proposals) == 6
    assert Counter(name for name, _ in events) == {"suggested": 6, "started": 6, "finished": 6}
    assert driver.standing.best is not None and driver.standing.best.architecture == "segnet"
    assert driver.next() == DONE


def test_no_more_trials_run_than_there_are_slots(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE)], slots=2)
    first, second = driver.next(), driver.next()
    assert isinstance(first, Proposal) and isinstance(second, Proposal)
    assert driver.next() == WAIT
    assert driver.running == (first.uid, second.uid)


def test_a_stage_starts_from_the_best_of_the_one_before(tmp_path: Path) -> None:
    seen: list[Best | None] = []

    def open_second(best: Best | None) -> Proposer:
        seen.append(best)
        assert best is not None
        space = Space("batch", ((best.architecture, (dimension("batch_size", 8, 16, 32),)),))
        return Proposer(space, plan(stage="batch", sampler="grid", trials=3))

    stages = [stage(SPACE, sampler="random"), Stage("batch", 3, open_second)]
    driver = make_driver(tmp_path, stages)
    proposals = execute(driver, 2, score)
    assert [proposal.stage for proposal in proposals] == ["search"] * 6 + ["batch"] * 3
    assert {proposal.architecture for proposal in proposals[6:]} == {"segnet"}
    assert [proposal.parameters["batch_size"] for proposal in proposals[6:]] == [8, 16, 32]
    assert len(seen) == 1


def test_a_hopeless_trial_is_pruned_and_its_best_epoch_kept(tmp_path: Path) -> None:
    space = Space("search", (("unet", (RATE,)),))
    scheduler = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}
    driver = make_driver(tmp_path, [stage(space, trials=4, scheduler=scheduler)], slots=1)
    execute(driver, 4, lambda proposal, epoch: 0.9 - 0.2 * proposal.number)
    ends = {
        event.payload["uid"]: event
        for event in read_events(driver.folder.ledger)
        if event.name in ("finished", "pruned")
    }
    states = [ends[uid].name for uid in sorted(ends)]
    assert states[0] == "finished" and "pruned" in states
    pruned = next(event for event in ends.values() if event.name == "pruned")
    assert pruned.payload["epochs"] < 4 and pruned.payload["metrics"]["val_dice"] is not None


def test_the_sampler_is_told_the_best_value_and_not_the_last(tmp_path: Path) -> None:
    space = Space("search", (("unet", (RATE,)),))
    proposer = Proposer(space, plan(trials=1))
    driver = make_driver(tmp_path, [Stage("search", 1, lambda best: proposer)])
    execute(driver, 3, lambda proposal, epoch: [0.1, 0.7, 0.3][epoch - 1])
    assert proposer.study("unet").trials[0].value == pytest.approx(0.7)


def test_a_failure_has_its_kind_and_never_becomes_the_best(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE, trials=2)])
    first, second = driver.next(), driver.next()
    assert isinstance(first, Proposal) and isinstance(second, Proposal)
    trial_files.write_failure(driver.folder.trial(first.uid), "oom", "out of\nmemory", epochs=1, seconds=2.0)
    driver.ended(first.uid, error="raised")
    driver.ended(second.uid, error="the worker died")
    failures = [event.payload for event in read_events(driver.folder.ledger) if event.name == "failed"]
    assert [(item["kind"], item["message"]) for item in failures] == [
        ("oom", "out of memory"),
        ("crash", "the worker died"),
    ]
    assert driver.standing.counts["failed"] == 2 and driver.standing.best is None


def test_a_final_record_counts_even_when_the_worker_died_after_writing_it(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE, trials=1)])
    proposal = driver.next()
    assert isinstance(proposal, Proposal)
    trial_files.write_record(
        driver.folder.trial(proposal.uid), trial_files.FINAL, {"metrics": {"val_dice": 0.5}, "epochs": 1, "updates": 1}
    )
    driver.ended(proposal.uid, error="the worker died")
    assert read_events(driver.folder.ledger)[-1].name == "finished"


def test_a_nan_score_is_a_finished_trial_but_no_result_for_the_sampler(tmp_path: Path) -> None:
    space = Space("search", (("unet", (RATE,)),))
    proposer = Proposer(space, plan(trials=1))
    driver = make_driver(tmp_path, [Stage("search", 1, lambda best: proposer)])
    execute(driver, 2, lambda proposal, epoch: float("nan"))
    assert proposer.study("unet").trials[0].state.name == "FAIL"
    assert driver.standing.best is None


def test_an_interrupt_stops_what_runs_and_closes_the_ledger(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE)])
    proposal = driver.next()
    assert isinstance(proposal, Proposal)
    driver.interrupted = True
    driver.close()
    last = read_events(driver.folder.ledger)[-2:]
    assert [event.name for event in last] == ["stopped", "closed"]
    assert last[1].payload["reason"] == "interrupted"
    assert driver.next() == DONE


def test_several_objectives_are_all_told(tmp_path: Path) -> None:
    space = Space("search", (("unet", (RATE,)),))
    proposer = Proposer(space, plan(trials=1, sampler="nsga2", directions=("maximize", "minimize")))
    objectives = (Objective("val_dice", "maximize"), Objective("parameters", "minimize"))
    driver = make_driver(tmp_path, [Stage("search", 1, lambda best: proposer)], objectives=objectives)
    execute(driver, 2, score)
    assert proposer.study("unet").trials[0].values == [pytest.approx(0.2), 100.0]


def test_the_view_hears_every_event_after_it_is_written(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE, trials=2)])
    execute(driver, 1, score)
    assert isinstance(driver.view, Recorder)
    assert Counter(name for name, _ in driver.view.events) == {"suggested": 2, "started": 2, "epoch": 2, "finished": 2}


def test_fold_understands_what_the_driver_wrote(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE, trials=4)])
    driver.ledger.append(
        "sweep",
        schema_version=1,
        name="s",
        objective=[{"metric": "val_dice", "direction": "maximize"}],
        architectures=["unet", "segnet"],
        trials=4,
    )
    execute(driver, 2, score)
    driver.close()
    sweep = fold(read_events(driver.folder.ledger))
    assert [trial.state for trial in sweep.trials] == ["finished"] * 4
    assert sweep.sweep.closed == "finished"
