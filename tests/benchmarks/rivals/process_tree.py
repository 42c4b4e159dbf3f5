"""Runs a command and counts what it and everything that it starts takes. Linux only: it reads /proc.

Ray's processes outlive their parents and Ray does not wait for its workers, so the kernel's sums for waited-for children miss most
of them. This process becomes the one that orphans fall to, and adds up the CPU time of all its descendants every fifth of a
second; of a process that its parent has waited for meanwhile, at most that much is missed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SET_CHILD_SUBREAPER = 36
_EVERY_S, _GRACE_S, _LIMIT_S = 0.2, 15.0, 1800.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command took.

    Attributes:
        code: its exit status; negative for the signal that ended it, which is also what becomes of it after half an hour.
        wall_s: from its start to its end.
        cpu_s: user and system time of it and all its descendants.
        others_cpu_s: what the rest of the machine used meanwhile: above a few per cent of a core, walls are not to be trusted.
        left: processes that were still there after a while, and were killed.
    """

    code: int
    wall_s: float
    cpu_s: float
    others_cpu_s: float
    left: int


@dataclass
class _Meter:
    """CPU ticks of every descendant, kept after its end."""

    root: int
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)

    def look(self) -> None:
        """Read all descendants once."""
        table = {pid: line for pid, line in _stats()}
        below: dict[int, list[int]] = {}
        for pid, line in table.items():
            below.setdefault(line.parent, []).append(pid)
        waiting = list(below.get(self.root, ()))
        while waiting:
            pid = waiting.pop()
            self.ticks[pid, table[pid].began] = table[pid].ticks
            waiting += below.get(pid, ())

    @property
    def seconds(self) -> float:
        """Of all that were seen."""
        return sum(self.ticks.values()) / _TICKS


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    ticks: int
    began: int


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Ran:
    """Run a command to its end, and end what it left behind.

    Args:
        log: gets what it writes to stdout and stderr.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    meter, over = _Meter(os.getpid()), threading.Event()
    busy, began = _busy_s(), time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        )
    watcher = threading.Thread(target=_watch, args=(meter, over, process.pid), daemon=True)
    watcher.start()
    try:
        # It stays in /proc until `_end_all` has counted it.
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - began
    finally:
        over.set()
        watcher.join()
        left = _end_all(meter)
    assert ended is not None
    process.returncode = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    others = max(0.0, _busy_s() - busy - meter.seconds)
    return Ran(process.returncode, wall, meter.seconds, others, left)


def _watch(meter: _Meter, over: threading.Event, pid: int) -> None:
    end = time.monotonic() + _LIMIT_S
    while not over.wait(_EVERY_S):
        meter.look()
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)


def _end_all(meter: _Meter) -> int:
    """Wait for all descendants, kill by pid those that do not end; how many these were."""
    left, end = 0, time.monotonic() + _GRACE_S
    while True:
        meter.look()
        _collect()
        alive = list(_descendants())
        if not alive:
            return left
        if time.monotonic() > end:
            left, end = left + len(alive), time.monotonic() + _GRACE_S
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _collect() -> None:
    """Wait for every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants() -> Iterator[int]:
    found, parents = {os.getpid()}, {pid: line.parent for pid, line in _stats()}
    grown = True
    while grown:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | new, bool(new)
    return iter(found - {os.getpid()})


def _stats() -> Iterator[tuple[int, _Stat]]:
    """Every process of the machine."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:  # it ended meanwhile
            continue
        fields = text.rpartition(")")[2].split()
        yield int(folder.name), _Stat(int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[19]))


def _busy_s() -> float:
    """CPU-seconds that the whole machine has used so far: user, nice, system, interrupts."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, hard, soft = (int(value) for value in fields[:7])
    return (user + nice + system + hard + soft) / _TICKS
