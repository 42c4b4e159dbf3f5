"""The validation scans as reports show them slice by slice: one small file each, written once for all trials.

Trials write what they predicted; scan and reference mask are the same for all of them. The driver alone writes here, before
the first trial, each file whole; what an earlier run of the sweep has left is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.nodes import machines
from results.storage import write_atomic
from sweeps.prepare import Prepared, get

if TYPE_CHECKING:
    from liverseg.preprocess import PreparedCase
    from sweeps.folder import SweepFolder

Jobs = Mapping[str, tuple[Any, Path]]
"""Of each case the reference to its prepared form, and its image."""
READ_HERE_BYTES = 100 * 10**6
"""Of image files that the driver reads itself: a second, which is what starting worker processes takes."""


def write_scans(prepared: Prepared, folder: SweepFolder) -> list[str]:
    """Write `overlays/<case>.npz` for every validation case of any fold that has none.

    Returns:
        A line for each scan that could not be read again: reports will show no slices of it, and trials do not need it.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    from liverseg.errors import LiversegError
    from liverseg.inference.overlays import MOST_CASES

    home = folder.overlays
    wanted = [(fold, uid) for fold, images in enumerate(prepared.images) for uid in list(images)[:MOST_CASES]]
    missing = {uid: fold for fold, uid in wanted if not (home / f"{uid}.npz").is_file()}
    if not missing:
        return []
    folder.inside(home).mkdir(exist_ok=True)
    assert prepared.shelf is not None
    refs, size = prepared.shelf.refs, min(prepared.sizes_px)
    jobs = {uid: (refs[uid, size], prepared.images[fold][uid]) for uid, fold in missing.items()}
    problems = []
    for uid, scan in _few(jobs) if len(machines()) == 1 and _small(jobs) else _many(jobs):
        try:
            data = scan()
        except (LiversegError, OSError):
            problems.append(f"{uid}: the scan cannot be read again, so reports cannot show its slices")
            continue
        write_atomic(home / f"{uid}.npz", data)
    return problems


def _small(jobs: Jobs) -> bool:
    """Whether the scans are read in less time than it takes to start a worker process."""
    try:
        return sum(image.stat().st_size for _, image in jobs.values()) <= READ_HERE_BYTES
    except OSError:
        return False


def _few(jobs: Jobs) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each scan, made in this process."""
    import ray

    for uid, (ref, image) in jobs.items():
        case: PreparedCase = ray.get(ref)  # type: ignore[assignment]
        yield uid, partial(_scan, case, image)


def _many(jobs: Jobs) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each scan, made by a task of its own, all at once."""
    import ray

    task: Any = ray.remote(num_cpus=1)(_scan)
    waiting = [(uid, task.remote(ref, image)) for uid, (ref, image) in jobs.items()]
    for uid, ref in waiting:
        yield uid, partial(get, ref)


def _scan(case: PreparedCase, image: Path) -> bytes:
    """One scan and its reference mask, ready to be written."""
    from liverseg.inference.overlays import packed, scan_arrays

    return packed(scan_arrays(case.span(), image))
