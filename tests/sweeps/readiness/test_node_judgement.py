from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.doctor.everywhere import Node
from cluster.doctor.findings import Finding
from cluster.errors import ClusterError
from sweeps.readiness.meeting import MeetingFacts, leave_note, look_around
from sweeps.readiness.node_checks import refuse
from sweeps.readiness.node_facts import DataFacts, NodeFacts, look_at_data
from sweeps.readiness.node_judgement import (
    HERE,
    judge_data,
    judge_gpus,
    judge_meeting,
    judge_programs,
    judge_slots,
    judge_store,
    store_needed_bytes,
)
from sweeps.spec import Spec
from tests.sweeps.spec.texts import SMALL, load_text
from tests.sweeps.test_bad_input import scans

MIB = 1 << 20
VERSIONS = {"python": "3.11.7", "ray": "2.60.0", "keras": "3.15.1", "pandas": "3.0.0"}
A100 = {"name": "A100", "driver": "570.1", "memory_bytes": 80 * 10**9}


def facts(versions: Mapping[str, str] = VERSIONS, code: str = "c", **changes: Any) -> NodeFacts:
    return NodeFacts(versions=versions, code=code, **changes)


def node(label: str, **resources: float) -> Node:
    return Node(label * 8, label, "10.0.0.1", resources)


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    scans(tmp_path / "scans", 3)
    return load_text(tmp_path, SMALL).spec


def test_the_same_programs_are_one_line_each() -> None:
    assert levels(list(judge_programs({HERE: facts(), "a": facts(), "b": facts()}))) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("package", "level"),
    [("python", "fail"), ("ray", "fail"), ("keras", "fail"), ("pandas", "warn"), ("torch", "warn")],
)
def test_other_versions_are_named(package: str, level: str) -> None:
    first, _ = judge_programs({HERE: facts(), "a": facts(), "b": facts({**VERSIONS, package: "0.1"})})
    assert first.level.value == level and first.text.startswith(f"b: {package} 0.1 (here ")


def test_a_missing_package_and_other_code_are_named() -> None:
    without = {name: version for name, version in VERSIONS.items() if name != "keras"}
    versions, code = judge_programs({HERE: facts(), "a": facts(without, code="d")})
    assert "keras missing (here 3.15.1)" in versions.text and levels([versions, code]) == ["fail", "fail"]


def test_scans_must_be_the_same_everywhere() -> None:
    here, other = DataFacts(3, 900, "x"), DataFacts(3, 901, "y")
    assert levels(list(judge_data({HERE: facts(data=here), "a": facts(data=here)}))) == ["ok"]
    (different,) = judge_data({HERE: facts(data=here), "a": facts(data=other), "b": facts(data=other)})
    assert different.level.value == "fail" and "on a, b" in different.text
    (missing,) = judge_data({HERE: facts(data=here), "a": facts(data=DataFacts(error="no such folder"))})
    assert missing.text == "a: no such folder" and "mount" in missing.advice
    assert list(judge_data({HERE: facts(), "a": facts()})) == []


def test_scans_are_told_by_name_and_size(spec: Spec, tmp_path: Path) -> None:
    first = look_at_data(spec.resolved())
    assert first.cases == 3 and first.size_bytes > 0 and not first.error
    assert look_at_data(spec.resolved()) == first
    file = next((tmp_path / "scans").rglob("*.nii.gz"))
    file.write_bytes(file.read_bytes() + b"\0")
    assert look_at_data(spec.resolved()).digest != first.digest
    file.unlink()
    assert look_at_data(spec.resolved()).error


def test_no_name_of_a_scan_is_in_the_facts(spec: Spec, tmp_path: Path) -> None:
    text = repr(look_at_data(spec.resolved()))
    assert all(path.name.split(".")[0] not in text for path in (tmp_path / "scans").rglob("*.nii.gz"))


