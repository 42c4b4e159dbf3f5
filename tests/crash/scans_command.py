"""The command as installed, which notes which machine gets which scan: `python -m tests.crash.scans_command NOTES WORD…`.

It hands out nothing before FAKE_TOGETHER workers (2) are ready: the first to be ready might else have done all tiny scans before
the others are. Then it notes READY and waits for a file `NOTES.go`. Each further line of NOTES is the number of a job and Ray's id
of the machine that gets it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sweeps.crew
from sweeps.cli import main
from sweeps.crew import Crew, Seat
from sweeps.fleet import Answer
from tests.crash.processes import eventually

READY = "ready"


class NotingCrew(Crew):
    """Notes every job that it hands out."""

    def answers(self) -> Iterator[Answer]:
        import ray

        if together := int(os.environ.get("FAKE_TOGETHER", "2")):
            ray.wait([seat.doing for seat in self._seats], num_returns=together, timeout=120)
            note(READY)
            eventually(Path(f"{sys.argv[0]}.go").exists)
        return super().answers()

    def _hand(self, seat: Seat) -> None:
        super()._hand(seat)
        if seat in self._seats:
            note(f"{seat.index} {seat.machine}")


def note(text: str) -> None:
    with Path(sys.argv[0]).open("a") as notes:
        notes.write(f"{text}\n")


if __name__ == "__main__":
    patched: Any = sweeps.crew
    patched.Crew, patched.WAIT_S = NotingCrew, 1.0
    sys.argv = sys.argv[1:]
    main()
