from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.remote.rayjob import rayjob_config
from sweeps.spec import load_spec
from tests.cluster.kubernetes.rayjobs import documents, pod_specs, validator
from tests.promises.commands import said
from tests.sweeps.spec.texts import load_text

TEXT = """\
name: Liver_Archs
data: {root: scans}
search: {trials: 2, architectures: {unet: {base_filters: [8, 16]}}}
trial: {cpus: 4, gpus: 0.5, memory: 10GB}
cluster:
  kind: kubernetes
  object_store: 6GiB
  kubernetes:
    image: registry.example.org/liversweep:1.0
    workers: 3
    cpus_per_worker: 8
    gpus_per_worker: 1
    memory_per_worker: 32GiB
    data_claim: lits
    runs_claim: runs
"""


def problems(folder: Path, *overrides: str, runs: str | None = None, text: str = TEXT) -> str:
    """What keeps the spec from becoming a job; empty when nothing does."""
    try:
        rayjob_config(load_text(folder, text, *overrides), overrides, runs, "2.60.0", "sweep.yaml")
    except SpecError as error:
        return str(error)
    return ""


def test_a_spec_becomes_a_job(tmp_path: Path) -> None:
    overrides = ("search.trials=5", "name=other", "cluster.kubernetes.node_selector=[gpu=a100]")
    job = rayjob_config(load_text(tmp_path, TEXT, *overrides), overrides, None, "2.60.0", "sweep.yaml")
    assert (job.name, job.workers, job.worker.gpus, job.worker.cpus) == ("other", 3, 1, 8)
    assert job.node_selector == (("gpu", "a100"),)
    assert job.worker.memory_bytes == 32 << 30 and job.worker.store_bytes == 6 << 30
    places = [(claim.name, claim.path, claim.read_only) for claim in job.claims]
    assert places == [("lits", str(tmp_path / "scans"), True), ("runs", "/runs", False)]
    assert dict(job.files)["sweep.yaml"] == TEXT and job.token_secret == "other-ray-token"


def test_the_command_gives_the_same_sweep(tmp_path: Path) -> None:
    """What the job runs is read again as the installed command reads it, from the folder of the ConfigMap."""
    overrides = ("search.trials=5", 'data.root="my scans #1"')
    loaded = load_text(tmp_path, TEXT, *overrides)
    words = rayjob_config(loaded, overrides, None, "2.60.0", "sweep.yaml").command
    assert words[:6] == ("liversweep", "run", "/etc/liversweep/sweep.yaml", "--or-resume", "--runs", "/runs")
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (elsewhere / "sweep.yaml").write_text(loaded.source_text)
    assert set(words[6::2]) == {"--set"}
    again = load_spec(elsewhere / "sweep.yaml", words[7::2])
    assert again.resolved() == loaded.resolved()


@pytest.mark.parametrize(
    ("override", "said_of_it"),
    [
        ("cluster.kubernetes.image=", "cluster.kubernetes.image: no image"),
        ("cluster.kubernetes.data_claim=", "cannot read the scans"),
        ("cluster.kubernetes.runs_claim=", "--runs s3://bucket/prefix"),
        ("cluster.kubernetes.namespace=A_b", "no name of a namespace"),
        ("cluster.kubernetes.token_secret=-x", "no name in Kubernetes"),
        ("trial.cpus=9", "lower trial.cpus"),
        ("trial.gpus=2", "lower trial.gpus"),
        ("trial.memory=30GiB", "lower trial.memory"),
        ("cluster.object_store=20GiB", "too much of a worker's memory"),
        ("cluster.kubernetes.head_memory=1GiB", "too little for Ray"),
        ("data.root=/etc", "no volume can be mounted there"),
        ("data.root=/", "no volume can be mounted there"),
        ("data.root=/runs", "scans and runs have the same path"),
        ("data.reviews=/elsewhere", "no pod can read there"),
        ("prepare.cache=/elsewhere", "no pod can write there"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, override: str, said_of_it: str) -> None:
    assert problems(tmp_path) == ""
    found = problems(tmp_path, override)
    assert said_of_it in found and found.count("\n") == 0, found


def test_everything_is_named_at_once(tmp_path: Path) -> None:
    bare = TEXT[: TEXT.index("cluster:")]
    found = problems(tmp_path, text=bare)
    assert [key in found for key in ("image", "data_claim", "runs_claim", "gpus_per_worker")] == [True] * 4


def test_runs_may_go_to_an_object_store(tmp_path: Path) -> None:
    override = "cluster.kubernetes.runs_claim="
    assert problems(tmp_path, override, runs="s3://bucket/runs") == ""
    assert "two places" in problems(tmp_path, runs="s3://bucket/runs")
    assert "no pod could write there" in problems(tmp_path, override, runs="file:///tmp/x")
    assert "no volume" in problems(tmp_path, runs="runs")


def test_the_command_prints_a_valid_manifest_and_how_to_send_it(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(TEXT)
    secret = ("--set", "cluster.kubernetes.store_secret=minio")
    result = said("cluster", "kuberay", "sweep.yaml", "--set", "cluster.kubernetes.workers=2", *secret, cwd=tmp_path)
    assert result.code == 0, result.err
    files, job = documents(result.out)
    validator().validate(job)
    assert files["data"]["sweep.yaml"] == TEXT
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 2
    assert all(spec["containers"][0].get("envFrom") for spec in pod_specs(job)[1:])
    name = job["metadata"]["name"]
    assert f"create secret generic {name}-ray-token" in result.err and "kubectl apply -f -" in result.err


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(TEXT)
    result = said("cluster", "kuberay", "sweep.yaml", "-o", "my job.yaml", cwd=tmp_path)
    assert (result.code, result.out) == (0, "") and shlex.quote("my job.yaml") in result.err
    assert len(documents((tmp_path / "my job.yaml").read_text())) == 2


def test_a_spec_that_is_no_job_is_refused_as_a_mistake(tmp_path: Path) -> None:
    result = said("cluster", "kuberay", "quickstart", cwd=tmp_path)
    assert result.code == 2 and result.out == "" and "Traceback" not in result.err
    assert "quickstart: cluster.kubernetes.image: no image" in result.err
