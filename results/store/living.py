"""Whether a process that signed something is known to have ended: only of processes of this boot and this set of processes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told apart from all others, also from a later one with its number.

    Attributes:
        place: a name for one boot of one machine and one space of process numbers (a container has its own); empty where the
            system does not tell.
        pid: number in that place.
        born: start time in the kernel's ticks; 0 where unknown.
    """

    place: str
    pid: int
    born: int


def own_identity() -> Identity:
    """This process."""
    return Identity(_place(), os.getpid(), _born(os.getpid()))


def is_dead(identity: Identity) -> bool:
    """Whether the process certainly ended. False wherever that cannot be known from here."""
    if not identity.place or not identity.born or identity.place != _place():
        return False
    born = _born(identity.pid)
    return born != identity.born if born else not _answers(identity.pid)


def _answers(pid: int) -> bool:
    """Whether there is such a process, as far as the kernel tells; its record may be hidden from us."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return _state(pid) not in ("Z", "X")


def _place() -> str:
    """A digest, so that nothing about the machine is told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:16]


def _born(pid: int) -> int:
    """Start time of a process; 0 when it is not to be seen, or is over and only waits to be collected."""
    fields = _status(pid)
    return int(fields[19]) if fields and fields[0] not in ("Z", "X") else 0


def _state(pid: int) -> str:
    fields = _status(pid)
    return fields[0] if fields else ""


def _status(pid: int) -> list[str]:
    """What the kernel says after the process's name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
