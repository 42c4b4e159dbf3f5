"""Starting, watching and killing real drivers, each by its pid, and finding what they might leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.ledger_line import Event
from results.records import Sweep
from tests.sweeps.cli_runs import COMMAND

ROOT = Path(__file__).resolve().parents[2]
FAKE_COMMAND = (sys.executable, "-m", "tests.crash.fake_command")
REAL_COMMAND = (str(COMMAND),)
Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], deadline_s: float = 120.0) -> Found:
    """The first thing that `look` finds; fails when the deadline passes."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was found before the deadline")


class Driver:
    """A command in a process and a session of its own, with its output in files."""

    def __init__(
        self, command: Sequence[str], arguments: Sequence[str], folder: Path, environment: dict[str, str] | None = None
    ) -> None:
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "FAKE_", "LIVERSWEEP_"))
        }
        self.folder = folder
        self.output, self.errors = folder / "stdout.txt", folder / "stderr.txt"
        with self.output.open("w") as out, self.errors.open("w") as err:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=folder,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env=clean
                | {"LIVERSWEEP_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
                | (environment or {}),
            )

    def wait(self, timeout_s: float = 180.0) -> int:
        """The exit code."""
        return self.process.wait(timeout=timeout_s)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the driver, or as a terminal does to its whole process group."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def text(self) -> str:
        return self.errors.read_text()


def events_of(folder: Path, name: str = "fake") -> list[Event]:
    """A sweep's events so far; none while there is no ledger."""
    try:
        return read_events(folder / "runs" / name / "ledger.jsonl")
    except LedgerError:
        return []


def sweep_of(folder: Path, name: str = "fake") -> Sweep:
    return fold(events_of(folder, name))


def no_process_left(folder: Path, deadline_s: float = 20.0) -> bool:
    """Whether every process that works in `folder` is gone, or goes before the deadline."""
    return eventually(lambda: not processes_in(folder), deadline_s)


def processes_in(folder: Path) -> list[int]:
    """Pids of processes whose working folder is `folder` or lies in it: a driver and all that Ray starts for it."""
    found = []
    for process in psutil.process_iter():
        try:
            place = Path(process.cwd())
            if (place == folder or folder in place.parents) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def workers_of(driver: psutil.Process) -> list[psutil.Process]:
    """Ray workers that are inside a trial's step now."""
    found = []
    for process in driver.children(recursive=True):
        try:
            line = process.cmdline()
            if line and line[0].startswith("ray::") and ".train" in line[0]:
                found.append(process)
        except psutil.Error:
            continue
    return found
