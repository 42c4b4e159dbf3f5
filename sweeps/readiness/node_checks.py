"""Before a sweep starts on a cluster of several machines: what would spoil it, found in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.doctor.everywhere import ask_all, living_nodes
from cluster.doctor.findings import Finding, Level
from cluster.doctor.judgement import count_text, judge_answers
from cluster.errors import ClusterError
from sweeps.readiness.meeting import meet
from sweeps.readiness.node_facts import examine
from sweeps.readiness.node_judgement import HERE, judge_data, judge_meeting, judge_programs

if TYPE_CHECKING:
    from sweeps.reporter import Reporter
    from sweeps.spec import Spec


def refuse_unready(spec: Spec, folder_root: str, reporter: Reporter) -> None:
    """Make sure that every machine has the same programs, reads the same scans, and sees the same runs.

    Call it connected to the cluster.

    Args:
        spec: the sweep.
        folder_root: absolute path of the folder that holds the sweeps, or the URI of their store.
        reporter: told what differs without harm.

    Raises:
        ClusterError: with every problem, a line each. Nothing was started.
    """
    nodes = living_nodes()
    resolved = spec.resolved()
    answers = ask_all(nodes, examine, resolved, None)
    here = examine(resolved, None)
    facts = {HERE: here} | {answer.node.label: answer.value for answer in answers if answer.value is not None}
    findings = [*judge_answers(answers), *judge_programs(facts), *judge_data(facts)]
    findings += judge_meeting(
        folder_root, meet([answer.node for answer in answers if answer.value is not None], folder_root)
    )
    refuse(findings)
    for finding in findings:
        if finding.level is Level.WARN:
            reporter.note(f"warning: {finding}")
    reporter.note(f"{count_text(len(nodes))}, with the same programs, scans and place of the runs")


def refuse(findings: list[Finding]) -> None:
    """Raise what would spoil a sweep.

    Raises:
        ClusterError: at least one finding is a failure.
    """
    failures = [str(finding) for finding in findings if finding.level is Level.FAIL]
    if failures:
        heading = f"{len(failures)} problem{'s' * (len(failures) > 1)} on the cluster; nothing was started"
        step = "see all there is with: liversweep cluster doctor SPEC"
        raise ClusterError("\n".join([heading, *(f"  {line}" for line in failures), step]))
