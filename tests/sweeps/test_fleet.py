"""Jobs done by few warm processes: in this one, and on Ray."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.config import AttachedConfig, LocalConfig
from liverseg.errors import DataError
from sweeps.fleet import Answer, Fleet, JobFailed, WorkerDied, in_this_process, portable, room_here, work_through
from tests.sweeps.cli_runs import ray_processes_of
from tests.sweeps.fleet_workers import Deadly, Unpicklable

WORKER = "tests.sweeps.fleet_workers:Worker"
HERE = Fleet(local=True)


def ended(jobs: list[Any], folder: Path, fleet: Fleet = HERE) -> tuple[dict[int, Answer], list[tuple[int, Any]]]:
    heard: list[tuple[int, Any]] = []

    def tell(index: int, message: Any) -> None:
        assert index not in found, "told after the answer"
        heard.append((index, message))

    found: dict[int, Answer] = {}
    for answer in work_through(jobs, WORKER, folder, fleet, tell=tell):
        assert answer.index not in found
        found[answer.index] = answer
    return found, heard


def test_in_this_process_one_worker_does_all_and_ray_is_not_even_imported(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from sweeps.fleet import Fleet, work_through
answers = list(work_through([4], {WORKER!r}, Path({str(tmp_path)!r}), Fleet()))
assert answers[0].get()[1] == 8 and "ray" not in sys.modules, answers
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    found, heard = ended([1, "data", 3], tmp_path)
    assert [found[index].value for index in (0, 2)] == [(os.getpid(), 2), (os.getpid(), 6)]
    assert isinstance(found[1].error, DataError) and found[1].value is None
    assert heard == [(0, ("begun", 1)), (0, ("ended", 1)), (1, ("begun", "data")), (2, ("begun", 3)), (2, ("ended", 3))]
    assert len(list(tmp_path.glob(f"made-{os.getpid()}"))) == 1
    with pytest.raises(DataError, match="cut short"):
        found[1].get()


def test_no_jobs_make_no_worker(tmp_path: Path) -> None:
    assert ended([], tmp_path / "damaged") == ({}, [])


def test_a_worker_that_cannot_be_made_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="damaged"):
        ended([1, 2], tmp_path / "damaged")


def test_where_jobs_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.fleet._free_bytes", lambda: 10 * 10**9)
    four = LocalConfig(cpus=4)
    assert in_this_process(1, Fleet(where=AttachedConfig()))
    assert not in_this_process(2, Fleet(where=AttachedConfig(), workers=1))
    assert in_this_process(9, Fleet(where=four, workers=1)) and in_this_process(9, Fleet(where=four, cpus=3))
    assert in_this_process(9, Fleet(where=four, memory_bytes=8 * 10**9))
    assert not in_this_process(2, Fleet(where=four))
    assert [room_here(jobs, Fleet(where=four)) for jobs in (2, 9)] == [2, 4]
    assert room_here(9, Fleet(where=four, cpus=2)) == 2 and room_here(9, Fleet(where=four, workers=3)) == 3
    assert room_here(9, Fleet(where=four, memory_bytes=3 * 10**9)) == 3
    assert room_here(9, Fleet(where=four, memory_bytes=10**12)) == 1


def test_an_error_that_cannot_travel_becomes_one_that_can() -> None:
    ours = DataError("cut", case="c", rule="N1", where="f")
    assert portable(ours) is ours and not hasattr(ours, "__notes__")
    bug = portable(ZeroDivisionError("divided"))
    assert isinstance(pickle.loads(pickle.dumps(bug)), ZeroDivisionError) and "in the worker" in bug.__notes__[0]
    strange = portable(Unpicklable("strange"))
    assert isinstance(strange, JobFailed) and str(strange) == "Unpicklable: strange"


@pytest.mark.ray
def test_on_ray_workers_stay_warm_and_one_that_dies_is_replaced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every job is answered once, after all its messages; a killed worker costs its own job only; nothing is left."""
    jobs = [1, 2, Deadly("ct-7"), "data", "bug", "strange", *range(3, 15)]
    found, heard = ended(jobs, tmp_path, Fleet(workers=2, where=LocalConfig(cpus=2)))
    assert sorted(found) == list(range(len(jobs)))
    numbers = [index for index, job in enumerate(jobs) if isinstance(job, int)]
    assert [found[index].get()[1] for index in numbers] == [jobs[index] * 2 for index in numbers]
    assert isinstance(found[2].error, WorkerDied) and str(found[2].error).startswith("ct-7: the worker process")
    assert isinstance(found[3].error, DataError) and found[3].error.rule == "N1"
    assert isinstance(found[4].error, ZeroDivisionError) and "fleet_workers.py" in found[4].error.__notes__[0]
    assert isinstance(found[5].error, JobFailed)
    for index in numbers:
        assert [message for told, message in heard if told == index] == [("begun", jobs[index]), ("ended", jobs[index])]
    made = {int(path.name.removeprefix("made-")) for path in tmp_path.glob("made-*")}
    assert os.getpid() not in made and {found[index].get()[0] for index in numbers} <= made
    # Two, and one for the one that died, if the other had not done all by then.
    assert len(made) in (2, 3)
    assert not any(map(psutil.pid_exists, made))
    assert capfd.readouterr().out == "", "stdout is for data"


@pytest.mark.ray
@pytest.mark.crash
def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from cluster.config import LocalConfig
from sweeps.fleet import Fleet, work_through
fleet = Fleet(where=LocalConfig(cpus=2))
try:
    for answer in work_through(["hang"] * 4, {WORKER!r}, Path.cwd(), fleet, tell=lambda *_: print("told", flush=True)):
        raise SystemExit("answered")
except KeyboardInterrupt:
    sys.exit(130)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == [b"told\n", b"told\n"]
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 130
    end = time.monotonic() + 10
    while (left := ray_processes_of(tmp_path)) and time.monotonic() < end:
        psutil.wait_procs([psutil.Process(pid) for pid in left if psutil.pid_exists(pid)], timeout=0.2)
    assert left == []


@pytest.mark.ray
def test_workers_that_are_killed_as_they_load_end_it(tmp_path: Path) -> None:
    import ray

    fleet = Fleet(where=LocalConfig(cpus=2))
    with (
        pytest.raises(WorkerDied, match="while they load"),
        contextlib.closing(work_through([1, 2], "tests.sweeps.fleet_workers:NeverBegins", tmp_path, fleet)) as answers,
    ):
        next(answers)
    assert not ray.is_initialized()
