"""Scoring kept networks on scans they never saw: one Ray task a trial, as many at once as trials would be trained.

A task answers with its record or with one line that says why there is none, so that nothing a worker raises has to
survive the way to the driver; a worker that dies is told by Ray. What is printed goes to the trial's log.
"""

from __future__ import annotations

import importlib
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cluster.config import Slots
from results.store.location import open_store
from results.store.mirror import pull, push
from sweeps import trial_files
from sweeps.executor.failure import disk_full, disk_message, failure_message
from sweeps.executor.trial_log import TrialLog
from sweeps.trial_files import MESSAGE_LIMIT

if TYPE_CHECKING:
    from ray import ObjectRef

    from liverseg.preprocess import Pack
    from sweeps.prepare import Prepared

SCORER = "liverseg.training.held_out:score_held_out"
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class ScoringJob:
    """One network to score.

    Attributes:
        uid: the trial.
        trial: its folder, where the log is.
        weights: folder of its checkpoint.
        size_px: side of its input: at which size the scans are read.
        store: URI of the sweep, when it lies in a store: the folders are then those of the driver's machine.
    """

    uid: str
    trial: Path
    weights: Path
    size_px: int
    store: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a job.

    Attributes:
        uid: the trial.
        record: `metrics`, `cases` and `scores`; None when it could not be scored.
        message: why not, in one line.
        seconds: what it took, in the worker.
    """

    uid: str
    record: Mapping[str, Any] | None
    message: str = ""
    seconds: float = 0.0


def score_jobs(
    jobs: Sequence[ScoringJob],
    scans: Prepared,
    slots: Slots,
    *,
    scorer: str = SCORER,
    look: Callable[[], None] = lambda: None,
) -> Iterator[Scored]:
    """Score every job on the Ray that this process is connected to; yields as they come, in whatever order.

    Args:
        jobs: what to score.
        scans: the prepared test part.
        slots: CPUs and GPUs of each job.
        scorer: import path `module:function` of what scores: it is given the checkpoint's folder and the pack. For one with
            an attribute `needs_backend = False` no compute backend is set up.
        look: called several times a second; what it raises ends the scoring.
    """
    import ray

    remote: Any = ray.remote(num_cpus=slots.cpus, num_gpus=slots.gpus, max_retries=0)(score_job)
    shared = ray.put(scans)
    pending = {remote.remote(job, shared, slots, scorer): job for job in jobs}
    while pending:
        look()
        done, _ = ray.wait(list(pending), num_returns=1, timeout=PAUSE_S)
        for ref in done:
            yield _fetched(ref, pending.pop(ref))


def _fetched(ref: ObjectRef[Scored], job: ScoringJob) -> Scored:
    import ray
    from ray.exceptions import OutOfMemoryError, RayError

    try:
        found: Scored = ray.get(ref)
        return found
    except OutOfMemoryError:
        return Scored(job.uid, None, "Ray ended the worker because the machine ran out of memory")
    except RayError as error:
        text = " ".join(str(error).split())
        return Scored(job.uid, None, f"the worker died without a word: {text}"[:MESSAGE_LIMIT])


def score_job(job: ScoringJob, scans: Prepared, slots: Slots, scorer: str) -> Scored:
    """Worker side: one job, whatever happens to it."""
    with at_hand(job) as there:
        return _score_job(there, scans, slots, scorer)


def _score_job(job: ScoringJob, scans: Prepared, slots: Slots, scorer: str) -> Scored:
    log = TrialLog(job.uid, job.trial / trial_files.LOG)
    began = time.monotonic()
    try:
        with log.captured():
            record = _scored(job, scans, slots, scorer)
            seconds = round(time.monotonic() - began, 3)
            log.info(f"scored on {len(record['cases'])} test scans in {seconds:.1f} s")
            return Scored(job.uid, record, seconds=seconds)
    except Exception as error:
        log.error("".join(traceback.format_exception(error)))
        message = disk_message(error) if disk_full(error) else failure_message(error, f"size {job.size_px}", slots.gpus)
        return Scored(job.uid, None, message[:MESSAGE_LIMIT])
    finally:
        log.close()


@contextmanager
def at_hand(job: ScoringJob) -> Iterator[ScoringJob]:
    """The job with its weights and its log on this machine; for a sweep in a store these are fetched, and the log is sent."""
    if not job.store:
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="liversweep-") as place:
        sweep, store = Path(place), open_store(job.store)
        trial, weights = f"trials/{job.uid}", job.weights.name
        pull(store, sweep, prefix=f"{trial}/{weights}")
        pull(store, sweep, [f"{trial}/{trial_files.LOG}"])
        (sweep / trial).mkdir(parents=True, exist_ok=True)
        yield replace(job, trial=sweep / trial, weights=sweep / trial / weights)
        if (sweep / trial / trial_files.LOG).exists():
            push(sweep, store, [f"{trial}/{trial_files.LOG}"])


def _scored(job: ScoringJob, scans: Prepared, slots: Slots, scorer: str) -> Mapping[str, Any]:
    module, _, name = scorer.partition(":")
    score = cast("Callable[[Path, Pack], Mapping[str, Any]]", getattr(importlib.import_module(module), name))
    if not getattr(score, "needs_backend", True):
        return score(job.weights, scans.pack("test", job.size_px))
    from liverseg.training.device import pin_threads, release_models
    from liverseg.training.gpu import limit_gpu

    pin_threads(slots.cpus)
    limit_gpu(slots.gpus)
    try:
        return score(job.weights, scans.pack("test", job.size_px))
    finally:
        release_models()
