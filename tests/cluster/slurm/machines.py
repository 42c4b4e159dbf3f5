"""Machines for tests: each a world of processes and a network of its own, joined by one cable, and by the disk.

They are namespaces of this machine. `ray stop` ends every Ray that it sees: in here it sees only its own machine's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil
import pytest

_INIT = Path(__file__).with_name("machine.py")
_NAMESPACES = ("--net", "--pid", "--mount", "--uts")
_UNSHARE = ("unshare", *_NAMESPACES, "--fork", "--mount-proc", "--kill-child")


class Machine:
    """One machine, with its own loopback, named `name`."""

    def __init__(self, name: str, address: str, hosts: Path) -> None:
        self.name, self.address = name, address
        self._process = subprocess.Popen(
            [*_UNSHARE, sys.executable, "-S", "-I", str(_INIT), name, str(hosts)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        if self._process.stdout.readline() != b"ready\n":
            said = self._process.stderr.read().decode()
            self._process.wait()
            raise OSError(said)
        self.pid = psutil.Process(self._process.pid).children()[0].pid
        self._world = Path(f"/proc/{self.pid}/ns/pid").readlink()

    def start(
        self, command: Sequence[str], *, folder: str, environment: Mapping[str, str], output: IO[bytes]
    ) -> psutil.Popen:
        """Run a command there. What this returns is the door, not the command: see `inside`."""
        return psutil.Popen(
            [*self._door(), "env", "-C", folder, *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def network(self, *command: str) -> None:
        """Run `ip` there."""
        subprocess.run(["nsenter", f"--target={self.pid}", "--net", "ip", *command], check=True, capture_output=True)

    def processes(self) -> list[psutil.Process]:
        """All that runs there, without the first process."""
        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                inside = Path(f"/proc/{process.pid}/ns/pid").readlink() == self._world
                if inside and process.pid != self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def cpu_seconds(self) -> float:
        """What has run there took so much, as far as it has ended."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.children_user + times.children_system)

    def close(self) -> None:
        """The end of its first process is the end of all."""
        self._process.kill()
        self._process.communicate()

    def _door(self) -> list[str]:
        return ["nsenter", f"--target={self.pid}", *_NAMESPACES, "--"]


def inside(door: psutil.Popen, deadline_s: float = 30.0) -> psutil.Process:
    """The command that a door was opened for."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with suppress(psutil.Error):
            for child in door.children():
                return child
        time.sleep(0.01)
    raise AssertionError("the command did not start")


def two_machines(hosts: Path) -> tuple[Machine, Machine]:
    """`node1` and `node2`, joined by a cable. Skips the test where namespaces are not permitted."""
    for needed in ("unshare", "nsenter", "ip"):
        if shutil.which(needed) is None:
            pytest.skip(f"machines for this test cannot be made: no {needed}")
    addresses = {"node1": "10.91.0.1", "node2": "10.91.0.2"}
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in addresses.items()))
    made: list[Machine] = []
    try:
        for name, address in addresses.items():
            made.append(Machine(name, address, hosts))
        first, second = made
        first.network("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(second.pid))
        for machine in made:
            machine.network("addr", "add", f"{machine.address}/24", "dev", "eth0")
            machine.network("link", "set", "eth0", "up")
            machine.network("route", "add", "default", "dev", "eth0")
    except (OSError, subprocess.CalledProcessError) as error:
        for machine in made:
            machine.close()
        reason = error.stderr.decode() if isinstance(error, subprocess.CalledProcessError) else str(error)
        pytest.skip(f"machines for this test cannot be made: {reason.strip()}")
    return first, second
