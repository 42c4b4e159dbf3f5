"""`extend`, `extend --fork` and `stop` end to end: real drivers and Ray, fake trainer, one slot where numbers are compared."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from liverseg.config import TrainConfig
from results.ranking import best_trials
from results.records import TrialRecord
from sweeps.spec.space import split_parameters
from tests.crash.fake_command import write_spec
from tests.crash.processes import FAKE_COMMAND, Driver, events_of, eventually, no_process_left, sweep_of
from tests.sweeps.fake_trainer import FakeRun
from tests.sweeps.trees import tree

pytestmark = [pytest.mark.ray, pytest.mark.crash]

SPEC = {"epochs": 4, "scheduler": "none", "cpus": 1}
KEEP = "keep: {best: 1}\n"


def begin(folder: Path, *arguments: str, **environment: str) -> Driver:
    return Driver(FAKE_COMMAND, [*arguments, "--plain"], folder, environment)


def done(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command to its end; what it said on stderr."""
    driver = begin(folder, *arguments)
    assert driver.wait() == code, driver.text
    assert "Traceback" not in driver.text
    return driver.text


def decided(folder: Path, name: str = "fake") -> list[tuple[Any, ...]]:
    """All that a search decided, and what came of it."""
    trials = sweep_of(folder, name).trials
    return [
        (item.number, item.uid, item.parameters, item.epochs, item.state, item.metrics, item.continues)
        for item in trials
    ]


def uninterrupted(trial: TrialRecord, epochs: int) -> list[float]:
    """The curve of a training of these parameters that ran in one go."""
    options, parameters = split_parameters(trial.architecture, trial.parameters)
    config = TrainConfig(
        architecture=trial.architecture, options=options, parameters=parameters, epochs=epochs, seed=trial.seed
    )
    run = FakeRun(config, None, None)
    return [run.run_epoch().val_dice for _ in range(epochs)]


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished sweeps of four and of seven trials, and another one of two; run side by side."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("four", "seven", "other")}
    write_spec(folders["four"], trials=4, more=KEEP, **SPEC)
    write_spec(folders["seven"], trials=7, more=KEEP, root=folders["four"], **SPEC)
    other = write_spec(folders["other"], trials=2, root=folders["four"], **SPEC)
    other.write_text(other.read_text().replace("name: fake", "name: other").replace("1.0e-5", "1.0e-4"))
    drivers = [begin(folder, "run", "spec.yaml") for folder in folders.values()]
    for driver in drivers:
        assert driver.wait() == 0, driver.text
    return folders


