from __future__ import annotations

import copy
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.kubernetes.job import RayJobConfig, rayjob, render_rayjob, script, token_command
from cluster.kubernetes.manifest import dns_label
from cluster.kubernetes.pods import PodSize
from tests.cluster.kubernetes.rayjobs import ASSETS, GIB, plain_job, pod_specs, read_back, validator

SCHEMA = validator()
SIZES = st.builds(
    PodSize,
    cpus=st.integers(1, 512),
    memory_bytes=st.integers(2 * GIB, 4000 * GIB),
    gpus=st.integers(0, 16),
    object_store_bytes=st.none() | st.integers(80 << 20, GIB),
)
OPTIONAL = st.none() | st.just("some-name")
JOBS = st.builds(
    plain_job,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True).map(dns_label),
    head=SIZES,
    worker=SIZES,
    workers=st.integers(1, 1024),
    image_pull_secret=OPTIONAL,
    credentials_secret=OPTIONAL,
    service_account=OPTIONAL,
    user=st.integers(1, 2**31 - 1),
    retries=st.integers(0, 100),
    keep_s=st.integers(0, 10**6),
    node_selector=st.sampled_from([(), (("gpu", "on"),)]),
)


def test_the_manifest_is_as_it_was() -> None:
    assert render_rayjob(plain_job()) == (ASSETS / "rayjob.yaml").read_text("utf-8")


@settings(max_examples=50)
@given(JOBS)
def test_every_job_fits_the_definition(config: RayJobConfig) -> None:
    job = rayjob(config)
    SCHEMA.validate(job)
    for spec in pod_specs(job):
        (container,) = spec["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert spec["securityContext"]["runAsUser"] == config.user


def _unknown(job: dict[str, Any]) -> None:
    job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["securityContext"][
        "runAsRoot"
    ] = True


def _misspelt(job: dict[str, Any]) -> None:
    job["spec"]["rayClusterSpec"]["authOptions"]["secret"] = "x"


def _number_for_text(job: dict[str, Any]) -> None:
    job["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0


def _no_template(job: dict[str, Any]) -> None:
    del job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]


def _bad_quantity(job: dict[str, Any]) -> None:
    pod_specs(job)[2]["containers"][0]["resources"]["limits"]["memory"] = "32 GB"


@pytest.mark.parametrize("spoil", [_unknown, _misspelt, _number_for_text, _no_template, _bad_quantity])
def test_the_definition_refuses_what_a_server_would(spoil: Callable[[dict[str, Any]], None]) -> None:
    _, job = read_back(plain_job())
    assert SCHEMA.is_valid(job)
    spoilt = copy.deepcopy(job)
    spoil(spoilt)
    assert not SCHEMA.is_valid(spoilt)


def test_pods_pass_the_restricted_standard() -> None:
    for spec in pod_specs(read_back(plain_job())[1]):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] and pod["runAsUser"] > 0 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False and spec["terminationGracePeriodSeconds"] >= 20
        for container in spec["containers"]:
            mine = container["securityContext"]
            assert mine == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim"}
        assert {key for volume in spec["volumes"] for key in volume} - {"name"} <= allowed


def test_the_token_is_named_and_never_said() -> None:
    config = plain_job()
    _, job = read_back(config)
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token", "secretName": config.token_secret}
    for spec in pod_specs(job):
        environment = {item["name"]: item for item in spec["containers"][0]["env"]}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        reference = {"secretKeyRef": {"name": config.token_secret, "key": "auth_token"}}
        assert environment["RAY_AUTH_TOKEN"] == {"name": "RAY_AUTH_TOKEN", "valueFrom": reference}
    assert "kind: Secret" not in render_rayjob(config)