def test_a_meeting_in_one_folder_and_in_two(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    for root, label in ((one, "driver"), (one, "a"), (two, "b")):
        assert leave_note(str(root), "nonce", label) == ""
    labels = ["driver", "a", "b"]
    assert look_around(str(one), "nonce", labels, wait_s=0) == ("driver", "a")
    assert look_around(str(two), "nonce", labels, wait_s=0) == ("b",)
    assert "Not a directory" in leave_note(str(one / ".liversweep-nonce-a"), "nonce", "c")


def test_a_meeting_in_a_store(tmp_path: Path) -> None:
    pytest.importorskip("results.store")
    root = (tmp_path / "store").as_uri()
    assert [leave_note(root, "nonce", label) for label in ("driver", "vm-1.local")] == ["", ""]
    assert look_around(root, "nonce", ["driver", "vm-1.local", "b"], wait_s=0) == ("driver", "vm-1.local")
    assert "allowed: s3://" in leave_note("az://bucket/runs", "nonce", "a")


def test_a_half_written_note_is_not_seen(tmp_path: Path) -> None:
    leave_note(str(tmp_path), "nonce", "a")
    note = tmp_path / ".liversweep-nonce-a"
    note.write_bytes(note.read_bytes()[:-2])
    assert look_around(str(tmp_path), "nonce", ["a"], wait_s=0) == ()


def test_what_a_meeting_tells() -> None:
    everybody = frozenset({"driver", "a", "b"})
    good = {label: MeetingFacts(True, everybody) for label in everybody}
    assert levels(list(judge_meeting("/runs", good))) == ["ok"]
    alone = good | {"b": MeetingFacts(True, frozenset({"b"}))}
    (blind,) = judge_meeting("/runs", alone)
    assert blind.text == "b does not see what was written by a, driver" and "shared folder" in blind.advice
    mute = {label: MeetingFacts(True, frozenset({"driver", "a"})) for label in ("driver", "a")}
    (refused,) = judge_meeting("/runs", mute | {"b": MeetingFacts(False, frozenset({"driver", "a"}), "read-only")})
    assert refused.text == "b cannot write: read-only"


@pytest.mark.parametrize(("packs", "needed"), [(0, 75 * MIB), (10 * MIB, 75 * MIB), (90 * MIB, 120 * MIB)])
def test_what_the_store_should_have(packs: int, needed: int) -> None:
    assert store_needed_bytes(packs) == needed


def test_a_small_store_is_told_the_number_to_set() -> None:
    stores = {"a": 300.0 * MIB, "b": 120.0 * MIB}
    assert levels(list(judge_store({"a": stores["a"]}, 150 * MIB, local=False))) == ["ok"]
    (small,) = judge_store(stores, 150 * MIB, local=False)
    assert small.text.startswith("b:") and f"--object-store-memory={200 * MIB}" in small.advice
    (ours,) = judge_store({"b": 80.0 * MIB}, 150 * MIB, local=True)
    assert "cluster.object_store: 200MiB" in ours.advice and "from files" in ours.text


def test_slots_and_their_memory(spec: Spec) -> None:
    roomy = [node("a", CPU=4, memory=16e9), node("b", CPU=2, memory=16e9)]
    (fine,) = judge_slots(spec, roomy)
    assert fine.level.value == "ok" and fine.text.startswith("6 trials") and "(a 4, b 2)" in fine.text
    (poor,) = judge_slots(spec, [node("a", CPU=16, memory=16e9), roomy[1]])
    assert poor.level.value == "warn" and "1.0 GB of memory each" in poor.text
    (none,) = judge_slots(spec, [node("a", CPU=0, memory=16e9)])
    assert none.level.value == "fail"


@pytest.mark.parametrize(
    ("counted", "gpus", "wanted", "expected"),
    [
        (0, (), 0.0, ["ok"]),
        (0, (), 1.0, ["fail"]),
        (0, (A100,), 0.0, ["ok"]),
        (1, (A100,), 0.5, ["ok"]),
        (1, None, 1.0, ["fail", "ok"]),
        (2, (A100,), 1.0, ["fail", "ok"]),
        (1, (A100, A100), 1.0, ["warn", "ok"]),
        (2, (A100, {**A100, "driver": "560.2"}), 1.0, ["warn", "ok"]),
    ],
)
def test_gpus(counted: int, gpus: tuple[dict[str, Any], ...] | None, wanted: float, expected: list[str]) -> None:
    found = judge_gpus({HERE: facts(), "a": facts(gpus=gpus)}, [node("a", GPU=counted)], wanted)
    assert levels(list(found)) == expected


def test_a_refusal_lists_every_problem() -> None:
    found = [
        *judge_programs({HERE: facts(), "a": facts({**VERSIONS, "ray": "2.0"}, code="d")}),
        *judge_data({"a": facts(data=DataFacts(error="no such folder"))}),
    ]
    with pytest.raises(ClusterError) as caught:
        refuse(found)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("3 problems") and len(lines) == 5 and "cluster doctor" in lines[-1]
    refuse([finding for finding in judge_programs({HERE: facts(), "a": facts({**VERSIONS, "pandas": "2"})})])
