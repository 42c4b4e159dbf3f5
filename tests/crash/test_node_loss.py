"""Promise R11: machines of a cluster are lost, really, and every trial finishes."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from liverseg.phantom import PhantomConfig, write_cohort
from results.ledger_line import Event
from results.records import Sweep
from sweeps import trial_files
from sweeps.executor.death import DIED, MEMORY, NODE_LOST, UNREACHED
from tests.crash.machines import Machines, lose, processes_of, send, slices_digest
from tests.crash.processes import events_of, no_process_left, sweep_of
from tests.sweeps.executor.attempts import attempt, payload
from tests.sweeps.fake_trainer import FakeRun

pytestmark = [pytest.mark.crash, pytest.mark.ray]
EPOCHS = 6
READING = f"{__name__}:Reading"


class Reading(FakeRun):
    """Reads every slice before it begins, and notes where it was and what it has seen."""

    needs_packs, needs_backend = True, False

    def __init__(self, config: Any, train: Any, validation: Any, **more: Any) -> None:
        import ray

        with Path(os.environ["READS"]).open("a") as file:
            file.write(f"{ray.get_runtime_context().get_node_id()} {slices_digest((train, validation))}\n")
        super().__init__(config, None, None, **more)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    machines = Machines(folder)
    yield machines
    machines.close()
    assert no_process_left(folder)


@pytest.fixture
def fresh_machines(tmp_path: Path) -> Iterator[Machines]:
    """A Ray of its own: on one that has lost machines while Tune ran, what Tune left behind may hold the CPUs that are left."""
    machines = Machines(tmp_path)
    yield machines
    machines.close()
    assert no_process_left(tmp_path)


def named(folder: Path, sweep: str, *names: str) -> list[Event]:
    return [event for event in events_of(folder, sweep) if event.name in names]


def worker_of(folder: Path, sweep: str, uid: str) -> dict[str, Any]:
    worker = trial_files.read_record(folder / "runs" / sweep / "trials" / uid, trial_files.WORKER)
    assert worker is not None
    return worker


def busy_trial(folder: Path, sweep: str, where: Collection[str] | None = None) -> str | None:
    """A trial in its first attempt, on one of these machines, that has saved two or three states and is far from its end."""
    saved = Counter(event.payload["uid"] for event in named(folder, sweep, "checkpoint"))
    done = {event.payload["uid"] for event in named(folder, sweep, "finished", "failed", "queued")}
    busy = (uid for uid, count in saved.items() if 2 <= count < EPOCHS - 2 and uid not in done)
    return next((uid for uid in busy if where is None or worker_of(folder, sweep, uid)["node_id"] in where), None)


def check_continued(folder: Path, sweep: str, uid: str, reason: str) -> None:
    """The trial went back to the queue, once, and went on from its newest state."""
    (queued,) = named(folder, sweep, "queued")
    assert queued.payload["uid"] == uid and queued.payload["reason"] == reason
    mine = [event for event in events_of(folder, sweep) if event.payload.get("uid") == uid]
    saved = [event.payload["epoch"] for event in mine if event.name == "checkpoint" and event.seq < queued.seq]
    again = next(event for event in mine if event.name == "started" and event.seq > queued.seq)
    # The worker may have saved one more than it could still tell of.
    assert again.payload["attempt"] == 2 and again.payload["epoch"] - saved[-1] in (0, 1)


def check_all_finished(folder: Path, name: str, trials: int) -> Sweep:
    """Exactly so many trials, each finished once, run no more after that, with the scores of an undisturbed run."""
    sweep = sweep_of(folder, name)
    assert sweep.sweep.closed == "finished"
    assert [trial.number for trial in sweep.trials] == list(range(trials))
    assert {trial.state for trial in sweep.trials} == {"finished"} and not named(folder, name, "failed")
    for trial in sweep.trials:
        mine = [event for event in events_of(folder, name) if event.payload.get("uid") == trial.uid]
        assert [event.name for event in mine].count("finished") == 1 and mine[-1].name == "finished"
        assert trial.metrics["val_dice"] == undisturbed(folder, mine[0])
    return sweep


def undisturbed(folder: Path, suggested: Event) -> float:
    """The score of the same training from beginning to end in one process."""
    names = ("uid", "architecture", "parameters", "seed")
    place = folder / "undisturbed" / suggested.payload["uid"]
    attempt(place, payload(epochs=EPOCHS, **{name: suggested.payload[name] for name in names}))
    final = trial_files.read_record(place / "trials" / suggested.payload["uid"], trial_files.FINAL)
    assert final is not None
    return float(final["metrics"]["val_dice"])


def test_r11_every_trial_finishes_though_two_of_three_machines_are_lost(machines: Machines) -> None:
    folder, places = machines.folder, machines.up(3)
    machines.begin("sweep", name="lost", trials=8, epochs=EPOCHS, slots=3)
    machines.until(lambda: len(named(folder, "lost", "suggested")) == 3)
    lose(places.popitem()[1])
    assert not named(folder, "lost", "started"), "the machine was to be lost while its trial waits for a worker"
    uid = machines.until(lambda: busy_trial(folder, "lost"))
    lose(places.pop(worker_of(folder, "lost", uid)["node_id"]))
    # Ray itself would take 15 s to notice, and the trial cannot wait for that.
    machines.until(lambda: named(folder, "lost", "queued"), deadline_s=10)
    # One machine is left, and three slots.
    assert len(places) == 1
    assert machines.answer() == "closed"
    check_continued(folder, "lost", uid, NODE_LOST)
    check_all_finished(folder, "lost", 8)


def test_r11_a_worker_that_is_killed_alone_is_no_lost_machine(machines: Machines) -> None:
    folder, places = machines.folder, machines.up(2)
    machines.begin("sweep", name="killed", trials=3, epochs=EPOCHS, slots=2)
    uid = machines.until(lambda: busy_trial(folder, "killed"))
    worker = worker_of(folder, "killed", uid)
    os.kill(worker["pid"], signal.SIGKILL)
    assert machines.answer() == "closed"
    assert psutil.pid_exists(places[worker["node_id"]])
    assert not named(folder, "killed", "queued")
    (failed,) = named(folder, "killed", "failed")
    assert (failed.payload["uid"], failed.payload["kind"], failed.payload["message"]) == (uid, "crash", DIED)
    assert [trial.state for trial in sweep_of(folder, "killed").trials if trial.uid != uid] == ["finished"] * 2


def test_r11_a_machine_too_busy_to_tell_of_a_dead_worker_costs_no_trial(machines: Machines) -> None:
    folder, places = machines.folder, machines.up(2)
    machines.begin("sweep", name="busy", trials=3, epochs=EPOCHS, slots=2)
    uid = machines.until(lambda: busy_trial(folder, "busy"))
    worker = worker_of(folder, "busy", uid)
    raylet = psutil.Process(places[worker["node_id"]])
    raylet.suspend()
    os.kill(worker["pid"], signal.SIGKILL)
    machines.until(lambda: named(folder, "busy", "queued"), deadline_s=10)
    raylet.resume()
    assert machines.answer() == "closed"
    check_continued(folder, "busy", uid, UNREACHED)
    check_all_finished(folder, "busy", 3)


def test_r11_a_silent_machine_is_lost_and_its_trial_has_not_hung(machines: Machines) -> None:
    """Nothing answers, as when a cable is cut: the limit on stalls passes, but it is not the trial that stalls."""
    folder, places = machines.folder, machines.up(2)
    machines.begin("sweep", name="silent", trials=3, epochs=EPOCHS, slots=2, stall_s=2.0)
    uid = machines.until(lambda: busy_trial(folder, "silent"))
    silent = processes_of(places[worker_of(folder, "silent", uid)["node_id"]])
    send(silent, signal.SIGSTOP)
    try:
        machines.until(lambda: named(folder, "silent", "queued"), deadline_s=60)
    finally:
        send(silent, signal.SIGKILL)
    assert machines.answer() == "closed"
    check_continued(folder, "silent", uid, NODE_LOST)
    check_all_finished(folder, "silent", 3)


def test_r07_rays_memory_monitor_ends_a_trial_and_not_the_sweep(machines: Machines) -> None:
    folder = machines.folder
    machines.up(1)
    # To this machine's monitor all memory is taken; it first looks when the trial is under way.
    hungry = list(machines.up(2, RAY_memory_usage_threshold="0.001", RAY_memory_monitor_refresh_ms="5000").items())[-1]
    machines.begin("sweep", name="memory", trials=3, epochs=3 * EPOCHS, slots=2)
    assert machines.answer() == "closed"
    lose(hungry[1])
    sweep = sweep_of(folder, "memory")
    assert sweep.sweep.closed == "finished" and len(sweep.trials) == 3
    assert {trial.state for trial in sweep.trials} == {"finished", "failed"}
    for event in named(folder, "memory", "failed"):
        # On a busy machine a trial may not even begin between two looks, and is given up after a few of them.
        assert event.payload["kind"] == "oom" and event.payload["message"].startswith(MEMORY)


def test_r11_cases_of_a_lost_machine_are_made_again(fresh_machines: Machines, tmp_path: Path) -> None:
    machines = fresh_machines
    places = machines.up(2)
    write_cohort(tmp_path / "scans", PhantomConfig(cases=4, matrix_px=(128, 128), slices=(12, 16)))
    (tmp_path / "spec.yaml").write_text(
        f"name: cases\ndata: {{root: {tmp_path / 'scans'}, split: {{test: 0, validation: 0.4}}}}\n"
        "search: {trials: 1, architectures: {unet: {base_filters: 4}}}\ntrain: {epochs: 1, size: 128}\n"
    )
    cache = tmp_path / "cache"
    before = machines.ask("prepare", spec=str(tmp_path / "spec.yaml"), cache=str(cache))
    holders = {name for names in before["places"] for name in names}
    assert all(len(names) == 1 for names in before["places"]) and holders <= set(places), before
    # With the cache gone, whatever is in it afterwards was prepared anew.
    shutil.rmtree(cache)
    lose(places[sorted(holders)[0]])
    assert machines.ask("cases") == before["digests"]
    assert any(path.is_file() for path in cache.rglob("*")), "nothing had to be made again: the test shows nothing"


def test_r11_data_larger_than_the_store_survives_the_loss_of_machines(fresh_machines: Machines, tmp_path: Path) -> None:
    """One is lost while cases are prepared, and one that holds some of them while trials read them from files."""
    machines, cache, reads = fresh_machines, tmp_path / "cache", tmp_path / "reads.txt"
    places = machines.up(3, READS=str(reads))
    machines.begin("prepare_large", cache=str(cache), size_px=128, train=[120] * 14, validation=[120] * 2)
    machines.until(lambda: ((cache / "prepared").is_dir() and len(list(cache.rglob("*.lsprep"))) == 16) or None)
    lose(places.popitem()[1])
    # The two that are left need not both hold cases: the one that is lost next is one that does.
    holders = places.keys() & set(machines.answer())
    assert holders
    machines.begin("sweep", name="large", trials=5, epochs=EPOCHS, slots=2, trainer=READING)
    uid = machines.until(lambda: busy_trial(tmp_path, "large", holders))
    lost = worker_of(tmp_path, "large", uid)["node_id"]
    lose(places.pop(lost))
    assert machines.answer() == "closed"
    check_all_finished(tmp_path, "large", 5)
    lines = [line.split() for line in reads.read_text().splitlines()]
    assert len({node for node, _ in lines}) == 2 and len({seen for _, seen in lines}) == 1
    # What the lost machines held is made again for one that comes new and has nothing.
    assert lost not in machines.up(2, READS=str(reads))
    found = machines.ask("read")
    assert len(found) == 2 and set(found.values()) == {lines[0][1]}
