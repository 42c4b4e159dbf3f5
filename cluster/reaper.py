"""Cleans up after a private Ray whose driver is gone, however it went; also after SIGKILL, when nobody else can.

Ray ends most of its processes with its driver, but two agents wait for its head for ever, and its folder stays. This runs
as a process of its own, `python reaper.py FOLDER`, and waits for the end of its standard input, which the driver holds.
It then ends, by pid, whatever belongs to that one Ray, and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

QUIET_ROUNDS = 3
PAUSE_S = 0.1
PATIENCE_S = 20.0


def processes_of(folder: Path) -> list[psutil.Process]:
    """The processes of this user that hold the token or a file of the Ray in `folder`."""
    found, spared = [], {os.getpid(), os.getppid()}  # the driver itself may be waiting for this process
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in spared and process.uids().real == os.getuid() and _belongs(process, folder):
                found.append(process)
    return found


def _belongs(process: psutil.Process, folder: Path) -> bool:
    """By its environment; by its open logs where it has written its title over that."""
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if process.environ().get("RAY_AUTH_TOKEN_PATH") == str(folder / "token"):
        return True
    return any(Path(file.path).is_relative_to(folder) for file in process.open_files())


def reap(folder: Path) -> None:
    """Kill them until none comes back (a dying parent may still have started one), then remove the folder."""
    if not folder.exists():
        return  # its driver has cleaned up itself
    end, quiet = time.monotonic() + PATIENCE_S, 0
    while quiet < QUIET_ROUNDS and time.monotonic() < end:
        found = processes_of(folder)
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        quiet = 0 if found else quiet + 1
        time.sleep(PAUSE_S)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    reap(Path(sys.argv[1]))
