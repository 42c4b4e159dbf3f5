"""All scans of a `predict`: what is there already is kept, the rest goes to the fleet, a scan that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cluster.local import usable_cpus
from sweeps.errors import UsageError
from sweeps.fleet import Fleet, Places, in_this_process, work_through
from sweeps.handover.scan_files import kept_record
from sweeps.handover.scan_job import READING, PredictSettings, ScanJob
from sweeps.handover.scratch import clear_abandoned
from sweeps.quiet_backend import load_backend

OnSlices = Callable[[ScanJob, str, int, int], None]

WORKER_BYTES = 25 * 10**8
"""What a worker takes at most, about: the backend, the networks and one scan's labels."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What came of one scan.

    Attributes:
        job: the scan.
        record: what was written; None where it failed.
        error: why.
        kept: whether it had been predicted before.
    """

    job: ScanJob
    record: dict[str, Any] | None = None
    error: Exception | None = None
    kept: bool = False


def segment_all(
    jobs: Sequence[ScanJob],
    settings: PredictSettings,
    fleet: Fleet,
    *,
    overwrite: bool = False,
    on_scan: Callable[[Segmented], None] = lambda done: None,
    on_slices: OnSlices = lambda job, stage, done, total: None,
) -> tuple[Segmented, ...]:
    """Segment scans, each with its files written whole or not at all.

    Args:
        jobs: the scans; their folder of results is made.
        settings: the model and how it is used.
        fleet: where; one scan is done in this process, without Ray.
        overwrite: do anew what is there.
        on_scan: called after each scan, in whatever order.
        on_slices: called as slices are done: the scan, `READING` (of a DICOM series) or `SEGMENTING`, how many of how many.

    Returns:
        One a job, in order.

    Raises:
        DataError, ConfigError: the model cannot be used. Nothing was written.
        UsageError: other files are in the place of a prediction. Nothing was written.
        ClusterError: a cluster cannot do it, or has lost all its machines. What was done is kept.
    """
    from liverseg.handover.folder import open_model

    model = open_model(settings.model)
    outs = sorted({job.out for job in jobs})
    for out in outs:
        clear_abandoned(out)
    how = _how(settings, model.description)
    found = {} if overwrite else _kept(jobs, model.id, how, on_slices)
    done = {job: Segmented(job, record, kept=True) for job, record in found.items()}
    for each in done.values():
        on_scan(each)
    todo = [job for job in jobs if job not in found]
    with _folders(outs), closing(_segment(todo, settings, fleet, on_slices)) as segmented:
        for each in segmented:
            done[each.job] = each
            on_scan(each)
    return tuple(done[job] for job in jobs)


def _segment(
    jobs: Sequence[ScanJob],
    settings: PredictSettings,
    fleet: Fleet,
    on_slices: OnSlices,
) -> Generator[Segmented]:
    """Hand scans to the fleet; what came of each, as it comes."""

    def tell(index: int, message: Any) -> None:
        on_slices(jobs[index], *message)

    if in_this_process(len(jobs), fleet) and jobs:
        load_backend(fleet.environment)
        settings = replace(settings, threads=max(settings.threads, usable_cpus()))  # nobody else is at work
    worker = "sweeps.handover.prediction:PredictWorker"
    reads = (settings.model, *(job.path for job in jobs))
    fleet = replace(fleet, places=Places(reads, tuple({job.out for job in jobs})))
    with closing(work_through(jobs, worker, settings, fleet, tell=tell)) as answers:
        for answer in answers:
            yield Segmented(jobs[answer.index], answer.value, answer.error)


@contextmanager
def _folders(outs: Sequence[Path]) -> Iterator[None]:
    """The folders of results; what a killed worker left in them goes, and so does one that was made and stayed empty."""
    made: list[Path] = []
    try:
        for out in outs:
            if _make(out):
                made.append(out)
        yield
    finally:
        for out in outs:
            clear_abandoned(out)
        for out in made:
            with suppress(OSError):
                out.rmdir()


def _kept(
    jobs: Sequence[ScanJob], model_id: str, how: dict[str, Any], on_slices: OnSlices
) -> dict[ScanJob, dict[str, Any]]:
    """The records of scans that have been predicted in the same way."""
    found = {}
    for job in jobs:
        record = kept_record(job, model_id, how, partial(on_slices, job, READING))
        if record is not None:
            found[job] = record
    return found


def _how(settings: PredictSettings, description: Any) -> dict[str, Any]:
    """What a record must say to be of a prediction made in this way."""
    from liverseg.handover.postprocess import NONE

    flips = description.flips if settings.flips is None else settings.flips
    return {"flips": flips, "postprocess": (NONE if settings.raw else description.postprocess).as_json()}


def _make(out: Path) -> bool:
    """Make a folder of results; whether there was none."""
    try:
        new = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the folder of the results cannot be made",
            where=str(out),
            got=error.strerror,
            next_step="choose another with -o",
        ) from error
    return new
