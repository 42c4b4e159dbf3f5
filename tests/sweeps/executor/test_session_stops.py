"""An attempt of a trial that is asked to stop: before anything is built, between epochs, within one, and while its data comes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from liverseg.training.position import read_position
from sweeps import trial_files
from sweeps.executor.session import TrialSession
from sweeps.trial_files import FAILED, FINAL, STOP
from tests.sweeps.executor.attempts import UID, attempt, payload, record, setting, timeless
from tests.sweeps.executor.test_session import same_training
from tests.sweeps.fake_trainer import FakeRun

HERE = "tests.sweeps.executor.test_session_stops"


class Unhurried(FakeRun):
    """Somebody asks to stop in the third batch of the second epoch, and again while the third is validated."""

    def run_epoch(self, on_batch: Any = None) -> Any:
        stop = Path(os.environ["STOP_FILE"])

        def tell(updates: int) -> None:
            if updates == 7 or (updates == 12 and not stop.with_name("asked-again").exists()):
                stop.touch()
                if updates == 12:
                    stop.with_name("asked-again").touch()
            if on_batch is not None:
                on_batch(updates)

        return super().run_epoch(tell)


def test_a_stop_keeps_the_part_of_an_epoch_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    stop, sweep, whole = tmp_path / "sweep" / STOP, tmp_path / "sweep", tmp_path / "whole"
    monkeypatch.setenv("STOP_FILE", str(stop))
    attempt(whole)
    trainer = f"{HERE}:Unhurried"
    results = attempt(sweep, trainer=trainer)
    state = tmp_path / "sweep" / results[-1]["checkpoint"]["path"]
    position = read_position(state)
    assert (position.epochs, position.batches, position.updates) == (1, 3, 7)
    assert timeless(results[-1]) == {
        "stopped": True,
        "done": True,
        "epoch": 1,
        "last": False,
        "checkpoint": {"epoch": 1, "path": f"trials/{UID}/state/0", "sha256": position.digest},
    }
    assert record(sweep, FINAL) is None and record(sweep, FAILED) is None
    stop.unlink()
    results = attempt(sweep, trainer=trainer)
    assert [row["epoch"] for row in results] == [2, 2] and results[-1]["stopped"]
    assert read_position(state).updates == 12
    stop.unlink()
    attempt(sweep, trainer=trainer)
    same_training(sweep, whole)


def test_a_stop_before_anything_is_built_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / STOP).touch()
    (result,) = attempt(tmp_path, trainer="never:Built")
    assert timeless(result) == {"stopped": True, "done": True, "epoch": 0, "last": False, "checkpoint": None}
    (tmp_path / STOP).unlink()
    session = TrialSession(payload(), setting(tmp_path))
    session.step()
    (tmp_path / STOP).touch()
    between = session.step()
    session.close()
    assert between["stopped"] and between["checkpoint"]["epoch"] == 1
    (result,) = attempt(tmp_path, trainer="never:Built")
    assert (result["epoch"], result["checkpoint"]) == (1, None)


def test_a_stop_between_two_states_saves_what_was_trained_since(tmp_path: Path) -> None:
    session = TrialSession(payload(epochs=5), setting(tmp_path, save_every=3))
    assert session.step()["checkpoint"] is None
    (tmp_path / STOP).touch()
    assert session.step()["checkpoint"]["epoch"] == 1
    session.close()


class Reading(FakeRun):
    """Wants slices, and does nothing with them."""

    needs_packs, needs_backend = True, False

    def __init__(self, config: Any, train: Any, validation: Any, **more: Any) -> None:
        assert (train, validation) == ("train of fold 0", "validation of fold 0")
        super().__init__(config, None, None, **more)


class Slow:
    """Prepared cases that take their time: the heartbeat is gone before each part, and somebody may ask to stop."""

    def __init__(self, folder: Path, stop: bool) -> None:
        self.folder, self.stop, self.beats = folder, stop, 0

    def pack(self, part: str, size_px: int, fold: int, beat: Any) -> str:
        heartbeat = self.folder / "trials" / UID / trial_files.HEARTBEAT
        heartbeat.unlink(missing_ok=True)
        if self.stop:
            (self.folder / STOP).touch()
        beat()
        self.beats += heartbeat.exists()
        return f"{part} of fold {fold}"


@pytest.mark.parametrize("stop", [False, True])
def test_a_trial_gives_signs_of_life_and_hears_the_order_to_stop_while_its_data_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    monkeypatch.setattr("sweeps.executor.pulse.TOUCH_S", 0.0)
    slow = Slow(tmp_path, stop)
    results = attempt(tmp_path, trainer=f"{HERE}:Reading", prepared=slow)
    if stop:
        stopped = {"stopped": True, "done": True, "epoch": 0, "last": False, "checkpoint": None}
        assert [timeless(result) for result in results] == [stopped]
    else:
        assert slow.beats == 2 and results[-1]["last"]
