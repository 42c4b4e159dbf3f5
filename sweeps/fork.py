"""A new sweep that knows what older ones found: same spec, another space or data if need be, and a sampler that is not blind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.ledger import read_events
from results.ledger_line import Event
from results.ranking import settings
from results.records import Sweep, TrialRecord
from results.sweep_parts import InheritedTrial, Objective
from sweeps.adjust import adjusted
from sweeps.creation import Source, create_sweep
from sweeps.engine import Outcome, baseline, checked_cohort, interruptible, search
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from sweeps.reporter import Reporter
from sweeps.resume import begun_spec
from sweeps.search.replay import replay
from sweeps.search.standing import Standing
from sweeps.spec import Spec, spec_from_resolved
from sweeps.stages import build_standing, check_grids, extended_spec, space_stages, spec_after, total_trials
from sweeps.workplace import workplace

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
    inherited = inherited_trials(sweeps)
    known = Counter(dict.fromkeys(_sources(sweeps), 0))
    known.update(facts["source"] for facts in inherited)
    check_grids(spec, _standing(spec, inherited), total_trials(spec))
    with interruptible(reporter) as interrupts:
        cohort = checked_cohort(spec, reporter)
        _compare_data(sweeps, cohort.fingerprint, cohort.split.fingerprint, reporter)
        with workplace(spec, cohort, reporter, interrupts, target.home) as place:
            source = parents[0].file("sweep.yaml")
            parents[0].fetch("sweep.yaml")
            text = source.read_text("utf-8") if source.exists() else ""
            create_sweep(
                target,
                spec,
                Source(text),
                cohort,
                baseline(place),
                parents=parent_facts(sweeps, known, cohort.split.test),
                inherited=inherited,
            )
            with target.driving(), target.open_ledger() as ledger:
                origins = ", ".join(f"{count} trials of {name}" for name, count in known.items())
                reporter.note(f"{target.name}: starts from {origins}")
                return search(place, target, ledger, _standing(spec, inherited), reporter, interrupts)


def parent_facts(sweeps: Sequence[Sweep], known: Mapping[str, int], test: Sequence[str]) -> list[dict[str, Any]]:
    """The `parents` of the new ledger. What a parent had seen of the test patients is known to whoever goes on from it."""
    opened = dict.fromkeys(known, 0)
    for name, sweep in zip(_sources(sweeps), sweeps, strict=True):
        seen = {patient for opening in sweep.sweep.openings for patient in opening.patients}
        opened[name] = max(len(seen.intersection(test)), *(parent.opened for parent in sweep.sweep.parents), 0)
    return [
        {"name": name, "trials": count} | ({"opened": opened[name]} if opened[name] else {})
        for name, count in known.items()
    ]


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
    plain["data"]["reviews_until"] = None  # a new sweep takes the reviews that there are now
    if fork.trials is not None:
        (plain["stages"][-1] if plain["stages"] else plain["search"])["trials"] = fork.trials
    if fork.epochs is not None:
        plain["train"]["epochs"] = fork.epochs
    return spec_from_resolved(plain, fork.name)


def inherited_trials(sweeps: Sequence[Sweep]) -> list[dict[str, Any]]:
    """What the sampler is told, each trial once: those of the parents that ended, then those that they inherited.

    A trial that continues or repeats another one says nothing of its parameters that the other one does not; where all
    settings are repeated, the value of each is the mean.
    """
    sources = _sources(sweeps)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for sweep, source in zip(sweeps, sources, strict=True):
        means = settings(sweep.trials) if sweep.sweep.replication.of == "all" else {}
        for trial in sweep.trials:
            if trial.state in ENDED and not trial.continues and not trial.replicate_of:
                score = means[trial.uid].mean if trial.uid in means else trial.metric
                values = [score(item.metric) for item in sweep.sweep.objectives] if trial.state == "finished" else []
                found.setdefault((source, trial.uid), _facts(source, trial, values))
    for item in (item for sweep in sweeps for item in sweep.sweep.inherited):
        facts = {name: getattr(item, name) for name in InheritedTrial.__slots__}
        found.setdefault((item.source, item.uid), facts | {"values": list(item.values)})
    return list(found.values())


def _sources(sweeps: Sequence[Sweep]) -> list[str]:
    """A name for every parent: its own, numbered where another sweep bears it too. Copies of one sweep share a name."""
    names: dict[tuple[str, str], str] = {}
    for sweep in (item.sweep for item in sweeps):
        count = sum(name == sweep.name for name, _ in names)
        names.setdefault((sweep.name, sweep.started), f"{sweep.name}-{count + 1}" if count else sweep.name)
    return [names[item.sweep.name, item.sweep.started] for item in sweeps]


def _facts(source: str, trial: TrialRecord, values: Sequence[float]) -> dict[str, Any]:
    return {
        "source": source,
        "uid": trial.uid,
        "number": trial.number,
        "stage": trial.stage,
        "architecture": trial.architecture,
        "parameters": dict(trial.parameters),
        "state": trial.state,
        "values": list(values),
        "epochs": trial.epochs,
    }


def _standing(spec: Spec, inherited: Sequence[Mapping[str, Any]]) -> Standing:
    """The search before its first trial; it knows what is inherited, as a replay of the new ledger will."""
    events = [Event(number, "", "inherited", facts) for number, facts in enumerate(inherited)]
    return replay(events, build_standing(spec), space_stages(spec))


def _check_objectives(spec: Spec, sweeps: Sequence[Sweep]) -> None:
    wanted = _aim(spec.search.objectives, spec.data.labels)
    for sweep in sweeps:
        found = _aim(sweep.sweep.objectives, sweep.sweep.labels)
        if found != wanted:
            raise UsageError(
                "the sweeps search for different things", where=sweep.sweep.name, got=found, allowed=wanted
            )


def _aim(objectives: Sequence[Objective], labels: Sequence[str]) -> str:
    """What is searched for; the same metric over other labels is another one."""
    return f"{', '.join(f'{item.direction} {item.metric}' for item in objectives)} of {' and '.join(labels)}"


def _compare_data(sweeps: Sequence[Sweep], data: str, split: str, reporter: Reporter) -> None:
    """Scores on other scans are still worth knowing, but they are not the same scores: the user is told."""
    for sweep in sweeps:
        hashes = sweep.sweep.hashes
        if hashes.get("data") != data or hashes.get("split") != split:
            reporter.note(
                f"{sweep.sweep.name} was scored on other patients; its results guide the sampler and are in no table"
            )
