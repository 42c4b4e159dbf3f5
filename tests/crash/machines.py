"""A Ray of several machines, all on this one, for tests that lose some of them.

Each machine is a raylet of its own with its agents and workers. The head, on which the driver runs, has no CPUs, so that
every trial runs somewhere else. `python -m tests.crash.machines` serves requests, one JSON a line; `Machines` starts it and
asks. Drivers, preparation and Ray run in that process and its children, and nothing of them in pytest's.

Ray's health checks are quicker here than by default, so that a machine that went silent is given up after about 12 s and
not 65 s. Everything else is as Ray does it by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import psutil

from tests.crash.processes import ROOT, Found, eventually

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

    from liverseg.preprocess import Pack
    from sweeps.prepare import Prepared

MIB = 1024**2
STORE_BYTES = 80 * MIB
HEALTH = {"period_ms": 1000, "timeout_ms": 2000, "failure_threshold": 4}
PAUSE_S = 0.3


class Machines:
    """The other process, and machines by the pids of their raylets."""

    def __init__(self, folder: Path) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "FAKE_"))}
        health = {f"RAY_health_check_{name}": str(value) for name, value in HEALTH.items()}
        self.folder, self._asked = folder, 0
        self._answers, self._errors = folder / "answers.txt", folder / "errors.txt"
        with self._answers.open("w") as out, self._errors.open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.machines"],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env=clean | health | {"PYTHONPATH": str(ROOT), "FAKE_PAUSE_S": str(PAUSE_S), "OMP_NUM_THREADS": "1"},
            )

    def up(self, count: int, hidden: Sequence[Path] = (), **environment: str) -> dict[str, int]:
        """Start machines until there are so many; the raylet's pid of each by Ray's name of it, the oldest first.

        New ones see nothing in the `hidden` folders, for which `can_hide` has to be true.
        """
        found: dict[str, int] = self.ask("up", count=count, hidden=[*map(str, hidden)], environment=environment)
        return found

    def begin(self, do: str, **values: Any) -> None:
        """Ask without waiting for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        self._process.stdin.flush()
        self._asked += 1

    def answer(self) -> Any:
        """The answer to what was asked last."""
        return json.loads(self.until(lambda: self._lines()[self._asked - 1 :])[-1])

    def until(self, look: Callable[[], Found | None], deadline_s: float = 120.0) -> Found:
        """The first thing that `look` finds; fails when the deadline passes or the other process has died."""

        def looking() -> Found | None:
            assert self._process.poll() is None, self._errors.read_text()
            return look()

        return eventually(looking, deadline_s)

    def ask(self, do: str, **values: Any) -> Any:
        self.begin(do, **values)
        return self.answer()

    def close(self) -> None:
        """End them all."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _lines(self) -> list[str]:
        return [line for line in self._answers.read_text().splitlines(keepends=True) if line.endswith("\n")]


def processes_of(raylet: int) -> list[psutil.Process]:
    """All of a machine, its raylet first."""
    top = psutil.Process(raylet)
    return [top, *top.children(recursive=True)]


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def lose(raylet: int) -> None:
    """SIGKILL everything on a machine."""
    send(processes_of(raylet), signal.SIGKILL)


def main() -> None:
    """Serve until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with private_cluster() as cluster:
        server = Server(cluster)
        for line in sys.stdin:
            request = json.loads(line)
            answers.write(json.dumps(getattr(server, request.pop("do"))(**request)) + "\n")
            answers.flush()


