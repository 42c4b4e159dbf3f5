"""How jobs of a cluster are shown: as lines, as a table, as JSON; and a look at a sweep's own folder where it can be read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import write_text

if TYPE_CHECKING:
    from cluster.jobs.client import JobRecord
    from sweeps.remote.submission import Submission

LAST_LINES = 15


def whole_lines(pieces: Iterator[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces."""
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        yield from lines
    if rest:
        yield rest


def say_line(line: str) -> None:
    """A line of somebody else's output: it cannot steer the terminal."""
    from results.text import printable

    write_text(printable(line))
    sys.stdout.flush()


def last_lines(log: str) -> list[str]:
    """The end of a log, for the terminal."""
    from results.text import printable

    return [printable(line) for line in log.splitlines() if line.strip()][-LAST_LINES:]


def progress_of(record: JobRecord) -> tuple[Any, str] | None:
    """A look at the sweep's folder, where it can be read from here and is the one that the job began with; else None."""
    from results.errors import ResultsError
    from sweeps.errors import SweepError
    from sweeps.folder import SweepFolder, check_name
    from sweeps.watch import Watcher, state_of

    name, runs = record.metadata.get("sweep", ""), record.metadata.get("runs", "")
    try:
        watcher = Watcher(SweepFolder.existing(f"{runs}/{check_name(name)}", Path(runs)))
        driven = watcher.look(lambda change: None)
        same = watcher.sweep().sweep.hashes.get("spec") == record.metadata.get("spec")
        return (watcher, state_of(watcher, driven=driven)) if same else None
    except (SweepError, ResultsError, OSError):
        return None


def plain(record: JobRecord, log: str | None = None) -> dict[str, Any]:
    """A job as JSON values; with its log also how it ended."""
    from sweeps.remote.verdict import verdict

    found = verdict(record, log) if log is not None and record.over else None
    attempt = record.metadata.get("attempt", "")
    return {
        "id": record.id,
        "sweep": record.metadata.get("sweep"),
        "state": record.state,
        "attempt": int(attempt) if attempt.isdecimal() else None,
        "runs": record.metadata.get("runs"),
        "submitted": record.submitted.isoformat() if record.submitted else None,
        "ended": record.ended.isoformat() if record.ended else None,
        "exit_code": found.code if found else record.exit_code,
        "verdict": found.words if found else None,
        "version": record.metadata.get("liversweep"),
        "code": record.metadata.get("code"),
        "spec": record.metadata.get("spec"),
    }


def sent(submission: Submission) -> dict[str, Any]:
    """What travelled, as JSON values."""
    parcel = submission.parcel
    return {"bytes": len(parcel.data), "files": parcel.files, "sha256": parcel.sha256, "data": submission.data}


def lines_of(record: JobRecord, log: str) -> list[str]:
    """How a job stands, for people."""
    from results.text import printable
    from sweeps.remote.verdict import verdict

    how = verdict(record, log).words if record.over else f"is {record.state}"
    times = [f"submitted {_clock(record.submitted)}", *([f"ended {_clock(record.ended)}"] if record.ended else [])]
    attempt = record.metadata.get("attempt", "1")
    text = [
        f"{record.metadata.get('sweep', record.id)} {how}",
        f"job {record.id}, attempt {attempt}, {', '.join(times)}",
        f"runs in {record.metadata.get('runs', 'unknown')}",
    ]
    return [printable(line) for line in text]


def _clock(time: Any) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "–"


def table(found: tuple[JobRecord, ...]) -> Any:
    """Jobs, a row each."""
    from rich.table import Table
    from rich.text import Text

    from results.text import printable

    table = Table()
    for name in ("sweep", "job", "state", "attempt", "submitted", "ended", "runs"):
        table.add_column(name, justify="right" if name == "attempt" else "left")
    for job in found:
        words = (
            job.metadata["sweep"],
            job.id,
            _state(job),
            job.metadata.get("attempt", "1"),
            _clock(job.submitted),
            _clock(job.ended),
            job.metadata.get("runs", "–"),
        )
        table.add_row(*(Text(printable(word)) for word in words))
    return table


_STATES = {2: "refused", 3: "finished, failed trials", 130: "interrupted"}


def _state(job: JobRecord) -> str:
    """Ray calls `failed` whatever ends with another exit code than 0."""
    words = "finished" if job.state == "succeeded" else job.state
    return _STATES.get(job.exit_code or 0, words)