@pytest.fixture
def four(sweeps: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the finished sweep of four trials."""
    shutil.copytree(sweeps["four"] / "runs", tmp_path / "runs")
    return tmp_path


def test_three_trials_more_are_those_that_a_sweep_of_seven_has(four: Path, sweeps: dict[str, Path]) -> None:
    before = decided(four)
    assert "4 kept (4 finished), 0 continued, 0 queued, 3 new" in done(four, "extend", "fake", "--trials", "3")
    after = decided(four)
    assert after[:4] == before and len({uid for _, uid, *_ in after}) == 7
    assert after == decided(sweeps["seven"]), "so the sampler knows all that came before, as if never stopped"
    assert not [rate for rate in rates(after[4:]) if rate in rates(before)], "a blind one would begin again"
    report = (four / "runs/fake/report/report.md").read_text()
    assert "3 trials more, 7 in all" in report
    assert "nothing to do" in done(four, "resume", "fake")


def rates(trials: list[tuple[Any, ...]]) -> list[float]:
    return [parameters["learning_rate"] for _, _, parameters, *_ in trials]


def test_a_killed_sweep_does_the_rest_and_what_comes_on_top(sweeps: dict[str, Path], tmp_path: Path) -> None:
    write_spec(tmp_path, trials=4, more=KEEP, root=sweeps["four"], **SPEC)
    driver = begin(tmp_path, "run", "spec.yaml", FAKE_PAUSE_S="0.5")
    eventually(lambda: sum(event.name == "checkpoint" for event in events_of(tmp_path)) >= 6)
    driver.kill()
    assert no_process_left(tmp_path)
    said = done(tmp_path, "extend", "fake", "--trials", "3")
    assert "1 kept (1 finished), 1 continued" in said and ", 5 new" in said
    assert decided(tmp_path) == decided(sweeps["seven"])


def test_the_best_are_trained_longer_and_a_kill_in_the_middle_costs_nothing(four: Path) -> None:
    before = sweep_of(four)
    parents = best_trials(before, 2)
    driver = begin(four, "extend", "fake", "--trials", "2", "--epochs", "8", "--best", "1", FAKE_PAUSE_S="0.5")
    eventually(lambda: len([event for event in events_of(four) if event.name == "checkpoint"]) >= 16 + 2)
    driver.kill()
    assert no_process_left(four)
    assert len(sweep_of(four).trials) == 5, "it was in the midst of the longer training"
    said = done(four, "resume", "fake")
    assert "4 kept (4 finished), 1 continued (t0004-" in said and ", 2 new" in said
    sweep = sweep_of(four)
    child, *news = sweep.trials[4:]
    assert child.continues == parents[0].uid and child.continued_from > 4 and child.attempts == 2
    first = next(item for item in events_of(four) if item.name == "started" and item.payload["uid"] == child.uid)
    assert first.payload["epoch"] == 4
    for trial in (child, *news):
        assert (trial.state, trial.epochs, trial.planned_epochs) == ("finished", 8, 8)
        assert trial.history["val_dice"] == uninterrupted(trial, 8)
    assert sweep.trials[:4] == before.trials or _only_released(before.trials, sweep.trials[:4])
    assert best_trials(sweep, 1)[0].metrics["val_dice"] == max(trial.metrics["val_dice"] for trial in sweep.trials)
    assert best_trials(sweep, 1)[0].epochs == 8


def _only_released(before: tuple[TrialRecord, ...], after: tuple[TrialRecord, ...]) -> bool:
    """Whether nothing but files that are no longer kept differs."""
    same = ("uid", "state", "metrics", "values", "epochs", "attempts", "ended", "history_json", "parameters")
    return all(getattr(a, name) == getattr(b, name) for a, b in zip(before, after, strict=True) for name in same)


def test_another_space_with_a_new_network_and_a_new_size(four: Path) -> None:
    (four / "wider.yaml").write_text(
        "space: {learning_rate: {log: [1.0e-4, 1.0e-1]}, size: [32, 64]}\n"
        "architectures: {encoder_decoder: {base_filters: [4, 8]}, segnet: {base_filters: 4}}\n"
    )
    done(four, "extend", "fake", "--trials", "4", "--space", "wider.yaml")
    trials = sweep_of(four).trials[4:]
    assert [trial.architecture for trial in trials] == ["encoder_decoder", "segnet"] * 2
    assert all(1e-4 <= trial.parameters["learning_rate"] <= 1e-1 for trial in trials)
    assert {trial.parameters["size"] for trial in trials} <= {32, 64}
    assert {trial.state for trial in trials} == {"finished"}
    assert "another search space" in (four / "runs/fake/report/report.md").read_text()


MISTAKES = {
    "nothing asked for": ([], "nothing to extend by"),
    "a space alone": (["--space", "space.yaml"], "another space is for new trials"),
    "not longer": (["--epochs", "4"], "not longer than the trials are already; got 4; allowed: more than 4"),
    "unknown keys": (["--trials", "2", "--space", "stray.yaml"], "stray.yaml: trials: unknown key"),
    "an empty space": (["--trials", "2", "--space", "empty.yaml"], "empty.yaml: space: is empty"),
    "an impossible space": (["--trials", "2", "--space", "wrong.yaml"], "wrong.yaml: search.space.learning_rate"),
    "no file": (["--trials", "2", "--space", "none.yaml"], "none.yaml: cannot be read"),
    "two sweeps": (["other", "--trials", "2"], "only a new sweep can start from several"),
    "a name that is taken": (["--fork", "other", "--trials", "2"], "a sweep of this name exists"),
    "another experiment": (["--trials", "2", "--set", "train.epochs=5"], "another experiment"),
}
FILES = {
    "space.yaml": "space: {batch_size: [4, 8]}\n",
    "stray.yaml": "space: {batch_size: [4, 8]}\ntrials: 3\n",
    "empty.yaml": "space:\n",
    "wrong.yaml": "space: {learning_rate: {log: [0, 1]}}\n",
}


def test_mistakes_are_refused_and_nothing_is_written(four: Path, sweeps: dict[str, Path]) -> None:
    shutil.copytree(sweeps["other"] / "runs/other", four / "runs/other")
    for name, text in FILES.items():
        (four / name).write_text(text)
    before = tree(four / "runs")
    drivers = {}
    for number, (name, (arguments, _)) in enumerate(MISTAKES.items()):
        place = four / str(number)
        place.mkdir()
        given = [str(four / word) if word in FILES or word == "none.yaml" else word for word in arguments]
        drivers[name] = begin(place, "extend", "fake", *given, "--runs", str(four / "runs"))
        if number % 3 == 2:
            drivers[name].wait()
    for name, (_, words) in MISTAKES.items():
        assert drivers[name].wait() == 2, (name, drivers[name].text)
        assert words in drivers[name].text and drivers[name].text.startswith("error: "), (name, drivers[name].text)
    assert tree(four / "runs") == before


def test_a_fork_knows_two_sweeps_and_can_be_extended_itself(four: Path, sweeps: dict[str, Path]) -> None:
    shutil.copytree(sweeps["other"] / "runs/other", four / "runs/other")
    parents = tree(four / "runs")
    said = done(four, "extend", "fake", "other", "--fork", "child", "--trials", "4")
    assert "child: starts from 4 trials of fake, 2 trials of other" in said
    sweep = sweep_of(four, "child")
    assert len(sweep.trials) == 4 and {trial.state for trial in sweep.trials} == {"finished"}
    assert {(item.source, item.values) for item in sweep.sweep.inherited} == {
        (name, (trial.metrics["val_dice"],)) for name in ("fake", "other") for trial in sweep_of(four, name).trials
    }
    report = (four / "runs/child/report/report.md").read_text().replace("\\", "")
    assert "warm-started from fake (4 trials), other (2 trials)" in report
    assert not [trial.uid for trial in sweep_of(four).trials if trial.uid in report], "it holds its own trials only"
    assert {name: value for name, value in tree(four / "runs").items() if not name.startswith("child")} == parents
    assert "nothing to do" in done(four, "resume", "child")
    assert "4 kept (4 finished), 0 continued, 0 queued, 1 new" in done(four, "extend", "child", "--trials", "1")
    after = sweep_of(four, "child")
    known = {trial.parameters["learning_rate"] for name in ("fake", "other") for trial in sweep_of(four, name).trials}
    assert len(after.trials) == 5 and not known & {trial.parameters["learning_rate"] for trial in after.trials}


def test_r14_stop_ends_a_sweep_from_another_terminal_and_another_folder(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    write_spec(home, trials=4, epochs=4, scheduler="none", cpus=2)
    driver = begin(home, "run", "spec.yaml", FAKE_PAUSE_S="2")
    eventually(lambda: any(event.name == "checkpoint" for event in events_of(home)))
    began = time.monotonic()
    stop = Driver(FAKE_COMMAND, ["stop", str(home / "runs/fake")], away)
    assert driver.wait(timeout_s=60) == 130, driver.text
    assert time.monotonic() - began < 10
    assert stop.wait(timeout_s=30) == 0, stop.text
    assert "fake stopped after" in stop.text and "liversweep resume" in stop.text
    events = events_of(home)
    assert (events[-1].name, events[-1].payload["reason"]) == ("closed", "interrupted")
    assert [trial.state for trial in sweep_of(home).trials] == ["stopped", "stopped"]
    assert not (home / "runs/fake/stop").exists() and no_process_left(home)
    before = tree(home / "runs")
    again = Driver(FAKE_COMMAND, ["stop", "fake"], home)
    assert again.wait() == 2 and "fake: the sweep is not running" in again.text
    assert tree(home / "runs") == before
