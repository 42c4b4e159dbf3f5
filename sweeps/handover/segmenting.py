"""All scans of a `predict`: what is there already is kept, the rest goes to the fleet, a scan that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.local import usable_cpus
from sweeps.errors import UsageError
from sweeps.fleet import Fleet, in_this_process, work_through
from sweeps.handover.scan_files import clear_away, kept_record
from sweeps.handover.scan_job import PredictSettings, ScanJob
from sweeps.quiet_backend import load_backend

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
    on_slices: Callable[[ScanJob, int, int], None] = lambda job, done, total: None,
) -> tuple[Segmented, ...]:
    """Segment scans, each with its files written whole or not at all.

    Args:
        jobs: the scans; their folder of results is made.
        settings: the model and how it is used.
        fleet: where; one scan is done in this process, without Ray.
        overwrite: do anew what is there.
        on_scan: called after each scan, in whatever order.
        on_slices: called as slices are done.

    Returns:
        One a job, in order.

    Raises:
        DataError, ConfigError: the model cannot be used. Nothing was written.
        UsageError: other files are in the place of a prediction. Nothing was written.
        KeyboardInterrupt: a signal came; scans that were done stay.
    """
    from liverseg.handover.folder import check_outside, open_model

    model = open_model(settings.model)
    how = _how(settings, model.description)
    outs = sorted({job.out for job in jobs})
    for out in outs:
        check_outside(out)
        clear_away(out)
    found = {} if overwrite else {job: record for job in jobs if (record := kept_record(job, model.id, how))}
    made = [out for out in outs if _make(out)]
    done = {job: Segmented(job, record, kept=True) for job, record in found.items()}
    for each in done.values():
        on_scan(each)
    todo = [job for job in jobs if job not in found]

    def tell(index: int, message: Any) -> None:
        on_slices(todo[index], *message)

    if in_this_process(len(todo), fleet) and todo:
        load_backend(fleet.environment)
        settings = replace(settings, threads=max(settings.threads, usable_cpus()))  # nobody else is at work
    worker = "sweeps.handover.prediction:PredictWorker"
    try:
        with closing(work_through(todo, worker, settings, fleet, tell=tell)) as answers:
            for answer in answers:
                each = Segmented(todo[answer.index], answer.value, answer.error)
                done[each.job] = each
                on_scan(each)
    finally:
        for out in outs:
            clear_away(out)  # of workers that were ended in the middle of a scan
        for out in made:
            with suppress(OSError):
                out.rmdir()  # where no scan was segmented, nothing is left
    return tuple(done[job] for job in jobs)


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
