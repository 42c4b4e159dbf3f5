"""The validation scans as reports show them slice by slice: one small file each, written once for all trials.

Trials write what they predicted; scan and reference mask are the same for all of them. The driver alone writes here, before
the first trial, each file whole; what an earlier run of the sweep has left is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.storage import write_atomic
from sweeps.prepare import Prepared

if TYPE_CHECKING:
    from liverseg.preprocess import PreparedCase
    from sweeps.folder import SweepFolder


def write_scans(prepared: Prepared, folder: SweepFolder) -> list[str]:
    """Write `overlays/<case>.npz` for every validation case of any fold that has none.

    Returns:
        A line for each scan that could not be read again: reports will show no slices of it, and trials do not need it.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    import ray
    from ray.exceptions import RayTaskError

    from liverseg.errors import LiversegError
    from liverseg.inference.overlays import MOST_CASES

    home = folder.overlays
    wanted = [(fold, uid) for fold, images in enumerate(prepared.images) for uid in list(images)[:MOST_CASES]]
    missing = {uid: fold for fold, uid in wanted if not (home / f"{uid}.npz").is_file()}
    if not missing:
        return []
    folder.inside(home).mkdir(exist_ok=True)
    task: Any = ray.remote(num_cpus=1)(_scan)
    assert prepared.shelf is not None
    refs, size = prepared.shelf.refs, min(prepared.sizes_px)
    waiting = [(uid, task.remote(refs[uid, size], prepared.images[fold][uid])) for uid, fold in missing.items()]
    problems = []
    for uid, ref in waiting:
        try:
            write_atomic(home / f"{uid}.npz", ray.get(ref))
        except RayTaskError as error:
            if not isinstance(error.cause, (LiversegError, OSError)):
                raise
            problems.append(f"{uid}: the scan cannot be read again, so reports cannot show its slices")
    return problems


def _scan(case: PreparedCase, image: Path) -> bytes:
    """Worker side: one scan and its reference mask, ready to be written."""
    from liverseg.inference.overlays import packed, scan_arrays

    return packed(scan_arrays(case.span(), image))
