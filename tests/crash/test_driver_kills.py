"""Promises R1 to R3 and R6: drivers that die at any moment, really, and what a resume makes of it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.crash.fake_command import write_spec
from tests.crash.processes import FAKE_COMMAND, ROOT, Driver, events_of, eventually, no_process_left, sweep_of

pytestmark = [pytest.mark.crash]

KILLS = 200
RAY_KILLS = 10


def test_r01_r02_r03_two_hundred_kills_inside_system_calls_lose_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.forked", str(tmp_path), str(KILLS), "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["kills"] >= KILLS
    for name in ("missing_or_extra", "not_ended", "finished_lost_or_changed", "finished_run_again"):
        assert figures[name] == 0, figures
    assert figures["compared_with_uncut"] > 1 and figures["different_from_uncut"] == 0, figures
    # Every kill costs at most the epoch that was under way, and none of a trial that had ended.
    assert figures["epochs_run_twice"] <= figures["kills"], figures


def ends_of(folder: Path) -> list[str]:
    return [event.payload["uid"] for event in events_of(folder) if event.name in ("finished", "pruned")]


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_r01_r02_r03_real_drivers_on_ray_killed_ten_times(tmp_path: Path) -> None:
    rng, trials = random.Random(11), 24
    write_spec(tmp_path, trials=trials, epochs=4)
    environment = {"FAKE_PAUSE_S": "0.2", "FAKE_LOG": str(tmp_path / "epochs.log")}
    arguments = ["run", "spec.yaml", "--plain"]
    finals: dict[str, bytes] = {}
    for kill in range(RAY_KILLS):
        known, ended = len(events_of(tmp_path)), len(ends_of(tmp_path))
        driver = Driver(FAKE_COMMAND, arguments, tmp_path, environment)
        arguments = ["resume", "fake", "--plain"]
        # Tune takes one snapshot an hour: whatever ends in a run has ended since the last one.
        if kill % 2:
            eventually(lambda ended=ended: len(ends_of(tmp_path)) > ended)
        else:
            eventually(lambda known=known: len(events_of(tmp_path)) > known + 2)
        later = time.monotonic() + rng.uniform(0.0, 0.5)
        eventually(lambda later=later: time.monotonic() > later)
        assert driver.running, driver.text
        driver.kill()
        assert no_process_left(tmp_path)
        new = {path.parent.name: path.read_bytes() for path in tmp_path.glob("runs/fake/trials/*/final.json")}
        assert all(new[uid] == text for uid, text in finals.items())
        finals = new
    driver = Driver(FAKE_COMMAND, arguments, tmp_path, environment)
    assert driver.wait() == 0, driver.text
    sweep = sweep_of(tmp_path)
    assert [trial.number for trial in sweep.trials] == list(range(trials))
    assert len({trial.uid for trial in sweep.trials}) == trials
    assert {trial.state for trial in sweep.trials} <= {"finished", "pruned"}
    for uid, text in finals.items():
        assert (tmp_path / "runs/fake/trials" / uid / "final.json").read_bytes() == text
        own = [event for event in events_of(tmp_path) if event.payload.get("uid") == uid]
        ended_at = [event.seq for event in own if event.name == "finished"]
        assert len(ended_at) == 1 and all(event.seq < ended_at[0] for event in own if event.name == "started")
    assert no_process_left(tmp_path)
    epochs = Counter((tmp_path / "epochs.log").read_text().splitlines())
    twice = sum(count - 1 for count in epochs.values())
    assert twice <= 2 * RAY_KILLS, "a kill costs each of the two running trials the epoch that was under way at most"
    print(json.dumps({"kills": RAY_KILLS, "trials": trials, "epochs": len(epochs), "epochs_run_twice": twice}))


TUNE_DAMAGE = ("delete folder", "spoil files")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep whose driver was killed when it had finished trials and running ones."""
    folder = tmp_path_factory.mktemp("interrupted")
    write_spec(folder, trials=4, epochs=3, scheduler="none")
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], folder, {"FAKE_PAUSE_S": "0.3"})
    eventually(lambda: any(event.name == "finished" for event in events_of(folder)))
    driver.kill()
    assert no_process_left(folder)
    return folder


@pytest.mark.ray
@pytest.mark.parametrize("damage", TUNE_DAMAGE)
def test_r06_any_damage_to_tunes_files_changes_nothing(interrupted: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(interrupted / "runs", tmp_path / "runs")
    (tmp_path / "spec.yaml").write_bytes((interrupted / "spec.yaml").read_bytes())
    tune = tmp_path / "runs/fake/tune"
    files = [path for path in tune.rglob("*") if path.is_file()]
    assert files, "Tune keeps files, or this test shows nothing"
    if damage == "delete folder":
        shutil.rmtree(tune)
    for number, path in enumerate(sorted(files) if damage != "delete folder" else ()):
        if number % 3 == 0:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if number % 3 == 1 else b"")
    before = {trial.uid: trial for trial in sweep_of(interrupted).trials if trial.state == "finished"}
    driver = Driver(FAKE_COMMAND, ["resume", "fake", "--plain"], tmp_path)
    assert driver.wait() == 0, driver.text
    after = {trial.uid: trial for trial in sweep_of(tmp_path).trials}
    assert len(after) == 4 and {trial.state for trial in after.values()} == {"finished"}
    assert all(after[uid].metrics == trial.metrics for uid, trial in before.items())


@pytest.mark.ray
def test_r09_a_second_driver_is_refused_and_a_killed_ones_lock_is_free(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=4, epochs=4)
    first = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, {"FAKE_PAUSE_S": "5"})
    eventually(lambda: any(event.name == "started" for event in events_of(tmp_path)))
    (tmp_path / "second").mkdir()
    began = time.monotonic()
    second = Driver(FAKE_COMMAND, ["resume", str(tmp_path / "runs/fake")], tmp_path / "second")
    assert second.wait() == 1
    # The promise is two seconds for the refusal; the rest is Python's start on a busy machine.
    assert time.monotonic() - began < 2 + 8
    assert f"process {first.process.pid}" in second.text and "Traceback" not in second.text
    assert psutil.pid_exists(first.process.pid) and first.running
    first.kill()
    assert no_process_left(tmp_path)
    third = Driver(FAKE_COMMAND, ["resume", "fake", "--plain"], tmp_path)
    assert third.wait() == 0, third.text
