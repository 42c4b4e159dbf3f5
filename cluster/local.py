"""Ray on this machine: private, on loopback, with a token, gone when the sweep ends.

Three defaults of `ray.init()` are not ours. It writes its token to `~/.ray/auth_token`, readable by everyone: we put one
into a folder that only this user can enter. It listens on every interface: we bind to loopback. It makes its temp folder
world-writable: we put that folder inside the private one.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster.config import LocalConfig
from cluster.errors import ClusterError

_REAPER_S = 5.0
_reapers: dict[Path, subprocess.Popen[bytes]] = {}
_SOCKET_PATH_LIMIT = 60  # of the 107 bytes of a unix socket's path, what the folder may take


def usable_cpus() -> int:
    """CPUs this process may run on (affinity and container limits included where the system tells)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def private_environment(folder: Path) -> dict[str, str]:
    """Environment of a private Ray: writes a fresh token (mode 0600) into `folder` and names it.

    `RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0` is Ray's own switch for "one machine only": every server binds to loopback.
    """
    token = folder / "token"
    descriptor = os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "0",
        # A process for each CPU, started before anybody asks, without the variables that every worker of ours gets: none
        # of them could ever be used.
        "RAY_prestart_worker_first_driver": "0",
        "RAY_enable_worker_prestart": "0",
    }


@contextmanager
def local_ray(config: LocalConfig, *, environment: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Start a private Ray and end it, with its temp folder, on leaving.

    Args:
        config: how much of the machine it may use.
        environment: variables that every worker gets.

    Yields:
        Ray's `cluster_resources()`.

    Raises:
        ClusterError: this process is already connected to a Ray, or Ray did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="lsw-", dir=_short(config.temp_root)))
    _reapers[folder] = _reaper(folder)
    before = dict(os.environ)
    os.environ.update(private_environment(folder))
    try:
        yield _start(config, folder, environment or {})
    finally:
        # A Ctrl-C in the middle of the import leaves nothing to shut down, and the module cannot be imported again.
        shutdown = getattr(sys.modules.get("ray"), "shutdown", None)
        if shutdown is not None:
            shutdown()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
        _dismiss(_reapers.pop(folder))


def abandon() -> None:
    """End every process of this one's Rays without ceremony, and remove their folders: for leaving at once."""
    for reaper in list(_reapers.values()):
        _dismiss(reaper)


def _reaper(folder: Path) -> subprocess.Popen[bytes]:
    """A process that cleans up when this one is gone. In a session of its own, so that no Ctrl-C reaches it."""
    command = [sys.executable, "-I", str(Path(__file__).with_name("reaper.py")), str(folder)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/")


def _dismiss(reaper: subprocess.Popen[bytes]) -> None:
    """Let the reaper do its work now, and wait for its end."""
    assert reaper.stdin is not None
    reaper.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        reaper.wait(timeout=_REAPER_S)


def _short(root: str) -> str:
    if len(root) > _SOCKET_PATH_LIMIT:
        raise ClusterError(
            f"the temp folder {root!r} is too long for Ray's sockets; allowed: {_SOCKET_PATH_LIMIT} bytes"
        )
    return root


def _start(config: LocalConfig, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is already connected to a Ray; leave it first")
    _reread_environment()
    try:
        ray.init(
            address="local",
            num_cpus=config.cpus or usable_cpus(),
            num_gpus=config.gpus,
            include_dashboard=False,
            object_store_memory=config.object_store_bytes,
            _temp_dir=str(folder / "r"),
            runtime_env={"env_vars": environment} if environment else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
        )
    except Exception as error:  # of a node that does not come up in time Ray tells with a bare one
        raise ClusterError(f"Ray did not start: {' '.join(str(error).split())}") from error
    resources: dict[str, Any] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources


def _reread_environment() -> None:
    """Make Ray see the environment of now: it keeps what it read at its import, or for an earlier Ray of this process."""
    from ray import _raylet
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = False
    raylet: Any = _raylet
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
