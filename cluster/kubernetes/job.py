"""A sweep as a RayJob: Kubernetes manifests from frozen values. Nothing here talks to Kubernetes.

KubeRay makes a Ray cluster for the job, runs the entry point on its head, and takes the cluster down when the job ends.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from cluster.kubernetes.manifest import quantity, yaml_text
from cluster.kubernetes.pods import FILES_PATH, TOKEN_KEY, Claim, PodSetting, PodSize, ray_pod, submitter_pod

SCRIPT = "run.sh"
WORKERS = "workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class RayJobConfig:
    """Everything that a RayJob says.

    Attributes:
        name: a DNS label of at most 40 characters, see `cluster.kubernetes.manifest.dns_label`.
        ray_version: of the image; KubeRay asks for it.
        command: the words that begin the sweep or go on with it; run on the head.
        finished_codes: exit codes of the command, besides 0, that mean that nothing is left to do: the job has succeeded
            then, since a retry would find the same.
        files: name and text of what lies in `FILES_PATH`.
        workers: pods of the worker group.
        credentials_secret: see `PodSetting`.
        retries: how often KubeRay makes a new cluster and starts the command again after it failed.
        keep_s: how long the cluster stays after the job, to look at it.
    """

    name: str
    namespace: str
    image: str
    ray_version: str
    command: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    head: PodSize
    worker: PodSize
    workers: int
    claims: tuple[Claim, ...]
    token_secret: str
    finished_codes: tuple[int, ...] = ()
    image_pull_secret: str | None = None
    credentials_secret: str | None = None
    service_account: str | None = None
    user: int = 1000
    retries: int = 2
    keep_s: int = 300
    node_selector: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """What tells everything that belongs to the sweep."""
        return {"app.kubernetes.io/name": "liversweep", "app.kubernetes.io/instance": self.name}

    @property
    def files_name(self) -> str:
        """Name of the ConfigMap."""
        return f"{self.name}-files"


def render_rayjob(config: RayJobConfig) -> str:
    """The ConfigMap and the RayJob as one YAML text. No secret is in it."""
    return yaml_text((config_map(config), rayjob(config)))


def token_command(config: RayJobConfig) -> str:
    """The shell line that makes the Secret. The token goes through a pipe: it is on no command line and in no file."""
    words = ("kubectl", "create", "secret", "generic", config.token_secret, "--namespace", config.namespace)
    return f"openssl rand -hex 32 | tr -d '\\n' | {shlex.join(words)} --from-file={TOKEN_KEY}=/dev/stdin"


def script(config: RayJobConfig) -> str:
    """The entry point. A file, since KubeRay and Ray would each read quotes and `$` in a command line once more."""
    lines = [
        "#!/bin/sh",
        "# Begins the sweep, or goes on with it.",
        "# The command itself is told to stop too, and ends cleanly: this shell only waits for it.",
        "trap : TERM INT",
        shlex.join(config.command),
        "code=$?",
    ]
    if config.finished_codes:
        lines += [
            "# Finished, if not without a fault: another try would find nothing to do.",
            f'case "$code" in {"|".join(map(str, config.finished_codes))}) exit 0 ;; esac',
        ]
    return "\n".join([*lines, 'exit "$code"', ""])


def config_map(config: RayJobConfig) -> dict[str, Any]:
    """The sweep's files and the script beside them."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(config, config.files_name),
        "data": {**dict(config.files), SCRIPT: script(config)},
    }


def rayjob(config: RayJobConfig) -> dict[str, Any]:
    """The RayJob itself.

    The submission mode is KubeRay's default, a Kubernetes Job that submits: its log, `kubectl logs job/NAME`, is the
    sweep's, and it needs no way from the operator's namespace into this one to start.
    """
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": _metadata(config, config.name),
        "spec": {
            "entrypoint": f"sh {FILES_PATH}/{SCRIPT}",
            "submissionMode": "K8sJobMode",
            "backoffLimit": config.retries,
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": config.keep_s,
            "submitterPodTemplate": submitter_pod(_setting(config)),
            "rayClusterSpec": _cluster(config),
        },
    }


def _cluster(config: RayJobConfig) -> dict[str, Any]:
    setting = _setting(config)
    return {
        "rayVersion": config.ray_version,
        "authOptions": {"mode": "token", "secretName": config.token_secret},
        "headGroupSpec": {
            "serviceType": "ClusterIP",
            "rayStartParams": {
                # The head runs the driver and Ray's bookkeeping, and no trial.
                "num-cpus": "0",
                "object-store-memory": str(config.head.store_bytes),
                # KubeRay reaches the Jobs server by the pod's address; the token guards it, and no port leaves the cluster.
                "dashboard-host": "0.0.0.0",
            },
            "template": ray_pod(setting, config.head, "ray-head"),
        },
        "workerGroupSpecs": [
            {
                "groupName": WORKERS,
                "replicas": config.workers,
                "minReplicas": config.workers,
                "maxReplicas": config.workers,
                "rayStartParams": {"object-store-memory": str(config.worker.store_bytes)},
                "template": ray_pod(setting, config.worker, "ray-worker", config.node_selector),
            }
        ],
    }


def _setting(config: RayJobConfig) -> PodSetting:
    return PodSetting(
        image=config.image,
        image_pull_secret=config.image_pull_secret,
        labels=tuple(config.labels.items()),
        token_secret=config.token_secret,
        files=config.files_name,
        claims=config.claims,
        credentials_secret=config.credentials_secret,
        service_account=config.service_account,
        user=config.user,
    )


def _metadata(config: RayJobConfig, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": config.namespace, "labels": config.labels}


def summary(config: RayJobConfig) -> str:
    """One line: how much the job asks for."""
    worker = config.worker
    gpus = f", {worker.gpus} GPUs" if worker.gpus else ""
    size = f"{worker.cpus} CPUs{gpus}, {quantity(worker.memory_bytes)}"
    return f"{config.workers} workers of {size} each (object store {quantity(worker.store_bytes)}), and a head without trials"
