"""What a driver uses while it drives: CPU time and memory, for every thousand trials."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from results.records import Sweep
from sweeps.live import ENDS, PlainView, Progress

PART = 1000


DAEMONS = ("gcs_server", "raylet")


def private_mb(process: psutil.Process) -> float:
    """Resident minus shared memory."""
    memory = process.memory_info()
    return float(memory.rss - memory.shared) / 1e6


@dataclass
class Meter:
    """Notes CPU time and memory at every so many ended trials.

    Attributes:
        every: trials between two readings.
        warm: trials before the first reading begins: while workers start, there is more to do.
        rows: a reading each: trials, CPU-milliseconds a trial since the reading before, seconds, memory.
        gate: made as soon as that many trials have begun.
        left: what was found at the end, see `look_round`.
    """

    every: int
    warm: int
    gate: Path
    rows: list[dict[str, float]] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)
    _started: int = 0
    _ended: int = 0

    def started(self) -> None:
        self._started += 1
        if self._started == self.warm:
            self.gate.touch()

    def begin(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def ended(self) -> None:
        self._ended += 1
        counted = self._ended - self.warm
        if counted == 0:
            self.begin()
        if counted <= 0 or counted % self.every:
            return
        cpu, wall = time.process_time(), time.monotonic()
        me = psutil.Process()
        row = {
            "trials": counted,
            "cpu_ms": 1000 * (cpu - self._cpu) / self.every,
            "wall_ms": 1000 * (wall - self._wall) / self.every,
            "memory_mb": private_mb(me),
        }
        for child in me.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.name() in DAEMONS:
                    row[f"{child.name()}_mb"] = private_mb(child)
        self.rows.append(row)
        shown = ", ".join(f"{name} {value:.2f}" for name, value in row.items())
        print(f"  {shown}", flush=True)
        self.begin()

    def look_round(self, tune: Path) -> None:
        """At the end, while Ray is alive: own memory, that of the workers, files that Tune and Ray have left."""
        self.left["end_mb"] = private_mb(psutil.Process())
        workers = []
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.cmdline() and child.cmdline()[0].startswith("ray::"):
                    workers.append(private_mb(child))
        self.left["workers"] = len(workers)
        self.left["worker_mb"] = sum(workers) / max(1, len(workers))
        session = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).parent if "RAY_AUTH_TOKEN_PATH" in os.environ else None
        for name, folder in (("tune", tune), ("session", session)):
            if folder is not None:
                files, size = weigh(folder)
                self.left[f"{name}_files"], self.left[f"{name}_mb"] = files, size / 1e6


def weigh(folder: Path) -> tuple[int, int]:
    """Files and folders below a folder, and bytes."""
    count = size = 0
    for root, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        for name in files:
            with contextlib.suppress(OSError):
                size += Path(root, name).lstat().st_size
    return count, size


class MeteredView(PlainView):
    """The plain view, its lines to nowhere, with a meter at the end of trials."""

    def __init__(self, progress: Progress, meter: Meter) -> None:
        super().__init__(progress, Console(file=io.StringIO(), width=200))
        self._meter = meter

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        super().event(name, uid, fields)
        if name == "started":
            self._meter.started()
        if name in ENDS:
            self.console.file = io.StringIO()
            self._meter.ended()


class MeteredReporter:
    """See `sweeps.engine.Reporter`."""

    def __init__(self, meter: Meter, tune: Path) -> None:
        self._meter, self._tune = meter, tune

    def note(self, text: str) -> None:
        return None

    def steps(self, label: str, total: int) -> contextlib.AbstractContextManager[Callable[..., None]]:
        return contextlib.nullcontext(lambda *_: None)

    @contextlib.contextmanager
    def trials(
        self, total: int, epochs: int, architectures: Sequence[str], before: Sweep | None
    ) -> Iterator[PlainView]:
        self._meter.begin()
        yield MeteredView(Progress(total, epochs, architectures), self._meter)
        self._meter.look_round(self._tune)
