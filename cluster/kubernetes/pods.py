"""The pods of a RayJob as plain values: what they get, what they mount, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.kubernetes.manifest import quantity

FILES_PATH = "/etc/liversweep"
"""Where the files of the ConfigMap lie in every Ray pod."""
SCRATCH_PATH = "/tmp"
TOKEN_KEY = "auth_token"
"""The key under which KubeRay looks for the token in its Secret."""
GRACE_S = 30
"""From SIGTERM to SIGKILL. A sweep ends cleanly within 10 s; the rest is Ray's."""

_MIB = 1 << 20
_STORE_SHARE = 0.3  # of a pod's memory, Ray's own default
_STOP_WAIT_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSize:
    """What a pod asks for and is limited to.

    Attributes:
        object_store_bytes: shared memory for prepared data, a part of `memory_bytes`; None takes three tenths.
    """

    cpus: int
    memory_bytes: int
    gpus: int = 0
    object_store_bytes: int | None = None

    @property
    def store_bytes(self) -> int:
        """Size of Ray's object store, whole MiB."""
        return (self.object_store_bytes or int(self.memory_bytes * _STORE_SHARE)) // _MIB * _MIB

    @property
    def shared_bytes(self) -> int:
        """Size of `/dev/shm`: the object store and a tenth, without which Ray would fall back to the disk."""
        return (self.store_bytes * 11 // 10 + 64 * _MIB) // _MIB * _MIB

    def resources(self) -> dict[str, Any]:
        """Requests equal to limits: the pod is among the last that a full node evicts, and Ray counts what it really has."""
        asked = {"cpu": str(self.cpus), "memory": quantity(self.memory_bytes)}
        if self.gpus:
            asked["nvidia.com/gpu"] = str(self.gpus)
        return {"requests": dict(asked), "limits": asked}


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim at a path.

    Attributes:
        volume: the volume's name in the pod.
        name: the claim's name.
    """

    volume: str
    name: str
    path: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSetting:
    """What all pods of a job share.

    Attributes:
        token_secret: the Secret that holds the cluster's token.
        files: the ConfigMap that is mounted at `FILES_PATH`.
        credentials_secret: a Secret whose keys become environment variables, for an object store.
        user: user and group id of every process, and the group of the volumes.
    """

    image: str
    image_pull_secret: str | None
    labels: tuple[tuple[str, str], ...]
    token_secret: str
    files: str
    claims: tuple[Claim, ...]
    credentials_secret: str | None
    service_account: str | None
    user: int


def ray_pod(
    setting: PodSetting, size: PodSize, container: str, node_selector: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    """Template of a Ray pod on nodes with these labels. It has no command: KubeRay writes the `ray start` of its group."""
    volumes, mounts = _volumes(setting, size)
    main: dict[str, Any] = {
        "name": container,
        "image": setting.image,
        "env": _environment(setting),
        **_credentials(setting),
        "resources": size.resources(),
        "securityContext": _container_security(),
        "volumeMounts": mounts,
    }
    spec = _pod_spec(setting, main, volumes)
    if size.gpus:
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    if node_selector:
        spec["nodeSelector"] = dict(node_selector)
    return {"metadata": {"labels": dict(setting.labels)}, "spec": spec}


def submitter_pod(setting: PodSetting) -> dict[str, Any]:
    """Template of the pod that hands the job to the cluster and follows its log. It sees neither scans nor runs."""
    size = PodSize(cpus=1, memory_bytes=1 << 30)
    main = {
        "name": "ray-job-submitter",
        "image": setting.image,
        "env": _environment(setting),
        "resources": size.resources(),
        "securityContext": _container_security(),
        "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH_PATH}],
    }
    spec = _pod_spec(setting, main, [{"name": "scratch", "emptyDir": {}}])
    return {"metadata": {"labels": dict(setting.labels)}, "spec": {"restartPolicy": "Never", **spec}}


def _pod_spec(setting: PodSetting, main: dict[str, Any], volumes: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if setting.service_account:
        spec["serviceAccountName"] = setting.service_account
    if setting.image_pull_secret:
        spec["imagePullSecrets"] = [{"name": setting.image_pull_secret}]
    return {
        **spec,
        # Nothing in a sweep talks to Kubernetes.
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": _pod_security(setting.user),
        "containers": [main],
        "volumes": volumes,
    }


def _environment(setting: PodSetting) -> list[dict[str, Any]]:
    """The token by reference, and Ray's switches.

    The token stands here besides `authOptions`, which a KubeRay older than 1.6 would not know: such a one then fails to
    reach the cluster, rather than starting one that lets in whoever calls.
    """
    secret = {"secretKeyRef": {"name": setting.token_secret, "key": TOKEN_KEY}}
    plain = {
        "HOME": SCRATCH_PATH,
        "LIVERSWEEP_CACHE": f"{SCRATCH_PATH}/liversweep-cache",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # Ray's own 3 s from SIGTERM to SIGKILL would cut off the clean end.
        "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_WAIT_S),
    }
    return [
        {"name": "RAY_AUTH_MODE", "value": "token"},
        {"name": "RAY_AUTH_TOKEN", "valueFrom": secret},
        *({"name": name, "value": value} for name, value in plain.items()),
    ]


def _credentials(setting: PodSetting) -> dict[str, Any]:
    if setting.credentials_secret is None:
        return {}
    return {"envFrom": [{"secretRef": {"name": setting.credentials_secret}}]}


def _volumes(setting: PodSetting, size: PodSize) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes of a Ray pod, and where they are mounted."""
    volumes: list[dict[str, Any]] = [
        {"name": "files", "configMap": {"name": setting.files}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": quantity(size.shared_bytes)}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "files", "mountPath": FILES_PATH, "readOnly": True},
        {"name": "scratch", "mountPath": SCRATCH_PATH},
        {"name": "shared-memory", "mountPath": "/dev/shm"},
    ]
    for claim in setting.claims:
        reference = {"claimName": claim.name} | ({"readOnly": True} if claim.read_only else {})
        volumes.append({"name": claim.volume, "persistentVolumeClaim": reference})
        mount = {"name": claim.volume, "mountPath": claim.path} | ({"readOnly": True} if claim.read_only else {})
        mounts.append(mount)
    return volumes, mounts


def _pod_security(user: int) -> dict[str, Any]:
    """Passes the `restricted` standard of Kubernetes."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        # Without this every file of a large volume would change hands at each start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container_security() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
