"""Promises R1 to R3, R8 and the stop from elsewhere for sweeps in a store: real drivers, workers and machines' folders are lost."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from results.errors import ResultsError
from results.fold import fold
from results.ledger_line import Event
from results.records import Sweep
from results.store.location import open_store
from results.store.segments import read_stored_events
from tests.crash.fake_command import write_spec
from tests.crash.processes import FAKE_COMMAND, Driver, eventually, no_process_left, workers_of
from tests.results.store.faulty import Gate
from tests.s3_server import S3Server, s3_server  # noqa: F401
from tests.sweeps.faults import fault_parameters

pytestmark = [pytest.mark.crash, pytest.mark.ray]
TRIALS, EPOCHS = 6, 6


class Place:
    """A sweep in a bucket, and machines to drive it from."""

    def __init__(self, server: S3Server, root: Path) -> None:
        self.server, self.root, self.runs = server, root, f"{server.new_bucket()}/runs"
        self.store = open_store(f"{self.runs}/fake")

    def machine(self, name: str, **spec: Any) -> Path:
        """A folder that stands for a machine: its cache, its scratch folders, and the user's spec lie there."""
        folder = self.root / name
        folder.mkdir()
        write_spec(folder, **({"trials": TRIALS, "epochs": EPOCHS, "sampler": "random", "scheduler": "none"} | spec))
        return folder

    def command(self, machine: Path, *arguments: str, **environment: str) -> Driver:
        known = {"TMPDIR": str(machine), "FAKE_LOG": str(self.root / "epochs.txt"), **environment}
        known = self.server.environment | known
        return Driver(FAKE_COMMAND, [*arguments, "--runs", self.runs], machine, known)

    def events(self, *names: str) -> list[Event]:
        try:
            return [event for event in read_stored_events(self.store) if not names or event.name in names]
        except ResultsError:
            return []

    def sweep(self) -> Sweep:
        return fold(self.events())


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Iterator[Place]:  # noqa: F811
    place = Place(s3_server, tmp_path)
    yield place
    assert no_process_left(tmp_path)


def epochs_of(place: Place) -> Counter[str]:
    return Counter((place.root / "epochs.txt").read_text().splitlines())


def test_r01_to_r03_driver_and_machine_are_lost_and_another_machine_goes_on(place: Place) -> None:
    first = place.machine("first")
    driver = place.command(first, "run", "spec.yaml", "--plain", FAKE_PAUSE_S="0.3")
    eventually(lambda: len(place.events("finished")) >= 2 and len(place.events("checkpoint")) % 3 == 1)
    driver.kill()
    assert no_process_left(first)
    known = {event.payload["uid"]: event.payload["metrics"] for event in place.events("finished")}
    shutil.rmtree(first)
    second = place.machine("second")
    driver = place.command(second, "resume", "fake", "--plain")
    assert driver.wait() == 0, driver.text
    sweep = place.sweep()
    assert [trial.number for trial in sweep.trials] == list(range(TRIALS)) and sweep.sweep.closed == "finished"
    assert {trial.state for trial in sweep.trials} == {"finished"}
    assert known.items() <= {trial.uid: trial.metrics for trial in sweep.trials}.items()
    counts = epochs_of(place)
    assert len(counts) == TRIALS * EPOCHS
    # Each of the two trials that ran then lost one checkpoint interval at most, which is one epoch.
    assert sum(counts.values()) - len(counts) <= 2 and max(counts.values()) <= 2
    assert not [path for path in (second / f"liversweep-{psutil.Process().uids().real}").rglob("final.json")]


def test_a_worker_is_lost_with_its_scratch_folder_and_a_stop_comes_from_another_machine(place: Place) -> None:
    first, second = place.machine("first"), place.machine("second")
    driver = place.command(first, "run", "spec.yaml", "--plain", FAKE_PAUSE_S="0.5")
    eventually(lambda: len(place.events("checkpoint")) >= 3)
    worker = eventually(lambda: workers_of(psutil.Process(driver.process.pid)))[0]
    scratch = [path for path in first.rglob(".owner") if f"{worker.pid}" in (_worker_record(path) or "")]
    worker.send_signal(signal.SIGKILL)
    for path in scratch:
        shutil.rmtree(path.parent, ignore_errors=True)
    failed = eventually(lambda: place.events("failed", "queued"))[0]
    assert failed.payload.get("kind") == "crash" or failed.name == "queued"
    other = place.command(second, "resume", "fake")
    assert other.wait(60) == 1 and f"process {driver.process.pid} on" in other.text, "R9: it names who drives"
    stop = place.command(second, "stop", "fake")
    assert stop.wait(60) == 0, stop.text
    assert driver.wait(30) == 130, driver.text
    assert place.sweep().sweep.closed == "interrupted"
    assert not [item for item in place.store.list("heartbeats")] and place.store.info("stop") is None
    assert {trial.state for trial in place.sweep().trials} <= {"finished", "failed", "stopped", "queued"}
    assert "stopped after" in stop.text


def _worker_record(owner: Path) -> str | None:
    found = list(owner.parent.glob("trials/*/worker.json"))
    return found[0].read_text() if found else None


def test_r07_r08_what_ends_a_worker_is_told_in_the_store(place: Place) -> None:
    """One trial a fault: its words reach the store also where the process had no time, or none at all."""
    space = ", ".join(str(fault_parameters(name)["weight_decay"]) for name in ("raise", "hang", "stuck", "os_exit"))
    machine = place.machine("first", trials=4, sampler="grid", epochs=2, more="trial: {stall: 8s, deadline: 60s}\n")
    text = (machine / "spec.yaml").read_text()
    (machine / "spec.yaml").write_text(
        text.replace("{learning_rate: {log: [1.0e-5, 1.0e-2]}}", f"{{weight_decay: [{space}]}}")
        .replace("{unet: {base_filters: 4}, segnet: {base_filters: 4}}", "{unet: {base_filters: 4}}")
        .replace("trials: 4", "trials: null")
    )
    driver = place.command(machine, "run", "spec.yaml", "--plain")
    assert driver.wait() == 3, driver.text
    kinds = Counter(trial.failure for trial in place.sweep().trials)
    assert kinds == {"crash": 2, "timeout": 2}, [trial.message for trial in place.sweep().trials]
    hung = [trial for trial in place.sweep().trials if trial.failure == "timeout"]
    messages = [trial.message for trial in hung]
    assert any("hung inside a call" in message for message in messages), messages
    logs = {trial.uid: place.store.get(f"trials/{trial.uid}/log.txt").decode() for trial in hung}
    assert all("Thread 0x" in text for text in logs.values()), "the stacks are in the log, and the log in the store"


def test_a_store_that_falls_silent_ends_the_sweep_with_one_line(place: Place) -> None:
    machine = place.machine("first", trials=3, epochs=4)
    with Gate(place.server.port) as gate:
        url = f"http://127.0.0.1:{gate.port}"
        driver = place.command(machine, "run", "spec.yaml", "--plain", FAKE_PAUSE_S="0.5", AWS_ENDPOINT_URL=url)
        eventually(lambda: len(place.events("checkpoint")) >= 2)
        gate.refuse = 10**9  # of whatever is written; reading goes on
        assert driver.wait(150) == 1, driver.text
    assert "the store cannot be used" in driver.text and "resume fake --runs s3://" in driver.text
    assert driver.text.count("error:") == 1 and "Traceback" not in driver.text
    # What was told before is there; going on from it is what the other tests show.
    assert {trial.state for trial in place.sweep().trials} <= {"running", "stopped", "queued", "finished"}
