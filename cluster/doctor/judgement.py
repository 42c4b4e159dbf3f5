"""Judging the machines of a cluster: facts in, findings out. Nothing here asks anybody anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.auth import Door
from cluster.doctor.everywhere import Answer, Clock, Node
from cluster.doctor.findings import Finding, fail, ok, warn
from cluster.doctor.machine import Disk, Listener, MachineFacts
from cluster.sizes import size_text

WARN_SKEW_S, FAIL_SKEW_S = 1.0, 30.0
FULL_SHARE = 0.05
"""Ray takes no more objects on a disk that is fuller than 95 %."""
SCARCE_BYTES = 5 * 10**9
SHARED_SPARE = 0.95  # of /dev/shm that Ray dares to use

Machines = Mapping[str, MachineFacts]
"""Facts of machines by label."""


def judge_answers(answers: Sequence[Answer[Any]]) -> Iterator[Finding]:
    """Whether every machine could be asked at all."""
    silent = [answer for answer in answers if answer.value is None]
    for answer in silent:
        missing = "No module named" in answer.error or "has no attribute" in answer.error
        advice = (
            "install the same liversweep there"
            if missing
            else "look into Ray's logs there, or take it out of the cluster"
        )
        yield fail("machines", f"{answer.node.label} does not answer: {answer.error}", advice)
    if not silent:
        yield ok("machines", f"{count_text(len(answers))}: {', '.join(answer.node.label for answer in answers)}")


def judge_door(where: str, door: Door | None, *, accepted: bool = False) -> Finding:
    """Whether a caller without a token is turned away.

    Args:
        where: which door, and its address.
        door: what the caller was told; None when there is no such door.
        accepted: whether the user said that an open door will do.
    """
    if door is None:
        return ok("token", f"{where}: nobody listens")
    if door is Door.LOCKED:
        return ok("token", f"{where}: a call without the token was refused")
    advice = "start its nodes with RAY_AUTH_MODE=token and a token (ray get-auth-token --generate)"
    text = f"{where}: whoever reaches it can run code and read the scans, no token is asked for"
    return (warn if accepted else fail)("token", text, advice)


def judge_clocks(clocks: Mapping[str, Clock]) -> Iterator[Finding]:
    """Clocks that differ put events of different machines into the wrong order, and spoil leases."""
    off = {label: clock for label, clock in clocks.items() if _surely(clock) > WARN_SKEW_S}
    for label, clock in off.items():
        make = fail if _surely(clock) > FAIL_SKEW_S else warn
        ahead = f"{abs(clock.offset_s):.1f} s {'ahead' if clock.offset_s > 0 else 'behind'}"
        yield make(
            "clocks", f"{label} is {ahead} (± {clock.uncertainty_s:.1f} s)", "let chrony or ntpd run on every machine"
        )
    if clocks and not off:
        most = max(abs(clock.offset_s) + clock.uncertainty_s for clock in clocks.values())
        yield ok("clocks", f"within {most:.2g} s of each other on {count_text(len(clocks))}")


def _surely(clock: Clock) -> float:
    return abs(clock.offset_s) - clock.uncertainty_s


def judge_shared_memory(machines: Machines, stores: Mapping[str, float]) -> Iterator[Finding]:
    """The object store lies in /dev/shm; where that is smaller, Ray puts it on the disk, which is many times slower.

    `stores` has the bytes of each machine's object store by label.
    """
    small = []
    for label, facts in machines.items():
        room, store = int(SHARED_SPARE * (facts.shared_bytes or 0)), stores.get(label, 0)
        if store > room:
            small.append(label)
            text = f"{label}: /dev/shm has {size_text(facts.shared_bytes or 0)}, the object store {size_text(store)}"
            advice = (
                f"make /dev/shm {size_text(store * 1.1)} or more (docker run --shm-size), or the object store smaller"
            )
            yield warn("shared memory", text, advice)
    if machines and not small:
        least = min(facts.shared_bytes or 0 for facts in machines.values())
        yield ok(
            "shared memory",
            f"/dev/shm holds the object store on {count_text(len(machines))} (at least {size_text(least)})",
        )


def judge_disks(machines: Machines, least_bytes: Mapping[str, int]) -> Iterator[Finding]:
    """Room on every machine, purpose by purpose.

    Below `least_bytes` of a purpose nothing goes on; 1 GB where it is not given.
    """
    purposes = dict.fromkeys(disk.purpose for facts in machines.values() for disk in facts.disks)
    for purpose in purposes:
        disks = {label: disk for label, facts in machines.items() for disk in facts.disks if disk.purpose == purpose}
        found = [item for label, disk in disks.items() for item in _disk(label, disk, least_bytes.get(purpose, 10**9))]
        yield from found
        if not found:
            least = min(disk.free_bytes for disk in disks.values())
            paths = " | ".join(sorted({disk.path for disk in disks.values()}))
            yield ok(f"disk: {purpose}", f"at least {size_text(least)} free on {count_text(len(disks))} ({paths})")


def _disk(label: str, disk: Disk, least_bytes: int) -> Iterator[Finding]:
    subject, free = f"disk: {disk.purpose}", size_text(disk.free_bytes)
    if disk.error:
        yield fail(subject, f"{label}: {disk.path}: {disk.error}", "mount the disk there, or name another folder")
    elif disk.free_bytes < least_bytes or disk.free_bytes < FULL_SHARE * disk.total_bytes:
        least = size_text(max(least_bytes, FULL_SHARE * disk.total_bytes))
        yield fail(subject, f"{label}: {free} free at {disk.path}, too little to go on", f"make room: {least} at least")
    elif disk.free_bytes < max(SCARCE_BYTES, 2 * least_bytes):
        yield warn(subject, f"{label}: only {free} free at {disk.path}", "make room, or point to another disk")


def judge_ports(machines: Machines, *, private: bool, locked: bool) -> Iterator[Finding]:
    """Who reaches Ray's ports.

    Args:
        machines: facts by label.
        private: a Ray of our own on one machine, which has no reason to be reached from others.
        locked: whether callers need the token.
    """
    open_ports = {
        label: [item for item in facts.listeners if not item.on_loopback] for label, facts in machines.items()
    }
    for label, listeners in open_ports.items():
        if listeners and (private or not locked):
            advice = (
                "this Ray should be private: report it, and do not use it on a shared machine"
                if private
                else "turn the token on, and close these ports to all but the cluster's machines"
            )
            yield fail("ports", f"{label}: reachable from other machines: {_ports(listeners)}", advice)
        elif shown := [item for item in listeners if item.process == "dashboard"]:
            advice = "start the head with --dashboard-host=127.0.0.1 and tunnel: ssh -L 8265:localhost:8265 HEAD"
            yield warn("ports", f"{label}: the dashboard is reachable from other machines: {_ports(shown)}", advice)
        elif listeners:
            yield ok("ports", f"{label}: reachable from other machines, with the token: {_ports(listeners)}")
    if machines and not any(open_ports.values()):
        count = sum(len(facts.listeners) for facts in machines.values())
        yield ok("ports", f"all {count} bound to loopback only on {count_text(len(machines))}")


def _ports(listeners: Sequence[Listener]) -> str:
    shown = [f"{item.process} {item.address}:{item.port}" for item in listeners[:6]]
    return ", ".join(shown) + (f" and {len(listeners) - len(shown)} more" if len(listeners) > len(shown) else "")


def stores_of(nodes: Sequence[Node]) -> dict[str, float]:
    """Bytes of each machine's object store by label."""
    return {node.label: node.resources.get("object_store_memory", 0.0) for node in nodes}


def count_text(count: int) -> str:
    """`1 machine`, `3 machines`."""
    return f"{count} machine" if count == 1 else f"{count} machines"