@contextlib.contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A head without CPUs that this process is connected to: on loopback, with a token, in a folder of its own."""
    from cluster import local

    folder = Path(tempfile.mkdtemp(prefix="lsw-", dir="/tmp"))
    reaper = local._reaper(folder)
    os.environ.update(local.private_environment(folder) | {"RAY_TMPDIR": str(folder)})
    import ray
    from ray.cluster_utils import Cluster

    local._reread_environment()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False},
    )
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        local._dismiss(reaper)


def can_hide() -> bool:
    """Whether this user may give a process a view of the file system of its own."""
    try:
        done = subprocess.run([*_unseeing(["/mnt"]), "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _unseeing(folders: Sequence[str]) -> list[str]:
    """What runs a command, under its own pid, to which these folders are empty."""
    mounts = [f"mount -t tmpfs none {shlex.quote(folder)}" for folder in folders]
    return ["unshare", "-Urm", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh"]


@contextlib.contextmanager
def raylets_without(folders: list[str]) -> Iterator[None]:
    """Machines that are started in the block, with their workers, see empty folders in the place of these."""
    from ray._private import ray_constants, services

    start = services.start_ray_process

    def unseeing(command: list[str], process_type: str, *more: Any, **named: Any) -> Any:
        raylet = process_type == ray_constants.PROCESS_TYPE_RAYLET
        return start([*_unseeing(folders), *command] if raylet and folders else command, process_type, *more, **named)

    with mock.patch.object(services, "start_ray_process", unseeing):
        yield


class Server:
    """What may be asked. Every method's answer is JSON."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._raylets: dict[str, subprocess.Popen[bytes]] = {}
        self._prepared: Prepared | None = None
        self._holders: list[Any] = []

    def up(self, count: int, hidden: list[str], environment: dict[str, str]) -> dict[str, int]:
        while len(self._alive()) < count:
            with raylets_without(hidden):
                node = self._cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, env_vars=environment)
            raylet = self._raylets[node.node_id] = node.all_processes["raylet"][0].process
            # A lost machine leaves nothing behind, and so no zombie, in whose care its workers would go on.
            threading.Thread(target=raylet.wait, daemon=True).start()
        return {name: process.pid for name, process in self._alive().items()}

    def door(self) -> dict[str, Any]:
        """Where other commands join, and the variables with which they may."""
        names = [name for name in os.environ if name.startswith("RAY_") and name != "RAY_TMPDIR"]
        return {"address": self._cluster.address, "environment": {name: os.environ[name] for name in names}}

    def hold(self, cpus: int) -> int:
        """Take so many CPUs until `release`."""
        import ray

        remote: Any = ray.remote
        self._holders = [remote(num_cpus=1)(Holder).remote() for _ in range(cpus)]
        return sum(ray.get([holder.here.remote() for holder in self._holders], timeout=60))

    def release(self) -> None:
        """Give them back."""
        import ray

        while self._holders:
            ray.kill(self._holders.pop())

    def sweep(
        self, name: str, trials: int, epochs: int, slots: int, stall_s: float | None = None, trainer: str | None = None
    ) -> str:
        """Run a sweep below `runs/`, on what was prepared if anything was; how it was closed."""
        from cluster.config import Slots
        from results.ledger import Ledger
        from sweeps.executor.setting import TrialSetting
        from sweeps.executor.tuner import run_trials
        from sweeps.executor.watch import Watch
        from sweeps.folder import SweepFolder
        from sweeps.search.driver import Driver
        from sweeps.search.standing import Standing
        from tests.crash.forked import OBJECTIVES, Quiet, sweep_event
        from tests.sweeps.fake_trainer import FAKE

        folder = SweepFolder(Path.cwd() / "runs" / name)
        folder.path.mkdir(parents=True)
        setting = TrialSetting(
            sweep_folder=str(folder.path),
            labels=("liver", "tumour"),
            threads=1,
            trainer=trainer or FAKE,
            stall_s=stall_s,
            prepared=self._prepared,
        )
        with Ledger.create(folder.ledger) as ledger:
            ledger.append("sweep", **sweep_event() | {"name": name, "trials": trials})
            standing = Standing([stage(trials, epochs)], OBJECTIVES, epochs)
            driver = Driver(folder, ledger, standing, slots, Quiet())
            watch = Watch(folder.file("trials"), None, stall_s)
            run_trials(driver, setting, Slots(slots, 1, 0), watch, lambda: None)
            driver.close()
        return "closed"

    def prepare(self, spec: str, cache: str) -> dict[str, Any]:
        """Prepare a spec's scans; digests of the cases, and the machines that hold the only copies of them."""
        import numpy as np
        import ray
        from ray.experimental import get_object_locations

        from liverseg.config import PrepareConfig
        from sweeps.cohort import load_cohort
        from sweeps.prepare import prepare_on_ray
        from sweeps.spec import load_spec

        cohort = load_cohort(load_spec(spec).spec, threads=1)
        config = PrepareConfig(sizes_px=(128, 192), slices="liver")
        self._prepared = prepare_on_ray(cohort, config, Path(cache))
        digests = self.cases()
        # The driver's own copies make room for something else, as they may at any time.
        filler = [ray.put(np.ones(STORE_BYTES // 10, np.uint8)) for _ in range(12)]
        places = [set(item["node_ids"]) for item in get_object_locations(self._references()).values()]
        del filler
        return {"digests": digests, "places": [sorted(names) for names in places]}

    def prepare_large(self, cache: str, size_px: int, train: list[int], validation: list[int]) -> list[str]:
        """Prepare scans with so many slices each, which do not fit into the store; the machines that hold any of them."""
        import ray
        from ray.experimental import get_object_locations

        from sweeps.prepare import prepare_on_ray
        from tests.sweeps.big_cohort import big_cohort, config_of

        cohort = big_cohort(Path(cache), size_px, train, validation)
        self._prepared = prepare_on_ray(cohort, config_of(size_px), Path(cache))
        assert self._prepared.streamed
        ray.wait(self._references(), num_returns=len(self._references()), fetch_local=False)
        held = get_object_locations(self._references()).values()
        return sorted({name for item in held for name in item["node_ids"]})

    def read(self) -> dict[str, str]:
        """A digest of all slices as each machine sees them, by Ray's name of it."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task: Any = ray.remote(num_cpus=0)(read_slices)
        there = {name: NodeAffinitySchedulingStrategy(node_id=name, soft=False) for name in self._alive()}
        seen = {name: task.options(scheduling_strategy=one).remote(self._prepared) for name, one in there.items()}
        return {name: ray.get(ref, timeout=90) for name, ref in seen.items()}

    def cases(self) -> dict[str, str]:
        """A digest of every case, which Ray has to make again where it was lost."""
        import ray

        assert self._prepared is not None and self._prepared.shelf is not None
        found = {}
        for (uid, size), reference in self._prepared.shelf.refs.items():
            case = ray.get(reference, timeout=90)
            digest = hashlib.sha256(case.image.tobytes() + case.mask.tobytes() + case.reference.labels.tobytes())
            found[f"{uid} {size}"] = digest.hexdigest()
        return found

    def _references(self) -> list[Any]:
        assert self._prepared is not None and self._prepared.shelf is not None
        return list(self._prepared.shelf.refs.values())

    def _alive(self) -> dict[str, subprocess.Popen[bytes]]:
        return {name: process for name, process in self._raylets.items() if process.poll() is None}


class Holder:
    """Takes a CPU."""

    def here(self) -> int:
        """One."""
        return 1


def read_slices(prepared: Prepared) -> str:
    """On whatever machine: the digest of the first fold's slices."""
    (size,) = prepared.sizes_px
    return slices_digest(prepared.pack(part, size) for part in ("train", "validation"))


def slices_digest(packs: Iterable[Pack]) -> str:
    found = hashlib.sha256()
    for pack in packs:
        for slices in (pack.image, pack.mask):
            for one in slices:
                found.update(one.tobytes())
    return found.hexdigest()


def stage(trials: int, epochs: int) -> Any:
    """A search that prunes nothing."""
    from sweeps.search.plan import SearchPlan, Stage
    from sweeps.search.proposer import Proposer
    from tests.crash.forked import SPACE

    plan = SearchPlan(
        stage="search",
        trials=trials,
        per_architecture="equal",
        sampler="random",
        scheduler={"kind": "none"},
        directions=("maximize",),
        epochs=epochs,
        seed=3,
        trial_seed=42,
    )
    return Stage("search", trials, lambda best: Proposer(SPACE, plan))


if __name__ == "__main__":
    main()
