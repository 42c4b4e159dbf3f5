"""The process that cleans up after a driver that is gone: it finds what belongs to one Ray, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cluster import reaper

SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"
WITH_LOG = "import sys, time; log = open(sys.argv[1], 'w'); print('up', flush=True); time.sleep(60)"
# Starts a child of the same Ray whenever it can, so that a single round of kills is not enough.
BREEDING = """
import subprocess, sys, time
print("up", flush=True)
while True:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    time.sleep(0.05)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "lsw-test"
    (folder / "r" / "logs").mkdir(parents=True)
    (folder / "token").write_text("secret")
    return folder


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(script: str, *arguments: str, token: Path | None = None, **options: object) -> subprocess.Popen[str]:
        environment = dict(os.environ) | ({"RAY_AUTH_TOKEN_PATH": str(token)} if token else {})
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    for left in reaper.processes_of(folder):
        left.kill()


def pids(folder: Path) -> set[int]:
    return {process.pid for process in reaper.processes_of(folder)}


def eventually(look: Callable[[], bool], deadline_s: float = 30.0) -> bool:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.01)
    return False


def test_a_process_belongs_to_a_ray_by_its_token_or_its_open_files(folder: Path, start: Start) -> None:
    by_token = start(SLEEP, token=folder / "token")
    by_file = start(WITH_LOG, str(folder / "r" / "logs" / "agent.log"))
    neighbour = folder.with_name("lsw-test-2")
    neighbour.mkdir()
    others = [start(SLEEP), start(SLEEP, token=neighbour / "token"), start(WITH_LOG, str(neighbour / "agent.log"))]
    assert pids(folder) == {by_token.pid, by_file.pid}
    assert not pids(folder) & {process.pid for process in others}


def test_a_zombie_is_gone_already(folder: Path, start: Start) -> None:
    process = start(SLEEP, token=folder / "token")
    process.kill()
    assert eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert pids(folder) == set()


def test_neither_the_reaper_nor_its_driver_is_counted(folder: Path) -> None:
    """A driver that holds a log of its Ray, and lives, waits for its reaper."""
    script = f"""
        import os, sys
        sys.path.insert(0, {str(Path(reaper.__file__).parents[1])!r})
        from pathlib import Path
        from cluster.reaper import processes_of
        log, own = open({str(folder / "r" / "logs" / "driver.log")!r}, "w"), os.getpid()
        child = os.fork()
        if child == 0:
            os._exit(0 if processes_of(Path({str(folder)!r})) == [] else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    environment = dict(os.environ) | {"RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    lines = "\n".join(line[8:] for line in script.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], env=environment, timeout=60, check=False)
    assert done.returncode == 0


def test_reaping_ends_them_all_children_born_meanwhile_too_and_removes_the_folder(folder: Path, start: Start) -> None:
    breeding = start(BREEDING, token=folder / "token")
    stranger = start(SLEEP)
    assert eventually(lambda: len(pids(folder)) >= 3)
    reaper.reap(folder)
    assert pids(folder) == set() and not folder.exists()
    assert breeding.wait(timeout=10) == -signal.SIGKILL and stranger.poll() is None


def test_a_folder_that_its_driver_removed_is_no_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper, "processes_of", lambda folder: pytest.fail("looked for processes"))
    reaper.reap(folder / "gone")


def test_what_cannot_be_killed_keeps_nobody_waiting_for_ever(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(SLEEP, token=folder / "token")
    monkeypatch.setattr(psutil.Process, "kill", lambda process: None)
    monkeypatch.setattr(reaper, "PATIENCE_S", 0.3)
    reaper.reap(folder)
    assert not folder.exists()


DRIVER = """
import subprocess, sys, time
reaper = subprocess.Popen([sys.executable, "-I", sys.argv[1], sys.argv[2]], stdin=subprocess.PIPE, start_new_session=True)
print(reaper.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_reaper_acts_when_its_driver_dies_however_it_dies(folder: Path, start: Start, number: signal.Signals) -> None:
    orphan = start(SLEEP, token=folder / "token", start_new_session=True)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(reaper.__file__), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    watcher = psutil.Process(int(driver.stdout.readline()))
    driver.stdout.close()
    assert watcher.is_running() and orphan.poll() is None and folder.exists(), "while the driver lives, nothing happens"
    os.kill(driver.pid, number)
    driver.wait(timeout=10)
    assert orphan.wait(timeout=30) == -signal.SIGKILL
    assert eventually(lambda: not folder.exists())
    assert eventually(lambda: not watcher.is_running() or watcher.status() == psutil.STATUS_ZOMBIE)


def test_a_ctrl_c_in_the_terminal_does_not_reach_it(folder: Path) -> None:
    from cluster.local import _dismiss, _reaper

    process = _reaper(folder)
    try:
        assert os.getpgid(process.pid) != os.getpgid(0)
        assert process.poll() is None
    finally:
        _dismiss(process)
    assert process.returncode == 0 and not folder.exists()
