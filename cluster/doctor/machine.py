"""What a machine has, measured on it: memory, disks, and the ports that its Ray listens on."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path("/dev/shm")
SESSION = "ray's files"
"""The disk of Ray's own folder: logs, and prepared data that no longer fits into memory."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where something is written; `error` says why it is not known."""

    purpose: str
    path: str
    free_bytes: int = 0
    total_bytes: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A TCP port on which a process of Ray waits for callers."""

    address: str
    port: int
    process: str

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return plain_address(self.address).is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """One machine.

    Attributes:
        shared_bytes: size of /dev/shm; None where there is none.
        listeners: of this Ray only, sorted.
    """

    memory_bytes: int
    available_bytes: int
    shared_bytes: int | None
    disks: tuple[Disk, ...]
    listeners: tuple[Listener, ...]


def measure(paths: Mapping[str, str]) -> MachineFacts:
    """Worker side: the facts of the machine this runs on.

    Args:
        paths: what is written where, for example `{"cache": "~/.cache/liversweep"}`; need not exist yet.
    """
    import psutil

    memory = psutil.virtual_memory()
    named = {SESSION: _session_folder(), **paths}
    return MachineFacts(
        memory_bytes=memory.total,
        available_bytes=memory.available,
        shared_bytes=shutil.disk_usage(SHARED).total if SHARED.is_dir() else None,
        disks=tuple(disk(purpose, path) for purpose, path in named.items()),
        listeners=tuple(sorted(set(_listeners()))),
    )


def disk(purpose: str, path: str) -> Disk:
    """The disk of `path`, or of the nearest folder above it that exists."""
    place = Path(path).expanduser().absolute()
    try:
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        usage = shutil.disk_usage(there)
    except OSError as error:
        return Disk(purpose, path, error=str(error.strerror))
    return Disk(purpose, path, usage.free, usage.total)


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; an IPv4 address in IPv6 clothes, `::ffff:127.0.0.1`, comes out as it is."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _session_folder() -> str:
    from ray._private.worker import global_worker

    node: Any = global_worker.node
    return str(node.get_session_dir_path())


def _listeners() -> Iterator[Listener]:
    """Ports of the Ray that this worker belongs to."""
    import psutil

    for process in _family():
        with suppress(psutil.Error, OSError):
            for item in process.net_connections("tcp"):
                if item.status == psutil.CONN_LISTEN:
                    yield Listener(str(plain_address(item.laddr.ip)), item.laddr.port, _called(process))


def _family() -> list[Any]:
    """Processes of this user that this Ray started here: by descent from what started the raylet, or by their words."""
    import psutil
    import ray

    context = ray.get_runtime_context()
    marks = (context.get_session_name(), context.gcs_address)
    found = {}
    starter = _starter(psutil.Process())
    if starter is not None:
        found = {child.pid: child for child in starter.children(recursive=True)}
        # The driver of a Ray of our own listens too.
        found[starter.pid] = starter
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and any(mark in word for word in process.cmdline() for mark in marks):
                found[process.pid] = process
    return list(found.values())


def _starter(process: Any) -> Any:
    """What started the raylet above this worker; None when that is gone, or is the system itself."""
    above = next((parent for parent in process.parents() if parent.name() == "raylet"), None)
    parent = above.parent() if above is not None else None
    return parent if parent is not None and parent.pid > 1 else above


def _called(process: Any) -> str:
    words = " ".join(process.cmdline()[:4])
    for mark in ("gcs_server", "raylet", "dashboard.py", "ray.util.client.server", "monitor.py", "DashboardAgent"):
        if mark in words:
            return {"dashboard.py": "dashboard", "ray.util.client.server": "ray client"}.get(mark, mark)
    return str(process.name())
