"""The spec's part about where the trials run: this machine, a Ray that is there already, SLURM or Kubernetes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sweeps.spec.catalogue import CLUSTERS
from sweeps.spec.fields import OneOf
from sweeps.spec.limits import Bytes, Seconds
from sweeps.spec.section import Section

Lines = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...], Field(strict=False, max_length=100)]


class SlurmSection(Section):
    """What a SLURM job asks for; see `liversweep cluster slurm`."""

    nodes: int = Field(1, ge=1, le=1024)
    """Machines of the job."""
    cpus_per_node: int = Field(8, ge=1, le=4096)
    """CPU cores of each machine."""
    gpus_per_node: int = Field(0, ge=0, le=64)
    """GPUs of each machine."""
    memory_per_node_bytes: Bytes = Field(None, alias="memory_per_node")
    """Memory of each machine; the partition's default if left out."""
    time_s: Seconds = Field(None, alias="time")
    """Time limit of the job; the partition's default if left out. A sweep that is not done by then goes on in a next job."""
    partition: str | None = Field(None, min_length=1, max_length=64)
    """The partition."""
    account: str | None = Field(None, min_length=1, max_length=64)
    """The account that is charged."""
    qos: str | None = Field(None, min_length=1, max_length=64)
    """The quality of service."""
    setup: Lines = ()
    """Shell lines that make `liversweep` available on the machines, such as `module load python` or `source …/activate`."""
    options: Lines = ()
    """Further options of sbatch, such as `--constraint=a100`, one a line."""


class KubernetesSection(Section):
    """What a RayJob asks for; see `liversweep cluster kuberay`."""

    image: str | None = Field(None, min_length=1, max_length=512)
    """Container image with liversweep in it."""
    namespace: str = Field("default", min_length=1, max_length=63)
    """The namespace."""
    workers: int = Field(1, ge=1, le=1024)
    """Worker pods."""
    cpus_per_worker: int = Field(4, ge=1, le=4096)
    """CPU cores of each worker."""
    gpus_per_worker: int = Field(0, ge=0, le=64)
    """GPUs of each worker."""
    memory_per_worker_bytes: Bytes = Field(None, alias="memory_per_worker")
    """Memory of each worker."""
    data_claim: str | None = Field(None, min_length=1, max_length=253)
    """PersistentVolumeClaim that holds the scans, mounted read-only at data.root."""
    runs_claim: str | None = Field(None, min_length=1, max_length=253)
    """PersistentVolumeClaim that takes the runs; none when runs go to an object store."""


class ClusterSection(Section):
    """Where the trials run."""

    kind: Annotated[str, OneOf("cluster", CLUSTERS)] = "local"
    """`local` is this machine, `address` a Ray cluster that runs already, `slurm` and `kubernetes` what their jobs bring."""
    cpus: int | None = Field(None, ge=1, le=4096)
    """Kind `local`: use at most so many cores; all if left out."""
    object_store_bytes: Bytes = Field(None, alias="object_store")
    """Kind `local`: memory for the prepared scans; found out from the data if left out."""
    address: str | None = Field(None, min_length=1, max_length=253)
    """Kind `address`: host:port of the cluster's head; RAY_ADDRESS, or the Ray on this machine, if left out."""
    insecure: bool = False
    """Accept a cluster that answers without a token: whoever reaches it can run code on it."""
    slurm: SlurmSection = SlurmSection()
    kubernetes: KubernetesSection = KubernetesSection()
