"""Before a machine of a cluster does jobs of a fleet: whether it runs the same program, and sees the same files.

Asked of every machine before anything is begun, and of one that joins later before its first job. A Ray of our own is on this
machine, and is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config import AttachedConfig
from cluster.doctor.everywhere import Node, ask_all, living_nodes, named
from cluster.doctor.findings import Finding, Level, fail
from cluster.doctor.judgement import judge_answers
from cluster.errors import ClusterError
from cluster.nodes import is_lost, slots_on
from sweeps.errors import SweepError
from sweeps.readiness.meeting import DRIVER, MeetingFacts, meet
from sweeps.readiness.node_facts import NodeFacts

if TYPE_CHECKING:
    from sweeps.fleet import Fleet

_SHARE = "mount one folder at the same path on every machine, or leave --address out to work on this machine"


@dataclass(frozen=True, slots=True)
class View:
    """What one machine has and sees.

    Attributes:
        program: versions of packages, and the hash of the whole program.
        sizes: of each path asked for: bytes, or why it cannot be read.
    """

    program: NodeFacts
    sizes: tuple[int | str, ...]


class Admission:
    """Which machines may do the jobs of a fleet. Use it connected to the fleet's Ray.

    Args:
        fleet: what its workers need, and where they are.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._asks = isinstance(fleet.where, AttachedConfig)
        self._admitted: set[str] = set()

    def admit_all(self) -> None:
        """Ask every machine that has room for a worker.

        Raises:
            ClusterError: with every problem, a line each. Nothing was begun.
        """
        if self._asks:
            # Ray counts a machine that was just lost among the living for a while.
            self._admit(
                [node for node in living_nodes() if self._has_room(node) and not is_lost(node.id)], "nothing was begun"
            )

    def admit(self, machine: str) -> None:
        """Ask a machine, by Ray's id of it, unless it has been asked.

        Raises:
            ClusterError: it may not do any job.
        """
        if self._asks and machine not in self._admitted:
            try:
                self._admit([node for node in living_nodes() if node.id == machine], "on a machine that joined later")
            except ClusterError:
                if not is_lost(machine):  # else its worker is gone too, and is replaced
                    raise

    def named(self, error: Exception, machine: str) -> Exception:
        """An error of a worker that cannot be made, with its machine's name where there are others."""
        from liverseg.errors import DataError, LiversegError

        if not self._asks or not isinstance(error, (LiversegError, SweepError, OSError)):
            return error
        files = isinstance(error, (DataError, OSError))
        return SweepError(f"on the machine {label_of(machine)}: {error}", next_step=_SHARE if files else None)

    def _has_room(self, node: Node) -> bool:
        fleet = self._fleet
        return slots_on(node.resources, cpus=fleet.cpus, gpus=fleet.gpus, memory_bytes=fleet.memory_bytes or None) > 0

    def _admit(self, nodes: Sequence[Node], so: str) -> None:
        from sweeps.readiness.node_judgement import HERE, judge_programs

        places = self._fleet.places
        reads = tuple(map(str, places.reads))
        answers = ask_all(nodes, view, reads)
        views = {answer.node.label: answer.value for answer in answers if answer.value is not None}
        here = view(reads)
        findings = [*judge_answers(answers)]
        findings += judge_programs({HERE: here.program} | {label: one.program for label, one in views.items()})
        findings += judge_reads(reads, here, views)
        for folder in map(str, places.writes):
            findings += judge_writes(folder, meet([node for node in nodes if node.label in views], folder))
        self._refuse(findings, so)
        self._admitted |= {node.id for node in nodes}

    def _refuse(self, findings: Sequence[Finding], so: str) -> None:
        failures = [str(finding) for finding in findings if finding.level is Level.FAIL]
        if failures:
            heading = f"{len(failures)} problem{'s' * (len(failures) > 1)} on the cluster; {so}"
            raise ClusterError("\n".join([heading, *(f"  {line}" for line in failures)]))
        for finding in findings:
            if finding.level is Level.WARN:
                self._fleet.say(f"warning: {finding}")


def view(paths: Sequence[str]) -> View:
    """Worker side, and for comparison the driver's: the program and the paths as they are here."""
    from sweeps.provenance.code import program_hash
    from sweeps.provenance.packages import versions

    return View(NodeFacts(versions=versions(), code=program_hash()), tuple(size_of(Path(path)) for path in paths))


def size_of(path: Path) -> int | str:
    """Bytes of a file, or of the files right in a folder, made sure to be readable; why not, if not."""
    try:
        if path.is_dir():
            return sum(item.stat().st_size for item in path.iterdir() if item.is_file())
        with path.open("rb") as stream:
            stream.read(1)
        return path.stat().st_size
    except OSError as error:
        return error.strerror or str(error)


def judge_reads(paths: Sequence[str], here: View, views: Mapping[str, View]) -> Iterator[Finding]:
    """Every machine must read the same files. What this one cannot read is no machine's problem, and told elsewhere."""
    for label, there in views.items():
        wrong = [
            f"{path} ({f'{size:,} bytes, here {ours:,}' if isinstance(size, int) else size})"
            for path, ours, size in zip(paths, here.sizes, there.sizes, strict=True)
            if isinstance(ours, int) and size != ours
        ]
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            yield fail("files", f"{label} does not see what this machine sees: {wrong[0]}{more}", _SHARE)


def judge_writes(folder: str, meeting: Mapping[str, MeetingFacts]) -> Iterator[Finding]:
    """Results must be written where this machine finds them."""
    there = {label for label, facts in meeting.items() if facts.wrote}
    for label, facts in meeting.items():
        if not facts.wrote:
            yield fail("results", f"{label} cannot write: {facts.error}", _SHARE)
        elif there - facts.seen:
            who, by = (
                ["this process" if one == DRIVER else one for one in names] for names in ([label], there - facts.seen)
            )
            text = f"{who[0]} does not see in {folder} what was written by {', '.join(sorted(by))}"
            yield fail("results", text, _SHARE)


def label_of(machine: str) -> str:
    """What to call a machine, living or lost; `machine` is Ray's id of it."""
    import ray

    found = named(ray.nodes())  # type: ignore[no-untyped-call]
    return next((node.label for node in found if node.id == machine), machine)
