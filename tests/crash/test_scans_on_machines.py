"""Folders of scans on a cluster of several machines: what is done where, and what a lost machine or worker costs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from liverseg.handover.familiar import FamiliarRanges
from liverseg.handover.features import scan_features
from liverseg.phantom import PhantomConfig, write_cohort
from tests.crash.machines import Machines, can_hide, lose
from tests.crash.processes import ROOT, Driver, no_process_left
from tests.crash.scans_command import READY
from tests.liverseg.handover.models import small_model
from tests.promises.commands import said

pytestmark = [pytest.mark.crash, pytest.mark.ray]
SCANS = 5
ENDS = ("_seg.json", "_seg.nii.gz")


@dataclass(frozen=True)
class Command:
    """A command that runs, and its notes of who got what."""

    driver: Driver
    notes: Path

    def handed(self) -> list[tuple[int, str]]:
        """Number of a scan and machine, in the order in which they were handed out."""
        if not self.notes.exists():
            return []
        lines = [line.split() for line in self.notes.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [(int(number), machine) for number, *machines in lines for machine in machines]

    @property
    def ready(self) -> bool:
        """Whether it waits for `go`."""
        return self.notes.exists() and self.notes.read_text() == f"{READY}\n"

    def go(self) -> None:
        self.notes.with_name(f"{self.notes.name}.go").touch()


@dataclass(frozen=True)
class Place:
    """A cluster, and what the commands work on."""

    machines: Machines
    scans: Path
    model: Path
    address: str
    environment: dict[str, str]

    @property
    def predict(self) -> tuple[object, ...]:
        return ("predict", self.model, self.scans, "-o", "out", "--no-page")

    def begin(self, folder: Path, *words: object, **environment: str) -> Command:
        notes = folder / "notes.txt"
        command = (*map(str, words), "--address", self.address)
        driver = Driver(
            [sys.executable, "-m", "tests.crash.scans_command", str(notes)],
            command,
            folder,
            self.environment | environment,
        )
        return Command(driver, notes)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("place")
    config = PhantomConfig(cases=SCANS, seed=5, matrix_px=(48, 56), slices=(10, 12), thickness_mm=(5.0,))
    write_cohort(root / "scans", config)
    features = [scan_features(root / "scans" / f"volume-{index}.nii.gz", case=str(index)) for index in range(SCANS)]
    familiar, origin = dict(FamiliarRanges.of(features).as_json()), {"sweep": "small", "liver_ml": [1.0, 90_000.0]}
    model = small_model(root / "model", familiar=familiar, origin=origin).path
    folder = tmp_path_factory.mktemp("machines")
    machines = Machines(folder)
    try:
        door = machines.ask("door")
        yield Place(machines, root / "scans", model, door["address"], door["environment"])
    finally:
        machines.close()
    assert no_process_left(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def everything(numbers: Iterable[int]) -> list[str]:
    """The files of some scans, and nothing else: no scratch, no record too few."""
    return [f"volume-{number}{end}" for number in numbers for end in ENDS]


def frozen(place: Place, command: Command, raylets: Mapping[str, int]) -> tuple[str, psutil.Process]:
    """A machine, and its worker that was stopped before it got the scan that is now in work there."""
    place.machines.until(lambda: command.ready or not command.driver.running)
    name, raylet = next(iter(raylets.items()))
    (worker,) = filter(is_hand, psutil.Process(raylet).children(recursive=True))
    worker.suspend()
    command.go()
    place.machines.until(lambda: name in [machine for _, machine in command.handed()])
    return name, worker


def is_hand(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[:1] == ["ray::Hand"]
    except psutil.Error:
        return False


def check_done_again(command: Command, lost: str, places: Collection[str]) -> None:
    """All machines got scans; the one that was in work on the lost machine, and no other, went to another as well."""
    handed = command.handed()
    assert {machine for _, machine in handed} == set(places)
    times = Counter(number for number, _ in handed)
    assert sorted(times) == list(range(SCANS))
    (again,) = [number for number, count in times.items() if count > 1]
    first, second = [machine for number, machine in handed if number == again]
    assert first == lost != second
    assert command.driver.text.count("was lost, or the connection to it; done again by another worker: volume-") == 1


def test_predict_works_on_all_machines_and_a_lost_one_costs_no_scan(place: Place, tmp_path: Path) -> None:
    machines = place.machines
    raylets = machines.up(2)
    command = place.begin(tmp_path, *place.predict, "--json")
    lost, _ = frozen(place, command, raylets)
    lose(raylets[lost])
    assert command.driver.wait() == 0, command.driver.text
    check_done_again(command, lost, raylets)
    assert len(json.loads(command.driver.output.read_text())["predictions"]) == SCANS
    assert names(tmp_path / "out") == everything(range(SCANS))


def test_predict_a_worker_that_dies_alone_costs_its_scan_and_the_next_run_does_no_other(
    place: Place, tmp_path: Path
) -> None:
    machines = place.machines
    raylets = machines.up(2)
    command = place.begin(tmp_path, *place.predict)
    name, worker = frozen(place, command, raylets)
    worker.kill()
    assert command.driver.wait() == 1 and psutil.pid_exists(raylets[name])
    assert command.driver.text.count("the worker process of this job is gone") == 1
    assert "1 of 5 scans could not be segmented; nothing was written" in command.driver.text
    (gone,) = (number for number in range(SCANS) if f"error: volume-{number}: the worker" in command.driver.text)
    assert [number for number, _ in command.handed()].count(gone) == 1
    others = everything(number for number in range(SCANS) if number != gone)
    assert names(tmp_path / "out") == others
    before = {other: (tmp_path / "out" / other).stat().st_mtime_ns for other in others}
    # One scan is left, which needs no Ray.
    again = said(*map(str, place.predict), "--address", place.address, cwd=tmp_path)
    assert again.code == 0 and again.err.count("kept from before") == SCANS - 1, again.err
    assert names(tmp_path / "out") == everything(range(SCANS))
    assert {other: (tmp_path / "out" / other).stat().st_mtime_ns for other in others} == before


def test_validate_works_on_all_machines_and_a_lost_one_costs_no_scan(place: Place, tmp_path: Path) -> None:
    machines = place.machines
    raylets = machines.up(2)
    command = place.begin(tmp_path, "validate", place.model, place.scans, "--record", "record", "--json")
    lost, _ = frozen(place, command, raylets)
    lose(raylets[lost])
    assert command.driver.wait() == 0, command.driver.text
    check_done_again(command, lost, raylets)
    document = json.loads(command.driver.output.read_text())
    assert document["data"]["cases"] == SCANS, document


def test_the_loss_of_all_machines_is_one_error(place: Place, tmp_path: Path) -> None:
    machines = place.machines
    raylets = machines.up(2)
    command = place.begin(tmp_path, *place.predict, "--json")
    frozen(place, command, raylets)
    for raylet in raylets.values():
        lose(raylet)
    assert command.driver.wait() == 1 and command.driver.output.read_text() == ""
    (error,) = [line for line in command.driver.text.splitlines() if line.startswith("error: ")]
    assert "all machines with room for a worker are lost" in error and "give the same command again" in error
    assert "Traceback" not in command.driver.text
    found = names(tmp_path / "out")
    assert found == everything(number for number in range(SCANS) if f"volume-{number}_seg.json" in found)


def test_a_command_that_waits_for_room_says_so(place: Place, tmp_path: Path) -> None:
    machines = place.machines
    machines.up(1)
    assert machines.ask("hold", cpus=1) == 1
    command = place.begin(tmp_path, *place.predict, FAKE_TOGETHER="0")
    machines.until(lambda: "waits for room on the cluster" in command.driver.text)
    assert "for 1 CPU (0 free)" in command.driver.text and command.driver.running and not command.handed()
    machines.ask("release")
    assert command.driver.wait() == 0 and command.driver.text.count("waits for room") == 1
    assert names(tmp_path / "out") == everything(range(SCANS))


@pytest.mark.skipif(not can_hide(), reason="folders cannot be hidden from a machine here")
def test_a_machine_that_differs_is_named_before_anything_is_begun(
    place: Place, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It has another Keras, does not have the scans, and has the folder of the results for itself."""
    machines = place.machines
    machines.up(1)
    (fake := tmp_path_factory.mktemp("site") / "keras-0.1.dist-info").mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 0.1\n")
    found = machines.up(2, hidden=[place.scans, tmp_path], PYTHONPATH=f"{fake.parent}:{ROOT}")
    name, raylet = list(found.items())[-1]
    command = place.begin(tmp_path, *place.predict)
    assert command.driver.wait() == 1 and not command.handed()
    lose(raylet)
    first, *problems = (line for line in command.driver.text.splitlines() if line.startswith(("error", "  ")))
    assert first == "error: 3 problems on the cluster; nothing was begun", command.driver.text
    versions, files, results = problems
    assert f"-{name[:6]}: keras 0.1 (here 3." in versions and "requirements.lock" in versions
    assert f"-{name[:6]} does not see what this machine sees: {place.scans}/volume-0.nii.gz (No such file" in files
    assert "and 4 more; mount one folder at the same path on every machine" in files
    assert f"-{name[:6]} cannot write: {tmp_path / 'out'}: No such file" in results
    assert not (tmp_path / "out").exists()
