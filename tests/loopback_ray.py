"""A real Ray cluster of several machines on loopback, made with `ray start` as a person would, and ended by pid.

The nodes share one temp folder, as several nodes on one machine must. A token is in force unless told otherwise.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
MIB = 1024**2
_LAUNCHER = """
from ray._private import ray_constants, services
services.get_node_ip_address = lambda address=None: "127.0.0.1"
ray_constants.ENABLE_RAY_CLUSTER = True
from ray.scripts.scripts import main
main()
"""
RAY = (sys.executable, "-c", _LAUNCHER)
"""The command `ray`. With `RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0` all servers of Ray bind to loopback, but its command then
refuses to start a second node, though nothing else does."""
_DEADLINE_S = 90.0


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


class LoopbackRay:
    """A head, and workers that are added. Use as a context manager.

    Args:
        head_cpus: CPU slots of the head.
        dashboard: whether the head serves the dashboard and the Jobs interface.
        token: whether callers need the token.
        environment: variables of all nodes, over those of this process without any of Ray's.
        store_bytes: object store of each node.
    """

    def __init__(
        self,
        *,
        head_cpus: int = 1,
        dashboard: bool = False,
        token: bool = True,
        environment: Mapping[str, str] | None = None,
        store_bytes: int = 100 * MIB,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lsw-", dir="/tmp"))
        self.token = self.folder / "token"
        self._store_bytes, self._dashboard = store_bytes, dashboard
        self.port, self.dashboard_port = free_ports(2)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "LIVERSWEEP_"))}
        self.environment = clean | self.access(token) | dict(environment or {})
        self.nodes: list[psutil.Popen] = []
        self._start(["--head", f"--port={self.port}", *self._dashboard_options()], head_cpus)

    @property
    def address(self) -> str:
        """Of the head, for `ray.init`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of the dashboard."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    def access(self, token: bool = True) -> dict[str, str]:
        """Variables with which a process may call the cluster."""
        plain = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
        if not token:
            return plain | {"RAY_AUTH_MODE": "disabled"}
        if not self.token.exists():
            descriptor = os.open(self.token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return plain | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}

    def add(self, cpus: int = 1, **environment: str) -> psutil.Popen:
        """Another node; returns once Ray counts it."""
        return self._start([f"--address={self.address}"], cpus, environment)

    def lose(self, node: psutil.Popen) -> None:
        """SIGKILL everything of a node."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [*node.children(recursive=True), node]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        node.wait()
        self.nodes.remove(node)

    def close(self) -> None:
        """End all nodes, by pid, and remove the folder."""
        for node in reversed(list(self.nodes)):
            self.lose(node)
        end = time.monotonic() + 20
        while (left := self.left()) and time.monotonic() < end:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def left(self) -> list[psutil.Process]:
        """Processes that belong to this Ray: agents forget their parents, but keep their log files open."""
        from cluster.reaper import processes_of

        return [process for process in processes_of(self.folder) if process.pid != os.getpid()]

    def __enter__(self) -> LoopbackRay:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _dashboard_options(self) -> list[str]:
        shown = f"--dashboard-port={self.dashboard_port}"
        return (
            ["--include-dashboard=true", "--dashboard-host=127.0.0.1", shown]
            if self._dashboard
            else ["--include-dashboard=false"]
        )

    def _start(self, options: list[str], cpus: int, environment: Mapping[str, str] | None = None) -> psutil.Popen:
        log = self.folder / f"node-{len(self.nodes)}.txt"
        with log.open("wb") as stream:
            node = psutil.Popen(
                [
                    *RAY,
                    "start",
                    "--block",
                    "--node-ip-address=127.0.0.1",
                    f"--num-cpus={cpus}",
                    "--num-gpus=0",
                    f"--object-store-memory={self._store_bytes}",
                    "--disable-usage-stats",
                    *([f"--temp-dir={self.folder / 'r'}"] if "--head" in options else []),
                    *options,
                ],
                env=self.environment | dict(environment or {}),
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
            )
        self.nodes.append(node)
        end = time.monotonic() + _DEADLINE_S
        while b"Ray runtime started" not in log.read_bytes():
            if node.poll() is not None or time.monotonic() > end:
                text = log.read_text()
                self.close()
                raise RuntimeError(f"a node did not start:\n{text}")
            time.sleep(0.1)
        return node


@contextlib.contextmanager
def connected(ray_cluster: LoopbackRay) -> Iterator[None]:
    """This process as a driver of the cluster."""
    from cluster.config import AttachedConfig
    from cluster.select import connect

    before = dict(os.environ)
    os.environ.update(ray_cluster.access(ray_cluster.token.exists()))
    try:
        with connect(AttachedConfig(address=ray_cluster.address, insecure=not ray_cluster.token.exists())):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
