"""RayJobs that several tests render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from cluster.kubernetes.job import RayJobConfig, render_rayjob
from cluster.kubernetes.pods import Claim, PodSize

ASSETS = Path(__file__).with_name("assets")
GIB = 1 << 30


def plain_job(**changes: Any) -> RayJobConfig:
    """Two workers with a GPU each, scans and runs on claims."""
    values: dict[str, Any] = {
        "name": "liver-archs",
        "namespace": "radiology",
        "image": "registry.example.org/liversweep:1.0",
        "ray_version": "2.60.0",
        "command": ("liversweep", "run", "/etc/liversweep/sweep.yaml", "--or-resume", "--runs", "/runs"),
        "finished_codes": (3,),
        "files": (("sweep.yaml", "name: liver-archs\ndata: {root: /data/lits}\n"),),
        "head": PodSize(cpus=2, memory_bytes=8 * GIB),
        "worker": PodSize(cpus=8, memory_bytes=32 * GIB, gpus=1, object_store_bytes=6 * GIB),
        "workers": 2,
        "claims": (Claim("data", "lits", "/data/lits", True), Claim("runs", "runs", "/runs", False)),
        "token_secret": "liver-archs-ray-token",
    }
    return RayJobConfig(**values | changes)


def validator() -> jsonschema.Draft202012Validator:
    """Checks a RayJob against the schema beside this file."""
    schema = json.loads((ASSETS / "rayjob_v1.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documents(text: str) -> list[dict[str, Any]]:
    """What kubectl reads: YAML 1.1, as PyYAML does."""
    return list(yaml.safe_load_all(text))


def read_back(config: RayJobConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """ConfigMap and RayJob of a configuration, through the text."""
    files, job = documents(render_rayjob(config))
    return files, job


def pod_specs(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Submitter, head and workers."""
    cluster = job["spec"]["rayClusterSpec"]
    templates = [job["spec"]["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    return [item["spec"] for item in [*templates, *(group["template"] for group in cluster["workerGroupSpecs"])]]
