"""A new sweep that knows what older ones found: same spec, another space or data if need be, and a sampler that is not blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.ledger import Ledger, read_events
from results.lock import SweepLock
from results.records import Sweep, TrialRecord
from sweeps.adjust import adjusted
from sweeps.creation import Source, create_sweep
from sweeps.engine import Outcome, Reporter, baseline, checked_cohort, interruptible, search, workplace
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from sweeps.resume import begun_spec
from sweeps.search.replay import replay
from sweeps.spec import Spec, spec_from_resolved
from sweeps.stages import build_standing, extended_spec, space_stage, spec_after

ENDED = ("finished", "pruned", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What the new sweep is.

    Attributes:
        name: of the new sweep.
        trials: how many it has; None for as many as the first parent's spec says.
        epochs: length of its trials; None for the first parent's.
        space: see `sweeps.extend.Extension`.
        file: where the space comes from, for messages.
        settings: see `sweeps.adjust`.
    """

    name: str
    trials: int | None = None
    epochs: int | None = None
    space: Mapping[str, Any] | None = None
    file: str = ""
    settings: tuple[str, ...] = ()


def fork_sweep(parents: Sequence[SweepFolder], target: SweepFolder, fork: Fork, reporter: Reporter) -> Outcome:
    """Start a sweep whose sampler knows the trials of its parents.

    Args:
        parents: whose trials are known; the first one gives the spec.
        target: must not exist.
        fork: what is new.
        reporter: how the user is told.

    Raises:
        UsageError: parents that search for different things.
        SpecError: the space is none.
    """
    spec = forked_spec(parents[0], fork)
    sweeps = [parent.read() for parent in parents]
    _check_objectives(spec, sweeps)
    inherited = [facts for sweep in sweeps for facts in _inherited(sweep)]
    with interruptible(reporter) as interrupts:
        cohort = checked_cohort(spec, reporter)
        _compare_data(sweeps, cohort.fingerprint, cohort.split.fingerprint, reporter)
        with workplace(spec, cohort, reporter, interrupts) as place:
            source = parents[0].file("sweep.yaml")
            text = source.read_text("utf-8") if source.exists() else ""
            create_sweep(
                target,
                spec,
                Source(text),
                cohort,
                baseline(place),
                parents=[{"name": sweep.sweep.name, "trials": len(sweep.trials)} for sweep in sweeps],
                inherited=inherited,
            )
            with SweepLock(target.lock), Ledger.open(target.ledger) as ledger:
                events = read_events(target.ledger)
                standing = replay(events, build_standing(spec), lambda space: space_stage(spec, space))
                reporter.note(f"{target.name}: starts from {len(inherited)} trials of {_names(sweeps)}")
                return search(place, target, ledger, standing, reporter, interrupts)


def forked_spec(parent: SweepFolder, fork: Fork) -> Spec:
    """The first parent's spec as it was last run, with what is new.

    Raises:
        SpecError: the space is none.
    """
    events = read_events(parent.ledger)
    spec = spec_after(begun_spec(parent, events[0], fork.settings), events)
    if fork.space is not None:
        spec = extended_spec(spec, fork.space, fork.file)
    plain = adjusted(spec.resolved(), ())
    plain["name"] = fork.name
    if fork.trials is not None:
        (plain["stages"][-1] if plain["stages"] else plain["search"])["trials"] = fork.trials
    if fork.epochs is not None:
        plain["train"]["epochs"] = fork.epochs
    return spec_from_resolved(plain, fork.name)


def _inherited(sweep: Sweep) -> list[dict[str, Any]]:
    """What the sampler is told: trials of this sweep that ended, and those that it had inherited itself."""
    metrics = [objective.metric for objective in sweep.sweep.objectives]
    own = [_facts(sweep, trial, metrics) for trial in sweep.trials if trial.state in ENDED and not trial.continues]
    return own


def _facts(sweep: Sweep, trial: TrialRecord, metrics: Sequence[str]) -> dict[str, Any]:
    return {
        "source": sweep.sweep.name,
        "uid": trial.uid,
        "number": trial.number,
        "stage": trial.stage,
        "architecture": trial.architecture,
        "parameters": dict(trial.parameters),
        "state": trial.state,
        "values": [trial.metric(metric) for metric in metrics] if trial.state == "finished" else [],
        "epochs": trial.epochs,
    }


def _check_objectives(spec: Spec, sweeps: Sequence[Sweep]) -> None:
    wanted = [item.metric for item in spec.search.objectives]
    for sweep in sweeps:
        found = [item.metric for item in sweep.sweep.objectives]
        if found != wanted:
            raise UsageError(
                "the sweeps search for different things",
                where=sweep.sweep.name,
                got=", ".join(found),
                allowed=", ".join(wanted),
            )


def _compare_data(sweeps: Sequence[Sweep], data: str, split: str, reporter: Reporter) -> None:
    """Scores on other scans are still worth knowing, but they are not the same scores: the user is told."""
    for sweep in sweeps:
        hashes = sweep.sweep.hashes
        if hashes.get("data") != data or hashes.get("split") != split:
            reporter.note(
                f"{sweep.sweep.name} was scored on other patients; its results guide the sampler and are in no table"
            )


def _names(sweeps: Sequence[Sweep]) -> str:
    return ", ".join(sweep.sweep.name for sweep in sweeps)
