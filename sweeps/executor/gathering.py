"""What a dead worker of a sweep in a store has left: in the store, and on its own machine what it could no longer deliver."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sweeps import trial_files
from sweeps.executor.death import signed_worker
from sweeps.executor.desk import carry_home
from sweeps.folder import SweepFolder

PATIENCE_S = 15.0
"""How long the driver waits for a worker's machine; it may be lost."""

_WORDS = (trial_files.FAILED, trial_files.FINAL, trial_files.UNSTARTED)


def gather_records(folder: SweepFolder, uid: str, attempt: int) -> None:
    """Bring a trial's records up to date after the death of its worker. Nothing for a sweep in a plain folder.

    Where the worker left no word in the store, a task on its machine delivers what it had written there: its log, which tells
    whether it hung, and a state that was saved and not delivered.

    Raises:
        ResultsError: the store does not answer.
    """
    folder.fetch_records(uid)
    worker = signed_worker(folder.trial(uid), attempt)
    if not folder.ferry.uri or worker is None or any((folder.trial(uid) / name).exists() for name in _WORDS):
        return
    if _carried(folder.ferry.uri, worker, uid):
        folder.fetch_records(uid)


def _carried(uri: str, worker: dict[str, Any], uid: str) -> bool:
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(node_id=worker["node_id"], soft=False)
    task = ray.remote(num_cpus=0, max_retries=0)(carry_home).options(scheduling_strategy=place).remote(uri, worker, uid)
    with suppress(RayError):  # also GetTimeoutError: a machine that is lost tells nothing
        return bool(ray.get(task, timeout=PATIENCE_S))
    ray.cancel(task, force=True)
    return False
