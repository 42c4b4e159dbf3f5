"""`watch` beside a real driver on Ray: it sees the sweep to its end, or sees that the driver is gone, and takes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from results.lock import holder
from tests.crash.fake_command import write_spec
from tests.crash.processes import FAKE_COMMAND, Driver, events_of, eventually, no_process_left

pytestmark = [pytest.mark.ray, pytest.mark.crash]


def watcher(folder: Path, name: str, *words: str) -> Driver:
    """`watch` in another folder, as from another terminal, so that what it leaves would be told from what a driver leaves."""
    (folder / name).mkdir()
    return Driver(FAKE_COMMAND, ["watch", str(folder / "runs/fake"), "--interval", "0.2", *words], folder / name)


def loaded(pid: int) -> str:
    return " ".join(item.path for item in psutil.Process(pid).memory_maps())


def test_a_watched_sweep_is_killed_and_goes_on_watched(tmp_path: Path) -> None:
    write_spec(tmp_path, trials=4, epochs=6, scheduler="none")
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path, {"FAKE_PAUSE_S": "4"})
    eventually(lambda: any(event.name == "started" for event in events_of(tmp_path)))
    lines, plain = watcher(tmp_path, "lines", "--json"), watcher(tmp_path, "plain")
    eventually(lambda: '"event": "epoch"' in lines.output.read_text() and "fake is running" in plain.text)
    assert holder(tmp_path / "runs/fake/lock").pid == driver.process.pid  # type: ignore[union-attr]
    assert not {"ray/_raylet", "tensorflow"} & {
        word for word in ("ray/_raylet", "tensorflow") if word in loaded(lines.process.pid)
    }
    assert driver.running, "its pauses are too short for this machine"
    driver.kill()
    assert (lines.wait(60), plain.wait(60)) == (1, 1), plain.text
    told = [json.loads(line) for line in lines.output.read_text().splitlines()]
    assert (told[0]["event"], told[-1]["event"], told[-1]["state"]) == ("standing", "end", "gone")
    assert "the driver is gone; continue with: liversweep resume fake" in plain.text
    assert "Trials" in plain.output.read_text()
    assert no_process_left(tmp_path)
    resumed = Driver(FAKE_COMMAND, ["resume", "fake", "--plain"], tmp_path, {"FAKE_PAUSE_S": "0.2"})
    eventually(lambda: any(event.name == "resumed" for event in events_of(tmp_path)))
    again = watcher(tmp_path, "again")
    assert resumed.wait() == 0, resumed.text
    assert again.wait(60) == 0 and "fake has finished" in again.text, again.text
    assert again.output.read_text() == resumed.output.read_text(), "the tables of the run itself"
    assert (tmp_path / "runs/fake/lock").stat().st_size == 0 and no_process_left(tmp_path)
