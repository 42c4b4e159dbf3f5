"""Prepared cases as files of one machine, for trials whose data does not fit into the object store.

Below Ray's own folder for the session (or `$LIVERSWEEP_SCRATCH`, where that is a small or slow disk) each machine has one
folder a driver, readable by its owner only. A case is written there by the first trial that needs it, while those that need
it too wait for the lock; all then map the file. What a trial has mapped stays readable for it when the folder is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liverseg.preprocess import PreparedCase

SCRATCH = "LIVERSWEEP_SCRATCH"
LOOK_S = 0.1
FAREWELL_S = 3.0
"""What other machines get to remove their files in; a sweep's end does not wait longer."""
_HOME = "liversweep-cases"


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The files of one driver, on whatever machine this is used.

    Attributes:
        name: of the folder: the driver's job in Ray and a word that nobody else has.
    """

    name: str

    @staticmethod
    def begin() -> NodeFiles:
        """For the driver: files of its own. What drivers that are gone have left on this cluster is removed."""
        import ray

        _everywhere(partial(_remove_others, tuple(sorted(_living_jobs()))), wait=False)
        return NodeFiles(f"{ray.get_runtime_context().get_job_id()}-{secrets.token_hex(4)}")

    @property
    def folder(self) -> Path:
        """Here; it need not exist."""
        return home() / self.name

    def case(self, name: str, fetch: Callable[[], PreparedCase], beat: Callable[[], None]) -> PreparedCase:
        """A case in its mapped file, which is written if it is not there yet.

        Args:
            name: of the file, without ending.
            fetch: the case to write. Called by one process of this machine at a time, whatever the case.
            beat: called while another process holds the lock; what it raises ends the waiting.

        Raises:
            OSError: the file cannot be written.
        """
        from liverseg.preprocess.case_file import map_case_file, write_case_file

        folder = self.folder
        path = folder / f"{name}.case"
        for _ in range(3):
            with contextlib.suppress(FileNotFoundError):
                return map_case_file(path)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(folder / "lock", beat):
                if not path.exists():
                    write_case_file(path, fetch())
        # Nobody but a driver that takes this one for gone removes files, and not three times.
        return map_case_file(path)

    def remove(self) -> None:
        """For the driver, at its end: remove them on every machine that can be reached."""
        from ray.exceptions import RayError

        with contextlib.suppress(RayError, RuntimeError, OSError):
            _everywhere(partial(_remove, self.name), wait=True)


def home() -> Path:
    """Where this machine has its files, those of other drivers included."""
    import ray

    context = ray.get_runtime_context()
    own = os.environ.get(SCRATCH)
    root = Path(own) if own else Path(context.get_temp_dir()) / context.get_session_name()
    # Several machines of a cluster may really be one, and each is to hold what is its own.
    return root / _HOME / context.get_node_id()[:16]


@contextlib.contextmanager
def _locked(path: Path, beat: Callable[[], None]) -> Iterator[None]:
    """Hold a lock between the processes of this machine. The system lets go of it when its holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                beat()
                time.sleep(LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _remove(name: str) -> None:
    shutil.rmtree(home() / name, ignore_errors=True)


def _remove_others(living: tuple[str, ...]) -> None:
    """Remove the files of drivers that are gone."""
    with contextlib.suppress(FileNotFoundError):
        for folder in home().iterdir():
            if folder.name.partition("-")[0] not in living:
                shutil.rmtree(folder, ignore_errors=True)


def _living_jobs() -> set[str]:
    """Ray's names of the drivers that are connected."""
    from ray._private.state import state

    jobs: list[dict[str, Any]] = state.job_table()  # type: ignore[no-untyped-call]
    return {job["JobID"] for job in jobs if not job["IsDead"]}


def _everywhere(deed: Callable[[], None], *, wait: bool) -> None:
    """Do something on every machine, as well as it goes: here at once, elsewhere by a task that needs no CPU."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    deed()
    here = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    others = [node["NodeID"] for node in nodes if node["Alive"] and node["NodeID"] != here]
    task: Any = ray.remote(num_cpus=0, max_retries=0)(_do)
    sent = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False)).remote(deed)
        for node in others
    ]
    if sent and wait:
        ray.wait(sent, num_returns=len(sent), timeout=FAREWELL_S)


def _do(deed: Callable[[], None]) -> None:
    deed()
