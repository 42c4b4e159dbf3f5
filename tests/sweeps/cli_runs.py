"""Running the installed command as a user does, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

COMMAND = Path(sys.executable).with_name("liversweep")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def liversweep(*arguments: object, cwd: Path, timeout_s: float = 280, **environment: str) -> Result:
    """Run the command to its end; its cache lies inside `cwd`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "LIVERSWEEP_"))}
    done = subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=clean | {"LIVERSWEEP_CACHE": str(cwd / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def ray_processes_of(folder: Path) -> list[int]:
    """Pids of processes that were started by a sweep in `folder` and still live: their working folder tells."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
