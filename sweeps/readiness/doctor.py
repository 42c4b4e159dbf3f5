"""A look at the Ray that a sweep would run on: is it fit for it, and what would have to be done."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.attached import head_address
from cluster.auth import Door, door_of_dashboard, door_of_head
from cluster.config import AttachedConfig, Config
from cluster.doctor.everywhere import Answer, Node, ask_all, clocks, living_nodes
from cluster.doctor.findings import Finding, fail, ok
from cluster.doctor.judgement import (
    judge_answers,
    judge_clocks,
    judge_disks,
    judge_door,
    judge_ports,
    judge_shared_memory,
    stores_of,
)
from cluster.errors import ClusterError
from cluster.select import connect
from sweeps.readiness.meeting import meet
from sweeps.readiness.node_facts import NodeFacts, examine
from sweeps.readiness.node_judgement import (
    HERE,
    judge_data,
    judge_gpus,
    judge_meeting,
    judge_programs,
    judge_slots,
    judge_store,
)

if TYPE_CHECKING:
    from sweeps.spec import Spec

RUNS, CACHE = "runs", "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is looked at.

    Attributes:
        config: the Ray.
        spec: what shall run there; None asks only what concerns every sweep.
        runs: absolute path or URI of the place of the runs.
        data_bytes: what the prepared scans take in the object store, at most; None when that is not known.
    """

    config: Config
    spec: Spec | None
    runs: str
    data_bytes: int | None = None

    @property
    def local(self) -> bool:
        """Whether the Ray is started for this look."""
        return not isinstance(self.config, AttachedConfig)

    @property
    def insecure(self) -> bool:
        """Whether a cluster is accepted that lets in whoever calls."""
        return isinstance(self.config, AttachedConfig) and self.config.insecure


def data_bytes_of(spec: Spec) -> int | None:
    """What a spec's prepared scans take, at most, from the headers of the scans alone; None when they cannot be read here."""
    from liverseg.errors import LiversegError
    from liverseg.preprocess import estimate_store_bytes
    from liverseg.volume import read_header
    from results.errors import ResultsError
    from sweeps.cohort import list_files
    from sweeps.errors import SweepError
    from sweeps.reviews.corrected import reviewed_files

    try:
        headers = [read_header(case.image) for case in (*list_files(spec)[0], *reviewed_files(spec))]
    except (LiversegError, ResultsError, SweepError, OSError):
        return None
    slices = sum(header.shape[_axis(header.orientation)] for header in headers)
    kept = math.ceil(slices * (1 - spec.data.split.test))
    return estimate_store_bytes(kept, tuple(spec.prepare.size or ()))


def _axis(orientation: str) -> int:
    """The stored axis that runs from feet to head."""
    return next(index for index, letter in enumerate(orientation) if letter in "IS")


def look(patient: Patient) -> list[Finding]:
    """Everything that was found. A cluster that lets in whoever calls is not joined unless that was accepted."""
    try:
        doors = [] if patient.local else _doors(patient.config)
        if any(door is Door.OPEN for _, door in doors) and not patient.insecure:
            return [judge_door(where, door) for where, door in doors]
        with connect(patient.config, environment=_environment(patient)):
            return list(_look(patient, [*doors, *_doors_within(patient)]))
    except ClusterError as error:
        return [fail("connection", str(error), "mend this first; the rest cannot be looked at before")]


def _environment(patient: Patient) -> dict[str, str]:
    from sweeps.workplace import worker_environment

    return {} if patient.spec is None else worker_environment(patient.spec)


def _doors(config: Config) -> list[tuple[str, Door | None]]:
    assert isinstance(config, AttachedConfig)
    address = head_address(config.address)
    return [(f"head {address}", door_of_head(address))]


def _doors_within(patient: Patient) -> list[tuple[str, Door | None]]:
    """Doors whose place is known once we are in: the head of our own Ray, and the dashboard."""
    import ray
    from ray._private.worker import get_dashboard_url

    address = ray.get_runtime_context().gcs_address
    doors: list[tuple[str, Door | None]] = [(f"head {address}", door_of_head(address))] if patient.local else []
    shown: Any = get_dashboard_url()  # type: ignore[no-untyped-call]
    if not shown:
        return [*doors, ("dashboard", None)]
    try:
        return [*doors, (f"dashboard {shown}", door_of_dashboard(f"http://{shown}"))]
    except ClusterError:
        return [*doors, ("dashboard", None)]


def _look(patient: Patient, doors: list[tuple[str, Door | None]]) -> Iterator[Finding]:
    nodes = living_nodes()
    resolved = None if patient.spec is None else patient.spec.resolved()
    answers = ask_all(nodes, examine, resolved, _paths(patient))
    yield from judge_answers(answers)
    here = examine(resolved, None)
    yield from judge_programs({HERE: here, **_values(answers)})
    for where, door in doors:
        yield judge_door(where, door, accepted=patient.insecure)
    yield from _machines(patient, answers, locked=all(door is not Door.OPEN for _, door in doors))
    yield from judge_clocks(clocks(nodes))
    yield from judge_meeting(patient.runs, meet(_answering(answers), patient.runs))
    yield from judge_gpus(_values(answers), nodes, 0.0 if patient.spec is None else patient.spec.trial.gpus)
    if patient.spec is not None:
        yield from judge_data({HERE: here, **_values(answers)})
        yield from judge_slots(patient.spec, nodes)
    yield from _stores(patient, nodes)


def _answering(answers: tuple[Answer[NodeFacts], ...]) -> list[Node]:
    """Machines without our program cannot be asked for more."""
    return [answer.node for answer in answers if answer.value is not None]


def _values(answers: tuple[Answer[NodeFacts], ...]) -> dict[str, NodeFacts]:
    return {answer.node.label: answer.value for answer in answers if answer.value is not None}


def _machines(patient: Patient, answers: tuple[Answer[NodeFacts], ...], *, locked: bool) -> Iterator[Finding]:
    machines = {label: facts.machine for label, facts in _values(answers).items() if facts.machine is not None}
    least = {} if patient.spec is None else {RUNS: patient.spec.keep.min_free_bytes}
    yield from judge_ports(machines, private=patient.local, locked=locked)
    yield from judge_disks(machines, least)
    yield from judge_shared_memory(machines, stores_of([answer.node for answer in answers]))


def _stores(patient: Patient, nodes: tuple[Node, ...]) -> Iterator[Finding]:
    if patient.data_bytes is not None:
        yield from judge_store(stores_of(nodes), patient.data_bytes, local=patient.local)
    elif patient.spec is not None:
        yield ok("object store", "not judged: the scans cannot be read on this machine")


def _paths(patient: Patient) -> dict[str, str]:
    """Folders that a sweep writes to on every machine."""
    from sweeps.prepare import cache_root

    paths = {} if "://" in patient.runs else {RUNS: patient.runs}
    cache = None if patient.spec is None else cache_root(patient.spec)
    return paths | ({} if cache is None else {CACHE: str(Path(cache).absolute())})
