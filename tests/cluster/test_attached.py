"""Joining a real Ray of two machines, with and without a token."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.auth import Door, door_of_dashboard, door_of_head
from cluster.errors import ClusterError
from tests.loopback_ray import ROOT, LoopbackRay, free_ports

pytestmark = pytest.mark.ray

JOIN = """
import json, sys
from cluster.config import AttachedConfig
from cluster.errors import ClusterError
from cluster.nodes import machines
from cluster.select import connect
try:
    with connect(AttachedConfig(address=sys.argv[1], insecure=sys.argv[2] == "insecure"), environment={"MARK": "m"}) as has:
        import os, ray
        mark = ray.get(ray.remote(lambda: os.environ["MARK"]).remote())
        print(json.dumps([has["CPU"], len(machines()), mark]))
except ClusterError as error:
    print(error)
"""


def joined(cluster: LoopbackRay, *, address: str = "", insecure: bool = False, **environment: str) -> str:
    """What a driver of its own says that joins the cluster with these variables."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    words = [sys.executable, "-c", JOIN, address or cluster.address, "insecure" if insecure else "secure"]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=clean | {"PYTHONPATH": str(ROOT)} | environment,
        check=False,
        timeout=90,
    )
    return done.stdout.strip() or done.stderr


@pytest.fixture(scope="module")
def locked() -> Iterator[LoopbackRay]:
    with LoopbackRay(head_cpus=1, dashboard=True) as cluster:
        cluster.add(1)
        yield cluster
    assert cluster.left() == []


def test_a_driver_with_the_token_has_all_machines_and_leaves_them_running(locked: LoopbackRay) -> None:
    for _ in range(2):
        assert joined(locked, **locked.access()) == '[2.0, 2, "m"]'


def test_both_doors_are_locked_to_those_without_a_token(locked: LoopbackRay) -> None:
    assert door_of_head(locked.address) is Door.LOCKED
    assert door_of_dashboard(locked.url) is Door.LOCKED


def test_a_wrong_token_is_one_line(locked: LoopbackRay) -> None:
    text = joined(locked, RAY_AUTH_TOKEN="0" * 64, RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    assert "does not accept the token" in text and "Traceback" not in text


def test_no_token_is_one_line(locked: LoopbackRay, tmp_path: Path) -> None:
    text = joined(locked, HOME=str(tmp_path), RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    assert "asks for a token" in text and "Traceback" not in text


def test_a_token_that_others_may_read_is_refused(locked: LoopbackRay, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(locked.token.read_text())
    file.chmod(0o644)
    assert "chmod 600" in joined(locked, RAY_AUTH_TOKEN_PATH=str(file))


def test_nobody_there_is_one_line() -> None:
    (port,) = free_ports(1)
    with pytest.raises(ClusterError, match="no Ray answers"):
        door_of_head(f"127.0.0.1:{port}")
    with pytest.raises(ClusterError, match="no dashboard of Ray answers"):
        door_of_dashboard(f"http://127.0.0.1:{port}")


def test_an_address_of_ray_client_is_refused() -> None:
    from cluster.attached import head_address

    with pytest.raises(ClusterError, match="cluster submit"):
        head_address("ray://127.0.0.1:10001")


def test_s1_an_open_cluster_is_refused_unless_accepted() -> None:
    with LoopbackRay(head_cpus=1, token=False, dashboard=True) as cluster:
        assert door_of_head(cluster.address) is Door.OPEN and door_of_dashboard(cluster.url) is Door.OPEN
        assert "--insecure-cluster" in joined(cluster, **cluster.access(token=False))
        assert joined(cluster, insecure=True, **cluster.access(token=False)) == '[1.0, 1, "m"]'
    assert cluster.left() == []
