from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.auth import Door
from cluster.doctor.everywhere import Answer, Clock, Node, named
from cluster.doctor.findings import Finding, Level, ok, warn, worst
from cluster.doctor.findings import fail as failing
from cluster.doctor.judgement import (
    judge_answers,
    judge_clocks,
    judge_disks,
    judge_door,
    judge_ports,
    judge_shared_memory,
)
from cluster.doctor.machine import Disk, Listener, MachineFacts, disk
from cluster.sizes import size_text

GB = 10**9
HEAD = Listener("127.0.0.1", 6379, "gcs_server")
OPEN_HEAD = Listener("10.0.0.3", 6379, "gcs_server")
OPEN_DASHBOARD = Listener("0.0.0.0", 8265, "dashboard")


def facts(**changes: Any) -> MachineFacts:
    """A machine that nothing is wrong with."""
    values: dict[str, Any] = {
        "memory_bytes": 64 * GB,
        "available_bytes": 60 * GB,
        "shared_bytes": 32 * GB,
        "disks": (Disk("runs", "/runs", 100 * GB, 500 * GB),),
        "listeners": (HEAD,),
    }
    return MachineFacts(**values | changes)


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


def node(label: str = "a", **resources: float) -> Node:
    return Node("0" * 8, label, "10.0.0.1", resources)


def test_every_bad_finding_says_what_to_do() -> None:
    with_advice = [
        *judge_answers([Answer(node(), None, "GetTimeoutError: slow")]),
        judge_door("head", Door.OPEN),
        *judge_clocks({"a": Clock(40.0, 0.1), "b": Clock(-2.0, 0.1)}),
        *judge_shared_memory({"a": facts(shared_bytes=None)}, {"a": GB}),
        *judge_disks({"a": facts(disks=(Disk("runs", "/r", 0, GB), Disk("cache", "/c", error="gone")))}, {}),
        *judge_ports({"a": facts(listeners=(OPEN_HEAD,))}, private=True, locked=True),
    ]
    assert all(finding.advice and finding.level is not Level.OK for finding in with_advice)


@pytest.mark.parametrize(
    ("offset_s", "uncertainty_s", "level"),
    [
        (0.2, 0.01, "ok"),
        (0.9, 0.01, "ok"),
        (-1.5, 0.1, "warn"),
        (31.0, 0.1, "fail"),
        (-3600, 1, "fail"),
        (5.0, 6.0, "ok"),
    ],
)
def test_a_clock_is_judged_by_what_is_sure(offset_s: float, uncertainty_s: float, level: str) -> None:
    assert levels(list(judge_clocks({"a": Clock(offset_s, uncertainty_s), "b": Clock(0.0, 0.001)}))) == [level]


def test_a_silent_machine_is_named_and_the_missing_program_too() -> None:
    answers: list[Answer[int]] = [
        Answer(node("a"), 1),
        Answer(node("b"), None, "ModuleNotFoundError: No module named 'sweeps'"),
    ]
    (finding,) = judge_answers(answers)
    assert finding.level is Level.FAIL and "b does not answer" in finding.text and "install" in finding.advice
    assert levels(list(judge_answers(answers[:1]))) == ["ok"]


def test_the_door() -> None:
    assert [judge_door("x", door).level.value for door in (Door.LOCKED, Door.OPEN, None)] == ["ok", "fail", "ok"]
    assert judge_door("x", Door.OPEN, accepted=True).level is Level.WARN


@pytest.mark.parametrize(
    ("listeners", "private", "locked", "level"),
    [
        ((HEAD,), True, True, "ok"),
        ((OPEN_HEAD,), True, True, "fail"),
        ((OPEN_HEAD,), False, False, "fail"),
        ((OPEN_HEAD,), False, True, "ok"),
        ((OPEN_HEAD, OPEN_DASHBOARD), False, True, "warn"),
    ],
)
def test_ports(listeners: tuple[Listener, ...], private: bool, locked: bool, level: str) -> None:
    (finding,) = judge_ports({"a": facts(listeners=listeners)}, private=private, locked=locked)
    assert finding.level.value == level
    assert ("10.0.0.3:6379" in finding.text) == (OPEN_HEAD in listeners and level in ("ok", "fail"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.0.1"])
def test_loopback_in_all_its_clothes(address: str) -> None:
    assert Listener(address, 1, "raylet").on_loopback


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.4", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_what_others_reach(address: str) -> None:
    assert not Listener(address, 1, "raylet").on_loopback


@pytest.mark.parametrize(
    ("free_bytes", "total_bytes", "least", "level"),
    [
        (100 * GB, 500 * GB, {}, "ok"),
        (4 * GB, 40 * GB, {}, "warn"),
        (GB // 2, 10 * GB, {}, "fail"),
        (20 * GB, 500 * GB, {}, "fail"),
        (100 * GB, 500 * GB, {"runs": 200 * GB}, "fail"),
        (100 * GB, 500 * GB, {"runs": 60 * GB}, "warn"),
    ],
)
def test_room(free_bytes: int, total_bytes: int, least: dict[str, int], level: str) -> None:
    machine = facts(disks=(Disk("runs", "/runs", free_bytes, total_bytes),))
    assert levels(list(judge_disks({"a": machine}, least))) == [level]


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    found = disk("runs", str(tmp_path / "a" / "b"))
    assert found.total_bytes >= found.free_bytes > 0 and not found.error


def test_shared_memory() -> None:
    assert levels(list(judge_shared_memory({"a": facts()}, {"a": 16 * GB}))) == ["ok"]
    (small,) = judge_shared_memory({"a": facts(shared_bytes=64 << 20)}, {"a": 2 * GB})
    assert small.level is Level.WARN and "2.2 GB" in small.advice


def test_labels_are_host_names_until_two_are_the_same() -> None:
    def raw(host: str, name: str) -> dict[str, Any]:
        return {
            "NodeManagerHostname": host,
            "NodeID": name,
            "NodeManagerAddress": "10.0.0.1",
            "Resources": {"CPU": 1.0},
        }

    nodes = named([raw("b", "f" * 56), raw("a", "0" * 56), raw("b", "1" * 56)])
    assert [item.label for item in nodes] == ["a", "b-111111", "b-ffffff"]


def test_the_worst_level_counts() -> None:
    assert worst([]) is Level.OK
    assert worst([ok("a", "b"), failing("a", "b", "c"), warn("a", "b", "c")]) is Level.FAIL
    assert failing("disk", "full", "make room").as_dict()["level"] == "fail"


def test_sizes_in_words() -> None:
    assert [size_text(count) for count in (12, 1500, 15 * 10**6, 2.25 * 10**9)] == ["12 B", "1.5 kB", "15 MB", "2.2 GB"]
