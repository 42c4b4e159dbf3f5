"""A new sweep that knows older ones, run whole in this process with the fake trainer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.fold import fold
from results.ledger import read_events
from results.ranking import best_trials
from results.reports.history import history_sentence
from results.sweep_parts import Parent
from sweeps.errors import SpecError, UsageError
from sweeps.extend import Extension
from sweeps.folder import SweepFolder
from sweeps.fork import Fork, fork_sweep, inherited_trials, parent_facts
from sweeps.resume import examine, resume_sweep
from tests.results.opened_ledger import opened_sweep
from tests.sweeps.in_process import Killed, Machine, Notes, events_of, install, run
from tests.sweeps.trees import tree

GRID = {"sampler": "grid", "space": "{batch_size: [4, 8, 16]}", "trials": 4}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def fork(parents: list[SweepFolder], name: str = "c", **asked: Any) -> SweepFolder:
    target = SweepFolder.named(name, parents[0].path.parent)
    fork_sweep(parents, target, Fork(name=name, **asked), Notes())  # type: ignore[arg-type]
    return target


def known(folder: SweepFolder, key: str = "unet") -> list[float | None]:
    """The scores that the sampler knows, as a resume would rebuild it."""
    study = examine(folder).standing.proposer.study(key)
    return sorted(trial.value for trial in study.trials if trial.value is not None)


def scores(folder: SweepFolder, key: str = "unet") -> list[float]:
    return sorted(trial.metrics["val_dice"] for trial in folder.read().trials if trial.architecture == key)


def test_a_fork_knows_its_parents_and_holds_only_its_own(machine: Machine, tmp_path: Path) -> None:
    a, b = run(tmp_path), run(tmp_path, name="b", trials=6, space="{learning_rate: {log: [1.0e-4, 1.0e-2]}}")
    before = tree(a.path), tree(b.path)
    c = fork([a, b], trials=4)
    assert (tree(a.path), tree(b.path)) == before, "the parents are only read"
    sweep = c.read()
    assert len(sweep.trials) == 4 == sweep.sweep.trials and sweep.sweep.name == "c" == c.name
    assert [(item.name, item.trials) for item in sweep.sweep.parents] == [("a", 4), ("b", 6)]
    assert len(sweep.sweep.inherited) == 10 and {item.source for item in sweep.sweep.inherited} == {"a", "b"}
    assert [event.name for event in events_of(c)[:12]] == ["sweep", *["inherited"] * 10, "suggested"]
    assert history_sentence(sweep.sweep) == "The sweep was warm-started from a (4 trials), b (6 trials)."
    assert known(c) == pytest.approx(sorted(scores(a) + scores(b) + scores(c)))
    assert {trial.number for trial in best_trials(sweep)} == {0, 1, 2, 3}


def test_a_fork_proposes_other_trials_than_a_sweep_that_knows_nothing(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path, trials=6)
    c = fork([a], trials=6)
    rates = [{trial.parameters["learning_rate"] for trial in folder.read().trials} for folder in (a, c)]
    assert not rates[0] & rates[1]


@pytest.mark.parametrize("alive", [0, 2, 7])
def test_a_fork_that_was_cut_off_goes_on_as_if_it_had_not(machine: Machine, tmp_path: Path, alive: int) -> None:
    a = run(tmp_path, trials=6)
    whole = fork([a], "whole", trials=4)
    machine.epochs_to_live = alive
    with pytest.raises(Killed):
        fork([a], "cut", trials=4)
    machine.epochs_to_live = None
    cut = SweepFolder(tmp_path / "runs" / "cut")
    resume_sweep(cut, Notes())  # type: ignore[arg-type]
    assert [(item.uid, item.metrics) for item in cut.read().trials] == [
        (item.uid, item.metrics) for item in whole.read().trials
    ]


def test_a_fork_can_be_extended_also_into_another_space(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path, trials=6)
    c = fork([a], trials=2)
    resume_sweep(c, Notes(), change=Extension(trials=1))  # type: ignore[arg-type]
    assert len(c.read().trials) == 3
    space = {"space": {"learning_rate": {"log": [1e-4, 1e-2]}}}
    resume_sweep(c, Notes(), change=Extension(trials=1, space=space))  # type: ignore[arg-type]
    inside = {
        trial.metrics["val_dice"]
        for folder in (a, c)
        for trial in folder.read().trials
        if trial.architecture == "unet" and 1e-4 <= trial.parameters["learning_rate"] <= 1e-2
    }
    assert known(c) == pytest.approx(sorted(inside)), "grandparents' trials included"


def test_a_fork_remembers_which_of_its_test_patients_its_parents_had_opened() -> None:
    parent = opened_sweep(6)
    name, (seen, *_) = parent.sweep.name, parent.sweep.openings[0].patients
    told = parent_facts([parent], {name: 6, "grandparent": 2}, [seen, "someone else"])
    assert told == [{"name": name, "trials": 6, "opened": 1}, {"name": "grandparent", "trials": 2}]
    child = replace(parent, sweep=replace(parent.sweep, openings=(), parents=(Parent("first", 3, opened=2),)))
    assert parent_facts([child], {name: 6}, ["nobody"]) == [{"name": name, "trials": 6, "opened": 2}]


def test_a_fork_of_a_fork_knows_its_grandparents_once(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path)
    b = fork([a], "b", trials=2)
    c = fork([b], "c", trials=2)
    assert [(item.name, item.trials) for item in c.read().sweep.parents] == [("b", 2), ("a", 4)]
    d = fork([c, a, b, a], "d", trials=2)
    sweep = fold(read_events(d.ledger)).sweep
    assert [(item.source, item.uid) for item in sweep.inherited] == [
        *(("c", trial.uid) for trial in c.read().trials),
        *(("a", trial.uid) for trial in a.read().trials),
        *(("b", trial.uid) for trial in b.read().trials),
    ]
    assert [(item.name, item.trials) for item in sweep.parents] == [("c", 2), ("a", 4), ("b", 2)]
    assert known(d) == pytest.approx(sorted(scores(a) + scores(b) + scores(c) + scores(d)))


def test_what_a_sweep_says_of_its_own_trials_counts_more_than_what_a_fork_remembers(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.extend import Retry

    once = tmp_path / "once"
    once.mkdir()
    monkeypatch.setenv("FAKE_ONCE", str(once))
    a = run(tmp_path, trials=6, space="{learning_rate: {log: [1.0e-5, 1.0e-2]}, weight_decay: [0, 0.01]}")
    b = fork([a], "b", trials=2)
    assert {item.state for item in b.read().sweep.inherited} == {"finished", "failed"}
    resume_sweep(a, Notes(), change=Retry())  # type: ignore[arg-type]
    states = {
        facts["uid"]: facts["state"] for facts in inherited_trials([b.read(), a.read()]) if facts["source"] == "a"
    }
    assert len(states) == 6 and set(states.values()) == {"finished"}


def test_two_sweeps_of_one_name_are_told_apart_and_copies_of_one_are_not(machine: Machine, tmp_path: Path) -> None:
    import shutil

    a = run(tmp_path)
    other = run(tmp_path / "elsewhere")
    assert {trial.uid for trial in a.read().trials} == {trial.uid for trial in other.read().trials}
    copy = SweepFolder(tmp_path / "copies" / "a")
    shutil.copytree(a.path, copy.path)
    resume_sweep(copy, Notes(), change=Extension(trials=1))  # type: ignore[arg-type]
    c = fork([a, other, copy], trials=2)
    assert [(item.name, item.trials) for item in c.read().sweep.parents] == [("a", 5), ("a-2", 4)]


def test_only_what_the_sampler_can_learn_from_is_passed_on(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path, scheduler="asha", trials=6)
    resume_sweep(a, Notes(), change=Extension(epochs=5, best=1))  # type: ignore[arg-type]
    machine.epochs_to_live = 1
    with pytest.raises(Killed):
        resume_sweep(a, Notes(), change=Extension(trials=2))  # type: ignore[arg-type]
    machine.epochs_to_live = None
    facts = inherited_trials([a.read()])
    trials = {trial.uid: trial for trial in a.read().trials}
    assert {item["state"] for item in facts} == {"finished", "pruned"}
    assert not any(trials[item["uid"]].continues for item in facts), "they say nothing new of their parameters"
    assert len(facts) == 6 and all(bool(item["values"]) == (item["state"] == "finished") for item in facts)


def test_a_fork_may_have_another_length_space_and_limits(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path)
    space = {"space": {"learning_rate": {"log": [1e-4, 1e-3]}, "size": [32]}, "architectures": {"unet": {}}}
    c = fork([a], trials=3, epochs=5, space=space, settings=("trial.deadline=1h", "keep.best=1"))
    spec = examine(c).spec
    assert (spec.trial.deadline_s, spec.keep.best, spec.name, spec.train.epochs) == (3600, 1, "c", 5)
    trials = c.read().trials
    assert {(trial.architecture, trial.epochs, trial.parameters["size"]) for trial in trials} == {("unet", 5, 32)}
    assert all(1e-4 <= trial.parameters["learning_rate"] <= 1e-3 for trial in trials)


def test_a_fork_of_an_extended_sweep_has_its_latest_space(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path)
    space = {"architectures": {"encoder_decoder": {"base_filters": 4}}}
    resume_sweep(a, Notes(), change=Extension(trials=1, epochs=4, best=1, space=space))  # type: ignore[arg-type]
    c = fork([a])
    assert {(trial.architecture, trial.epochs) for trial in c.read().trials} == {("encoder_decoder", 4)}
    assert len(c.read().trials) == 4, "as many as the parent's spec says"


def refused(parents: list[SweepFolder], words: str, **asked: Any) -> None:
    root = parents[0].path.parent
    before = tree(root)
    with pytest.raises((UsageError, SpecError), match=words) as caught:
        fork(parents, **asked)
    assert caught.value.exit_code == 2 and tree(root) == before


def test_sweeps_that_search_for_different_things_are_refused(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path)
    other = run(tmp_path, name="b", scheduler="none\n  objective: dice_liver_mean")
    liver = run(tmp_path, name="l", labels="[liver]")
    refused([a, other], "search for different things.*maximize dice_liver_mean")
    refused([a, liver], "l: the sweeps search for different things; got maximize val_dice of liver;")


def test_a_grid_that_is_used_up_is_refused(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path, **GRID)
    refused([a], r"not that many points left; got 4; allowed: at most 2;.*--space")
    c = fork([a], trials=2)
    assert len(points(a) | points(c)) == 6
    d = fork([a], "d", space={"space": {"batch_size": [16, 32]}}, trials=3)
    assert len(points(d)) == 3 and not points(d) & points(a)


def points(folder: SweepFolder) -> set[tuple[str, Any]]:
    return {(trial.architecture, trial.parameters["batch_size"]) for trial in folder.read().trials}


def test_what_cannot_be_is_refused_and_nothing_is_made(machine: Machine, tmp_path: Path) -> None:
    a = run(tmp_path)
    refused([a], "new.yaml", space={"space": {"learning_rat": [1]}}, file="new.yaml")
    refused([a], "another experiment", settings=("search.trials=9",))
    refused([a], "a sweep of this name exists", name="a")
    refused([a], "name", name="../c")
