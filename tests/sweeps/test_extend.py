"""More trials and longer trainings of a sweep, run whole in this process with the fake trainer."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from results.ranking import best_trials
from sweeps.errors import SpecError, UsageError
from sweeps.folder import SweepFolder
from sweeps.resume import resume_sweep
from tests.sweeps.in_process import Killed, Machine, Notes, events_of, extend, install, run, search_of
from tests.sweeps.trees import tree


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def test_more_trials_come_on_top_and_have_names_of_their_own(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    before = search_of(folder)
    lines = extend(folder, trials=3)
    assert lines == ["a: 4 kept (4 finished), 0 continued, 0 queued, 3 new"]
    sweep = folder.read()
    assert search_of(folder)[:4] == before and [trial.number for trial in sweep.trials] == list(range(7))
    assert len({trial.uid for trial in sweep.trials}) == 7 == sweep.sweep.trials
    assert {trial.state for trial in sweep.trials} == {"finished"}
    assert (sweep.sweep.runs, sweep.sweep.closed) == (2, "finished")
    assert [(item.added, item.trials) for item in sweep.sweep.extended] == [(3, 7)]
    extend(folder, trials=1)
    assert folder.read().sweep.trials == 8


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [
        ("random", "none"),
        ("qmc", "none"),
        ("cmaes", "none"),
        ("nsga2", "asha"),
        ("tpe", "asha"),
        ("tpe", "median"),
        ("grid", "none"),
    ],
)
def test_an_extended_sweep_is_the_one_that_had_as_many_trials_from_the_start(
    machine: Machine, tmp_path: Path, sampler: str, scheduler: str
) -> None:
    """One slot, and numbers of trials to which the samplers are tuned alike: none of theirs changes from 8 to 11."""
    space = (
        "{batch_size: [2, 4, 8], size: [32, 64]}" if sampler == "grid" else "{learning_rate: {log: [1.0e-5, 1.0e-2]}}"
    )
    same = {"sampler": sampler, "scheduler": scheduler, "space": space}
    extended, whole = run(tmp_path, trials=8, **same), run(tmp_path, trials=11, name="b", **same)
    blind = search_of(extended)[:3]
    extend(extended, trials=3)
    assert search_of(extended) == search_of(whole)
    assert not {uid for _, uid, *_ in search_of(extended)[8:]} & {uid for _, uid, *_ in blind}
    if sampler != "grid":
        news = [parameters["learning_rate"] for _, _, _, parameters, *_ in search_of(extended)[8:]]
        assert not set(news) & {parameters["learning_rate"] for _, _, _, parameters, *_ in blind}


def test_samplers_stay_tuned_to_the_trials_of_the_spec(machine: Machine, tmp_path: Path) -> None:
    """So an extension does not change what an earlier proposal would have been, however large it is."""
    small, large = run(tmp_path, trials=8), run(tmp_path, trials=8, name="b")
    extend(small, trials=2)
    extend(large, trials=40, epochs=None)
    assert search_of(large)[:10] == search_of(small)


@pytest.mark.parametrize("alive", [1, 4, 7, 9])
def test_an_interrupted_sweep_does_the_rest_and_what_comes_on_top(machine: Machine, tmp_path: Path, alive: int) -> None:
    whole = run(tmp_path, trials=6, name="b", scheduler="asha")
    machine.epochs_to_live = alive
    with pytest.raises(Killed):
        run(tmp_path, scheduler="asha")
    machine.epochs_to_live = None
    folder = SweepFolder(tmp_path / "runs" / "a")
    extend(folder, trials=2)
    assert search_of(folder) == search_of(whole)


@pytest.mark.parametrize("alive", [1, 2, 5, 8])
def test_an_extension_that_was_cut_off_is_resumed_like_any_sweep(machine: Machine, tmp_path: Path, alive: int) -> None:
    folder, whole = run(tmp_path), run(tmp_path, name="b")
    extend(whole, trials=2, epochs=5, best=1)
    machine.epochs_to_live = alive
    with pytest.raises(Killed):
        extend(folder, trials=2, epochs=5, best=1)
    machine.epochs_to_live = None
    resume_sweep(folder, Notes())  # type: ignore[arg-type]
    assert search_of(folder) == search_of(whole)
    assert len(events_of(folder, "extended")) == 1 and folder.read().sweep.runs == 3


def test_the_best_are_trained_on_as_if_they_had_never_stopped(machine: Machine, tmp_path: Path) -> None:
    folder, long = run(tmp_path), run(tmp_path, name="b", epochs=8)
    parents = best_trials(folder.read(), 2)
    files = {trial.uid: tree(folder.trial(trial.uid)) for trial in parents}
    lines = extend(folder, epochs=8, best=2)
    assert lines == ["a: 4 kept (4 finished), 0 continued, 0 queued, 2 new (2 of them longer trainings)"]
    sweep = folder.read()
    children = sweep.trials[4:]
    assert [child.continues for child in children] == [parent.uid for parent in parents]
    for child, parent in zip(children, parents, strict=True):
        assert (child.architecture, child.parameters, child.seed) == (
            parent.architecture,
            parent.parameters,
            parent.seed,
        )
        assert (child.continued_from, child.epochs, child.planned_epochs) == (3, 8, 8)
        assert sweep.trial(parent.uid).values == parent.values and sweep.trial(parent.uid).ended == parent.ended
        assert tree(folder.trial(parent.uid)) == files[parent.uid] or parent.uid in released(folder)
        twin = next(item for item in long.read().trials if item.parameters == parent.parameters)
        assert child.history["val_dice"] == twin.history["val_dice"] and child.metrics == twin.metrics
        assert math.isnan(child.values[2]) and child.values[3:] == twin.values[3:]
    assert best_trials(sweep, 1)[0] in children


def released(folder: SweepFolder) -> set[str]:
    return {event.payload["uid"] for event in events_of(folder, "released")}


def test_new_trials_are_as_long_as_is_asked_for(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    extend(folder, trials=2, epochs=8, best=1)
    lengths = [(trial.epochs, bool(trial.continues)) for trial in folder.read().trials]
    assert lengths == [(3, False)] * 4 + [(8, True), (8, False), (8, False)]
    extend(folder, trials=1)
    assert folder.read().trials[-1].epochs == 8, "and so are those that come later"


def test_a_trial_that_was_trained_on_is_represented_by_the_longer_one(machine: Machine, tmp_path: Path) -> None:
    """Otherwise the next extension would train the same parameters a second time, from further back."""
    folder = run(tmp_path, more="keep: {best: all}")
    first = best_trials(folder.read(), 1)[0]
    extend(folder, epochs=5, best=1)
    child = folder.read().trials[-1]
    assert child.continues == first.uid
    extend(folder, epochs=7, best=1)
    assert folder.read().trials[-1].continues == child.uid
    extend(folder, epochs=9, best=4)
    news = folder.read().trials[6:]
    assert len({(trial.architecture, trial.parameters["learning_rate"]) for trial in news}) == len(news) == 4
    assert not {trial.continues for trial in news} & {first.uid, child.uid}


def test_further_trials_may_be_trained_on_to_the_same_length(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path)
    extend(folder, epochs=5, best=1)
    extend(folder, epochs=5, best=3)
    continues = [trial.continues for trial in folder.read().trials[4:]]
    assert len(continues) == 3 == len(set(continues))
    ranking = [trial.uid for trial in best_trials(folder.read()) if not trial.continues]
    assert set(continues) == set(ranking[:3])


def test_states_are_kept_until_they_are_used(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, more="keep: {best: 1}")
    winners = {trial.architecture: trial.uid for trial in reversed(best_trials(folder.read()))}
    assert {path.parent.name for path in folder.path.glob("trials/*/state")} == set(winners.values())
    extend(folder, epochs=6, best=2, trials=2)
    sweep = folder.read()
    children = [trial for trial in sweep.trials if trial.continues]
    assert {child.continues for child in children} <= set(winners.values()) and children
    assert all((child.state, child.continued_from) == ("finished", 3) for child in children)
    kept = {path.parent.name for path in folder.path.glob("trials/*/state")}
    best = {trial.architecture: trial.uid for trial in reversed(best_trials(sweep))}
    assert kept == set(best.values()), "afterwards only those of the best are left"
    for child in children:
        used = next(event.seq for event in events_of(folder, "started") if event.payload["uid"] == child.uid)
        gone = [event.seq for event in events_of(folder, "released") if event.payload["uid"] == child.continues]
        assert all(seq > used for seq in gone)


def test_one_of_the_best_that_left_no_state_is_named_and_not_silently_passed_over(
    machine: Machine, tmp_path: Path
) -> None:
    folder = run(tmp_path)
    first, second = best_trials(folder.read(), 2)
    shutil.rmtree(folder.trial(first.uid) / "state")
    lines = extend(folder, epochs=6, best=2)
    note = f"not trained on: {first.uid} left no whole state on disk (keep.best)"
    assert lines[1] == note and "1 new (1 of them longer trainings)" in lines[0]
    sweep = folder.read()
    assert sweep.trials[-1].continues == second.uid and sweep.sweep.extended[0].note == note


def test_a_training_that_came_to_its_end_by_itself_is_not_trained_on(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, epochs="3, updates: 12")
    with pytest.raises(UsageError, match="had come to its end by updates"):
        extend(folder, epochs=6)


NOTHING = {
    "nothing asked for": ({}, "nothing to extend by"),
    "not longer": ({"epochs": 3}, "not longer than the trials are already; got 3; allowed: more than 3"),
    "shorter": ({"epochs": 2, "trials": 2}, "not longer"),
    "a space without trials": ({"space": {"space": {"batch_size": [4]}}}, "another space is for new trials"),
    "no space": ({"trials": 2, "space": {"space": {"batchsize": [4]}}, "file": "new.yaml"}, "new.yaml"),
}


@pytest.mark.parametrize(("asked", "words"), NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("alive", [None, 7])
def test_what_cannot_be_is_refused_and_nothing_is_written(
    machine: Machine, tmp_path: Path, asked: dict[str, Any], words: str, alive: int | None
) -> None:
    machine.epochs_to_live = alive
    try:
        folder = run(tmp_path)
    except Killed:
        folder = SweepFolder(tmp_path / "runs" / "a")
    machine.epochs_to_live = None
    before, searches = tree(tmp_path), len(machine.specs)
    with pytest.raises((UsageError, SpecError), match=words) as caught:
        extend(folder, **asked)
    assert caught.value.exit_code == 2
    assert tree(tmp_path) == before and len(machine.specs) == searches
