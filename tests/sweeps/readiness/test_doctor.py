"""The doctor with real Rays: one of our own, and a cluster of two machines on loopback of which one differs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_ray import ROOT, LoopbackRay
from tests.sweeps.cli_runs import Result, liversweep
from tests.sweeps.spec.texts import SMALL
from tests.sweeps.test_bad_input import scans

pytestmark = pytest.mark.ray

REFUSE = """
import sys
from cluster.config import AttachedConfig
from cluster.errors import ClusterError
from cluster.select import connect
from sweeps.readiness.node_checks import refuse_unready
from sweeps.spec import load_spec
class Reporter:
    note = staticmethod(print)
with connect(AttachedConfig(address=sys.argv[1])):
    try:
        refuse_unready(load_spec("sweep.yaml").spec, sys.argv[2], Reporter())
    except ClusterError as error:
        print("REFUSED", error)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doctor")
    scans(path / "scans", 3)
    (path / "sweep.yaml").write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def two_machines(folder: Path) -> Iterator[LoopbackRay]:
    """On the second one another Keras seems to be installed."""
    other = folder / "other" / "keras-0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 0.1\n")
    with LoopbackRay(head_cpus=1, dashboard=True, environment={"PYTHONPATH": str(ROOT)}) as cluster:
        cluster.add(1, PYTHONPATH=f"{other.parent}:{ROOT}")
        yield cluster
    assert cluster.left() == []


def by_subject(result: Result) -> dict[str, list[dict[str, Any]]]:
    document = json.loads(result.out)
    assert document["schema_version"] == 1
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in document["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    return found


def test_a_ray_of_our_own_is_fit(folder: Path) -> None:
    result = liversweep("cluster", "doctor", "sweep.yaml", "--json", cwd=folder)
    found = by_subject(result)
    expected = {
        "machines",
        "versions",
        "code",
        "token",
        "ports",
        "shared memory",
        "clocks",
        "storage",
        "GPUs",
        "data",
        "slots",
    }
    assert expected | {"object store", "disk: runs", "disk: cache", "disk: ray's files"} == set(found)
    # This machine may be short of memory or disk; what we answer for ourselves must be right.
    for subject in ("machines", "versions", "code", "token", "ports", "clocks", "storage", "data", "object store"):
        assert [finding["level"] for finding in found[subject]] == ["ok"] * len(found[subject]), found[subject]
    assert "a call without the token was refused" in found["token"][0]["text"]
    assert "bound to loopback only" in found["ports"][0]["text"] and not found["ports"][0]["text"].startswith("all 0")
    assert "3 cases" in found["data"][0]["text"]
    assert not (folder / "runs").exists()


def test_a_machine_that_differs_is_named(two_machines: LoopbackRay, folder: Path) -> None:
    result = liversweep(
        "cluster",
        "doctor",
        "sweep.yaml",
        "--json",
        "--address",
        two_machines.address,
        cwd=folder,
        **two_machines.access(),
    )
    found = by_subject(result)
    assert result.code == 1
    (versions,) = found["versions"]
    assert (
        versions["level"] == "fail"
        and "keras 0.1 (here 3." in versions["text"]
        and "requirements.lock" in versions["advice"]
    )
    assert found["machines"][0]["text"].startswith("2 machines")
    assert [finding["level"] for finding in found["token"]] == ["ok", "ok"]
    assert f"127.0.0.1:{two_machines.dashboard_port}: a call without the token was refused" in found["token"][1]["text"]
    for subject in ("code", "ports", "clocks", "storage", "data"):
        assert [finding["level"] for finding in found[subject]] == ["ok"], found[subject]
    assert "on 2 machines, and seen by all" in found["storage"][0]["text"]
    assert list((folder).glob("**/.liversweep-*")) == []


def test_a_sweep_is_refused_before_it_starts(two_machines: LoopbackRay, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, two_machines.address, str(folder)],
        cwd=folder,
        env=two_machines.environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "REFUSED 1 problem on the cluster; nothing was started" in done.stdout, done.stderr
    assert "keras 0.1 (here 3." in done.stdout and "Traceback" not in done.stderr


def test_nobody_there_is_a_finding(folder: Path) -> None:
    result = liversweep("cluster", "doctor", "--address", "127.0.0.1:1", cwd=folder)
    assert result.code == 1 and "no Ray answers" in result.out and "Traceback" not in result.err