def test_the_line_that_makes_the_secret_has_no_token_in_it(tmp_path: Path) -> None:
    """Run for real, with a kubectl that keeps what it gets."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\ncat /dev/stdin > {tmp_path}/token\n')
    kubectl.chmod(0o755)
    openssl = tmp_path / "openssl"
    openssl.write_text("#!/bin/sh\necho 0123456789abcdef\n")
    openssl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", token_command(plain_job())], check=True, env={"PATH": path}, timeout=30)
    assert (tmp_path / "token").read_text() == "0123456789abcdef"
    words = "create secret generic liver-archs-ray-token --namespace radiology --from-file=auth_token=/dev/stdin"
    assert (tmp_path / "words").read_text().strip() == words


def test_no_trial_runs_on_the_head_and_workers_have_their_gpus() -> None:
    cluster = read_back(plain_job())[1]["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (group,) = cluster["workerGroupSpecs"]
    assert group["replicas"] == group["minReplicas"] == group["maxReplicas"] == 2
    worker = group["template"]["spec"]
    assert worker["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert worker["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    chosen = rayjob(plain_job(node_selector=(("gpu", "on"),)))["spec"]["rayClusterSpec"]
    assert chosen["workerGroupSpecs"][0]["template"]["spec"]["nodeSelector"] == {"gpu": "on"}
    assert "nodeSelector" not in chosen["headGroupSpec"]["template"]["spec"]
    assert "tolerations" not in cluster["headGroupSpec"]["template"]["spec"]


@given(SIZES)
def test_shared_memory_holds_the_object_store(size: PodSize) -> None:
    assert size.store_bytes < size.shared_bytes
    assert size.store_bytes % (1 << 20) == 0 and size.shared_bytes % (1 << 20) == 0
    if size.object_store_bytes is None:
        assert size.shared_bytes < size.memory_bytes // 2


def test_scans_cannot_be_written_to_and_runs_can() -> None:
    for spec in pod_specs(read_back(plain_job())[1])[1:]:
        mounts = {mount["mountPath"]: mount for mount in spec["containers"][0]["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        data, runs = mounts["/data/lits"], mounts["/runs"]
        assert data["readOnly"] and volumes[data["name"]]["persistentVolumeClaim"]["readOnly"]
        assert "readOnly" not in runs and "readOnly" not in volumes[runs["name"]]["persistentVolumeClaim"]
        assert mounts["/etc/liversweep"]["readOnly"]
        shared = volumes[mounts["/dev/shm"]["name"]]["emptyDir"]
        assert shared["medium"] == "Memory"


def test_the_submitter_sees_neither_scans_nor_runs() -> None:
    submitter = pod_specs(read_back(plain_job(credentials_secret="s3"))[1])[0]
    assert [mount["mountPath"] for mount in submitter["containers"][0]["volumeMounts"]] == ["/tmp"]
    assert "envFrom" not in submitter["containers"][0] and submitter["restartPolicy"] == "Never"


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A `liversweep` that ends with the code in CODE, or waits for SIGTERM and ends cleanly."""
    fake = tmp_path / "liversweep"
    waiting = "trap 'echo clean > ended; exit 130' TERM; echo $$ > pid; while :; do sleep 0.02; done"
    fake.write_text(f'#!/bin/sh\n[ -n "$CODE" ] && exit "$CODE"\n{waiting}\n')
    fake.chmod(0o755)
    (tmp_path / "run.sh").write_text(script(plain_job()))
    return tmp_path


def _environment(folder: Path, code: str) -> dict[str, str]:
    return {"PATH": f"{folder}:{os.environ['PATH']}", "CODE": code}


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (2, 2), (3, 0), (130, 130)])
def test_a_finished_sweep_is_not_tried_again_and_all_else_is(command: Path, code: int, seen: int) -> None:
    done = subprocess.run(["sh", "run.sh"], cwd=command, env=_environment(command, str(code)), check=False, timeout=30)
    assert done.returncode == seen


def test_the_script_waits_for_the_clean_end(command: Path) -> None:
    """Ray tells every process of the job to stop, the shell included."""
    shell = subprocess.Popen(["sh", "run.sh"], cwd=command, env=_environment(command, ""))
    try:
        end = time.monotonic() + 30
        while not ((command / "pid").exists() and (command / "pid").read_text().strip()):
            assert time.monotonic() < end
            time.sleep(0.01)
        for pid in (shell.pid, int((command / "pid").read_text())):
            os.kill(pid, signal.SIGTERM)
        assert shell.wait(timeout=30) == 130
    finally:
        shell.kill()
        shell.wait()
    assert (command / "ended").read_text() == "clean\n"
