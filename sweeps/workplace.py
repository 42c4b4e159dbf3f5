"""The Ray that a sweep runs on: which one, how large, what its workers get, and the prepared slices on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster.config import AttachedConfig, Config, LocalConfig, Slots
from cluster.nodes import machines, slots_for, slots_on
from cluster.select import connect
from liverseg.config import PrepareConfig
from liverseg.training.spans import span
from sweeps.cohort import Cohort
from sweeps.command_clock import CLUSTER, SCANS
from sweeps.costs.machine import MEMORY_SHARE
from sweeps.interrupt import Interrupts
from sweeps.prepare import FITS_SHARE, Prepared, cache_root, prepare_on_ray
from sweeps.readiness.node_checks import refuse_unready
from sweeps.reporter import Reporter
from sweeps.spec import Spec

if TYPE_CHECKING:
    from liverseg.data import Case

WORKER_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Workplace:
    """A running Ray with the slices on it.

    Attributes:
        least_slices: so many slices there are to train on at least, in every fold; None where it is not known.
    """

    spec: Spec
    prepared: Prepared
    slots: Slots
    least_slices: int | None = None


@contextmanager
def workplace(spec: Spec, cohort: Cohort, reporter: Reporter, interrupts: Interrupts, home: str) -> Iterator[Workplace]:
    """Start Ray, or join it, and prepare the scans; end what was started on leaving.

    Args:
        spec: the sweep.
        cohort: its scans.
        reporter: how the user is told.
        interrupts: the handlers of signals, into whose place Ray puts its own.
        home: where the sweeps are kept: a folder's absolute path, or the URI of a store.

    Raises:
        ClusterError: Ray cannot run a single trial, or its machines differ in what they have and see.
        DataError, ConfigError: a case cannot be prepared.
    """
    need = store_need(cohort, ("train", "validation"), tuple(spec.prepare.size or ()))
    with ExitStack() as stack:
        with span(CLUSTER):
            stack.enter_context(connect(ray_config(spec, need), environment=worker_environment(spec)))
        interrupts.install()
        interrupts.check()
        slots = slots_of(spec)
        if spec.cluster.kind != "local":
            refuse_unready(spec, home, reporter)
        prepared = _prepare(spec, cohort, reporter)
        try:
            yield Workplace(spec, prepared, slots, least_training_slices(cohort))
        finally:
            prepared.remove_files()


def _prepare(spec: Spec, cohort: Cohort, reporter: Reporter) -> Prepared:
    count = len(cohort.part("train")) + len(cohort.part("validation"))
    with span(SCANS), reporter.steps("preparing scans", count) as advance:
        prepared = prepare_on_ray(
            cohort, prepare_config(spec), cache_root(spec), stream=spec.prepare.stream, on_case=advance
        )
    place = "; trials read them from files of their machine" if prepared.streamed else ""
    reporter.note(f"prepared {prepared.cases} scans once for all trials ({prepared.from_cache} from the cache){place}")
    return prepared


def prepare_config(spec: Spec) -> PrepareConfig:
    """What the shared preparation makes, for a resolved spec."""
    return PrepareConfig(sizes_px=tuple(spec.prepare.size or ()), slices=spec.prepare.slices, fit=spec.prepare.fit)


@dataclass(frozen=True, slots=True)
class StoreNeed:
    """What prepared cases take.

    Attributes:
        data_bytes: all of them at all sizes, about and at most.
        largest_bytes: the largest at its largest size.
    """

    data_bytes: int
    largest_bytes: int


def store_need(cohort: Cohort, parts: Sequence[str], sizes_px: Sequence[int]) -> StoreNeed:
    """What the cases of some parts take, each once, whatever the folds."""
    from liverseg.preprocess import estimate_reference_bytes, estimate_store_bytes

    cases = {case.uid: case for part in parts for case in cohort.part(part)}.values()
    scored = {case.uid for part in parts if part != "train" or cohort.folds > 1 for case in cohort.part(part)}
    masks = {
        case.uid: estimate_reference_bytes(case.liver_ml, case.header.shape, case.header.spacing_mm)
        for case in cases
        if case.uid in scored
    }
    slices = sum(case.slices for case in cases)
    widest = max(sizes_px, default=0)
    return StoreNeed(
        estimate_store_bytes(slices, sizes_px) + len(sizes_px) * sum(masks.values()),
        max((estimate_store_bytes(case.slices, [widest]) + masks.get(case.uid, 0) for case in cases), default=0),
    )


def least_training_slices(cohort: Cohort) -> int:
    """How many slices every training has at least, in whatever fold and whichever slices are chosen: those that show liver.

    Slices with liver are not counted when scans are checked; its volume needs at least so many of them.
    """
    return min(sum(_least_slices(case) for case in cohort.part("train", fold)) for fold in range(cohort.folds))


def _least_slices(case: Case) -> int:
    header = case.header
    slice_ml = header.voxel_ml * math.prod(header.shape) / case.slices
    return math.ceil(case.liver_ml / slice_ml * (1 - 1e-9))


def store_bytes(spec: Spec, cohort: Cohort) -> int:
    """Bytes that prepared train and validation cases take, about and at most: each once, whatever the folds."""
    return store_need(cohort, ("train", "validation"), tuple(spec.prepare.size or ())).data_bytes


def memory_limit(spec: Spec, slots: Slots) -> int:
    """Private memory that a trial may use: as the spec says, else its share of nine tenths of what its machine has."""
    import psutil

    if spec.trial.memory_bytes:
        return spec.trial.memory_bytes
    if spec.cluster.kind == "local":
        return int(MEMORY_SHARE * psutil.virtual_memory().available / slots.count)
    # Ray counts the memory that is left for workers; of unequal machines the one with the least a trial decides.
    shares = [(node.get("memory", 0), slots_on(node, cpus=slots.cpus, gpus=slots.gpus)) for node in machines()]
    return int(MEMORY_SHARE * min(memory / count for memory, count in shares if count))


def slots_of(spec: Spec) -> Slots:
    """How many of a spec's trials run at once on the Ray that this process is connected to.

    Raises:
        ClusterError: none.
    """
    trial = spec.trial
    return slots_for(machines(), cpus=trial.cpus, gpus=trial.gpus, memory_bytes=trial.memory_bytes)


def ray_config(spec: Spec, need: StoreNeed) -> Config:
    """The Ray that a spec asks for: one of our own, or one that runs. SLURM's and Kubernetes' jobs bring one with them."""
    cluster = spec.cluster
    if cluster.kind == "local":
        return local_config(spec, need)
    return AttachedConfig(address=cluster.address if cluster.kind == "address" else None, insecure=cluster.insecure)


def local_config(spec: Spec, need: StoreNeed) -> LocalConfig:
    """An object store that holds all cases if three tenths of the memory can; one that they pass through otherwise.

    Cases that are streamed lie in the store only on their way, and what stays there of them keeps memory from the files.
    """
    import psutil

    memory = psutil.virtual_memory().total
    wanted = int(need.data_bytes / FITS_SHARE)
    if spec.prepare.stream == "always" or (spec.prepare.stream == "auto" and wanted > 0.3 * memory):
        wanted = max(4 * need.largest_bytes, int(0.05 * memory))
    store = spec.cluster.object_store_bytes or min(max(256 * _MIB, wanted), int(0.3 * memory))
    gpus = None if spec.trial.gpus else 0
    return LocalConfig(cpus=spec.cluster.cpus, gpus=gpus, object_store_bytes=store)


def worker_environment(spec: Spec) -> dict[str, str]:
    """Variables that every worker gets."""
    # Cards are counted as nvidia-smi counts them, by their place on the bus, and not the fastest first.
    cards = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if spec.trial.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    return {**WORKER_ENVIRONMENT, **cards, "OMP_NUM_THREADS": str(spec.trial.cpus)}
