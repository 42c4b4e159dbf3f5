"""How a job of a cluster ended, from what Ray keeps of it and from its log."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster.jobs.client import STOPPED, JobRecord
from sweeps.errors import SweepError
from sweeps.remote.submission import END_MARK, STOP_WAIT_S

_RAYS_OWN = re.compile(rf"^{END_MARK} |^Running entrypoint for job |job_manager\.py:\d+ -- Runtime env is setting up")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job ended.

    Attributes:
        code: the exit code of `liversweep`; 1 when nobody knows it.
        clean: whether the sweep itself ended, rather than being killed.
        words: the same for people.
    """

    code: int
    clean: bool
    words: str


_WORDS = {
    0: "finished",
    1: "ended with an error",
    2: "was refused: spec, scans or options are wrong",
    3: "finished, with failed trials",
    127: "did not begin: there is no such Python on the cluster; name it with --python PATH",
    130: "was interrupted, and is closed cleanly; go on by submitting it again",
    143: "was stopped before it had begun",
}


def verdict(job: JobRecord, log: str) -> Verdict:
    """How a job that is over ended: by its exit code or, where Ray keeps none, by the last line of its log.

    Raises:
        SweepError: it is not over.
    """
    if not job.over:
        raise SweepError("the job is not over", where=job.id, got=job.state)
    code = exit_code(log) if job.exit_code is None else job.exit_code
    if code is None:
        return Verdict(1, False, f"{job.state} without a clean end: {_reason(job)}")
    return Verdict(code, code in (0, 2, 3, 130), _WORDS.get(code, f"ended with exit code {code}"))


def started(log: str) -> bool:
    """Whether a job's log says that scans and machines were found good, and trials are run."""
    return re.search(r"^running \d+ trials, ", log, re.MULTILINE) is not None


def exit_code(log: str) -> int | None:
    """What the last line of a job's log says; None when the job was killed before it could say so."""
    marks = re.findall(rf"^{END_MARK} (\d{{1,3}})$", log, re.MULTILINE)
    return int(marks[-1]) if marks else None


def _reason(job: JobRecord) -> str:
    if job.state == STOPPED:
        return f"it did not end within {STOP_WAIT_S} s and was killed, or had not begun"
    lines = [line.strip() for line in job.message.splitlines() if line.strip()]
    return lines[-1] if lines else "Ray does not say why"


def error_lines(log: str, most: int = 20) -> list[str]:
    """What a log says of why its job failed: from its last `error:` line on, else its last lines."""
    lines = [line for line in log.splitlines() if line.strip() and not _RAYS_OWN.search(line)]
    begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    return lines[begins[-1] :][:most] if begins else lines[-most:]
