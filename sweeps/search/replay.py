"""From a ledger to the state of the search: every event is told again to the samplers, in the order in which it happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from results.ledger_line import Event
from results.sweep_parts import Objective
from sweeps.search.plan import Known, Proposal, Stage
from sweeps.search.standing import HOPELESS, Standing

OpenSpace = Callable[[Mapping[str, Any]], Stage]
"""Makes the stage that an `extended` event with another space asks for."""


def replay(events: Iterable[Event], standing: Standing, open_space: OpenSpace) -> Standing:
    """Tell a fresh standing everything that a ledger holds. Afterwards no trial runs; open ones are queued by number.

    Args:
        events: of a ledger that `results.fold.fold` accepts.
        standing: as it was before the first trial.
        open_space: see `OpenSpace`.
    """
    for event in events:
        _tell(event, standing, open_space)
    queue_open(standing)
    return standing


def queue_open(standing: Standing) -> None:
    """Put every open trial in the queue, the first suggested first."""
    standing.queue.clear()
    for uid in sorted(standing.open, key=lambda uid: standing.open[uid].proposal.number):
        standing.requeue(uid)


def _tell(event: Event, standing: Standing, open_space: OpenSpace) -> None:
    facts, uid = event.payload, str(event.payload.get("uid", ""))
    if event.name == "suggested":
        standing.restore(Proposal.from_payload(facts, standing.course.epochs))
    elif event.name == "started":
        attempt = int(facts.get("attempt") or standing.open[uid].attempt + 1)
        standing.started(uid, attempt, int(facts.get("epoch") or 0))
    elif event.name == "checkpoint":
        _report(standing, uid, facts)
    elif event.name in ("finished", "pruned", "failed"):
        _report(standing, uid, facts)
        if event.name == "failed" and facts.get("kind") in HOPELESS:
            standing.refused(uid)
        values = [] if event.name == "failed" else objective_values(facts, standing.objectives)
        standing.end(uid, event.name, values, updates=int(facts.get("updates") or 0))
    elif event.name == "stopped":
        _report(standing, uid, facts)
        standing.requeue(uid)
        standing.open[uid].parked = True
    elif event.name == "queued":
        _queue(standing, uid)
    elif event.name == "extended":
        _extend(standing, facts, open_space)
    elif event.name == "inherited":
        standing.learn([_inherited(facts)])


def _report(standing: Standing, uid: str, facts: Mapping[str, Any]) -> None:
    trial = standing.open[uid]
    for value in facts.get("values") or ():
        standing.report(uid, trial.epochs + 1, _number(value))
    trial.written = len(trial.reports)


def _queue(standing: Standing, uid: str) -> None:
    if uid in standing.ended:
        standing.retry(uid)
    else:
        standing.requeue(uid)
        standing.open[uid].parked = False


def _extend(standing: Standing, facts: Mapping[str, Any], open_space: OpenSpace) -> None:
    stage = open_space(facts["space"]) if facts.get("space") else None
    standing.extend(int(facts.get("added") or 0), facts.get("epochs"), facts.get("longer") or (), stage)


def _inherited(facts: Mapping[str, Any]) -> Known:
    return Known(
        uid=f"{facts['source']}/{facts['uid']}",
        stage=str(facts.get("stage") or ""),
        architecture=facts["architecture"],
        parameters=facts["parameters"],
        state=facts["state"],
        values=tuple(_number(value) for value in facts.get("values") or ()),
    )


def objective_values(record: Mapping[str, Any], objectives: Sequence[Objective]) -> list[float]:
    """The objectives of a final record; NaN where one is missing or not a finite number."""
    return [objective_value(record, objective.metric) for objective in objectives]


def objective_value(record: Mapping[str, Any], metric: str) -> float:
    """A metric of a final record (scores first, then cost); NaN when it is missing or not a finite number."""
    value = record.get("metrics", {}).get(metric, record.get("cost", {}).get(metric))
    return _number(value) if not isinstance(value, bool) else math.nan


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else math.nan
