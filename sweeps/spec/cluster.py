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
    gpu_type: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Kind of GPU as SLURM calls it, such as a100; any if left out."""
    memory_per_node_bytes: Bytes = Field(None, alias="memory_per_node")
    """Memory of each machine; the partition's default if left out."""
    time_s: Seconds = Field(None, alias="time")
    """Time limit of the job, 5m or more; the partition's default if left out. A sweep that is not done by then saves its
    state, and the job goes back into the queue."""
    requeues: int = Field(50, ge=0, le=10_000)
    """How often the job may put itself back into the queue; 0 ends it with its time."""
    partition: str | None = Field(None, min_length=1, max_length=64)
    """The partition."""
    account: str | None = Field(None, min_length=1, max_length=64)
    """The account that is charged."""
    qos: str | None = Field(None, min_length=1, max_length=64)
    """The quality of service."""
    exclusive: bool = True
    """Take whole machines. Ray refuses to start beside another Ray, and ends every Ray of the same user with itself: share
    machines only where that cannot happen."""
    shared_folder: str | None = Field(None, min_length=1, max_length=4096)
    """Folder that all machines see, for the job's output and its token; beside the runs if left out."""
    temp_folder: str = Field("/tmp", min_length=1, max_length=22)
    """Folder on each machine for Ray's own files: a short path, best on a local disk."""
    setup: Lines = ()
    """Shell lines that make `liversweep` available on the machines, such as `module load python` or `source …/activate`."""
    options: Lines = ()
    """Further options of sbatch, such as `--constraint=a100`, one a line."""


Word = Annotated[str, Field(min_length=1, max_length=253)]
Label = Annotated[str, Field(max_length=400, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*=[A-Za-z0-9._-]*$")]
Selector = Annotated[tuple[Label, ...], Field(strict=False, max_length=50)]


class KubernetesSection(Section):
    """What a RayJob asks for; see `liversweep cluster kuberay`."""

    image: str | None = Field(None, min_length=1, max_length=512)
    """Container image with liversweep in it."""
    image_pull_secret: Word | None = None
    """Secret with which the image is pulled, where its registry asks for one."""
    namespace: str = Field("default", min_length=1, max_length=63)
    """The namespace."""
    workers: int = Field(1, ge=1, le=1024)
    """Worker pods."""
    cpus_per_worker: int = Field(4, ge=1, le=4096)
    """CPU cores of each worker."""
    gpus_per_worker: int = Field(0, ge=0, le=64)
    """GPUs of each worker."""
    memory_per_worker_bytes: Bytes = Field(None, alias="memory_per_worker")
    """Memory of each worker; 4 GiB for each core if left out."""
    head_cpus: int = Field(2, ge=1, le=256)
    """CPU cores of the head, which runs the driver and no trial."""
    head_memory_bytes: Bytes = Field(8 << 30, alias="head_memory")
    """Memory of the head."""
    node_selector: Selector = ()
    """Labels of the nodes that workers run on, such as `[nvidia.com/gpu.product=NVIDIA-A100]`."""
    data_claim: Word | None = None
    """PersistentVolumeClaim that holds the scans, mounted read-only at data.root."""
    runs_claim: Word | None = None
    """PersistentVolumeClaim that takes the runs; none when runs go to an object store."""
    store_secret: Word | None = None
    """Secret with the object store's credentials, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""
    service_account: Word | None = None
    """Service account of the pods; for an object store that knows pods by it."""
    token_secret: Word | None = None
    """Secret with the cluster's token under the key auth_token; named after the sweep if left out."""
    user: int = Field(1000, ge=1, le=2**31 - 1)
    """User and group id of every process, and group of the volumes; never root."""
    retries: int = Field(2, ge=0, le=100)
    """How often a job that failed is begun again on a new cluster; it goes on where it was."""
    keep_s: Seconds = Field(300.0, alias="keep")
    """How long the cluster stays after the job, to look at it."""


class ClusterSection(Section):
    """Where the trials run."""

    kind: Annotated[str, OneOf("cluster", CLUSTERS)] = "local"
    """`local` is this machine, `address` a Ray cluster that runs already, `slurm` and `kubernetes` what their jobs bring."""
    cpus: int | None = Field(None, ge=1, le=4096)
    """Kind `local`: use at most so many cores; all if left out."""
    object_store_bytes: Bytes = Field(None, alias="object_store")
    """Memory for the prepared scans, on each node. Kind `local`: found out from the data if left out; kind `kubernetes`: three
    tenths of a pod's memory."""
    address: str | None = Field(None, min_length=1, max_length=253)
    """Kind `address`: host:port of the cluster's head; RAY_ADDRESS, or the Ray on this machine, if left out."""
    insecure: bool = False
    """Accept a cluster that answers without a token: whoever reaches it can run code on it."""
    slurm: SlurmSection = SlurmSection()
    kubernetes: KubernetesSection = KubernetesSection()
