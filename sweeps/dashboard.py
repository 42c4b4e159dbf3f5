"""A sweep as an Optuna storage in one SQLite file, for optuna-dashboard and whatever else reads Optuna's studies.

One study holds all trials, with the architecture as a parameter; with several architectures each has a study of its own
besides, in which its options keep their names and its importances are not mixed with the others'. The file is a copy to
look at: nothing here reads it, and a resume does not know it.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from results.records import STATES, Cost, Sweep, TrialRecord
from results.storage import write_atomic
from results.sweep_parts import Objective
from results.text import printable
from sweeps.errors import SweepError, UsageError
from sweeps.folder import SweepFolder
from sweeps.ranges import Known, Range, distinct, known_or_none, labels_of, ranges_of
from sweeps.study_rows import add_trials

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

FILE = "optuna.db"
_MAGIC = b"SQLite format 3\0"
# Trials that wait are those that a resume would start: Optuna has one word for both.
_STATES = {
    "finished": "COMPLETE",
    "pruned": "PRUNED",
    "failed": "FAIL",
    "running": "RUNNING",
    "queued": "WAITING",
    "stopped": "WAITING",
}
assert set(_STATES) == set(STATES)


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """A study in the file, and how many trials it has by Optuna's state."""

    name: str
    trials: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: of the file.
        studies: that of all trials first.
        problem: why ranges are only those that the trials had; empty when the spec's are known.
    """

    path: Path
    studies: tuple[ExportedStudy, ...]
    problem: str = ""


def export_sweep(folder: SweepFolder, output: Path | None = None) -> Exported:
    """Write the sweep into `output` (`optuna.db` in its own folder), in one step and in the place of an older file.

    The same ledger gives the same studies. Times are UTC. A trial without a number for every objective has failed for Optuna.

    Raises:
        LedgerError: the ledger cannot be read.
        UsageError: `output` is there and no SQLite file, or its folder is not.
        SweepError: it cannot be written.
    """
    sweep = folder.read()
    path = folder.inside(folder.file(FILE)) if output is None else output
    _check_target(path)
    known, problem = known_or_none(sweep)
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as memory:
        with _storage(memory) as storage:
            plans = list(studies_of(sweep, printable(folder.name), known))
            # optuna-dashboard lists the newest study first.
            studies = tuple(_write(storage, memory, plan) for plan in reversed(plans))[::-1]
        data = memory.serialize()
    try:
        write_atomic(path, data)
    except OSError as error:
        raise SweepError("the file cannot be written", where=str(path), got=error.strerror) from error
    return Exported(path, studies, problem)


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """A study that is to be written."""

    name: str
    sweep: Sweep
    trials: tuple[TrialRecord, ...]
    labels: Mapping[tuple[str, str], str]
    ranges: Mapping[str, Range]
    architectures: Mapping[str, str]


def studies_of(sweep: Sweep, name: str, known: Known) -> Iterator[StudyPlan]:
    """All trials; then, when there are several architectures, those of each that has any."""
    taken: dict[str, str] = {}
    names = dict.fromkeys((*map(str, sweep.sweep.architectures), *(trial.architecture for trial in sweep.trials)))
    shown = {architecture: distinct(taken, architecture) for architecture in names}
    yield _plan(name, sweep, sweep.trials, known, shown)
    for architecture in names if len(names) > 1 else ():
        trials = tuple(trial for trial in sweep.trials if trial.architecture == architecture)
        if trials:
            yield _plan(f"{name} / {shown[architecture]}", sweep, trials, known, {})


def _plan(
    name: str, sweep: Sweep, trials: tuple[TrialRecord, ...], known: Known, architectures: Mapping[str, str]
) -> StudyPlan:
    labels = labels_of(trials, max(1, len(architectures)))
    return StudyPlan(name, sweep, trials, labels, ranges_of(trials, labels, known), architectures)


def _check_target(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError("the folder is not there", where=str(path), next_step="make it, or choose another --output")
    if not path.exists():
        return
    try:
        with path.open("rb") as stream:
            ours = stream.read(len(_MAGIC)) in (b"", _MAGIC)
    except OSError as error:
        raise UsageError("the file cannot be replaced", where=str(path), got=error.strerror) from error
    if not ours:
        raise UsageError(
            "the file is there and no SQLite file, so it is not replaced",
            where=str(path),
            next_step="choose another --output",
        )


@contextmanager
def _storage(memory: sqlite3.Connection) -> Iterator[optuna.storages.RDBStorage]:
    """An Optuna storage on a database in memory: nothing is on disk before the whole is."""
    import optuna
    from sqlalchemy.pool import StaticPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage("sqlite://", {"creator": lambda: memory, "poolclass": StaticPool})
    try:
        yield storage
    finally:
        storage.scoped_session.remove()


def _write(storage: optuna.storages.RDBStorage, memory: sqlite3.Connection, plan: StudyPlan) -> ExportedStudy:
    import warnings

    import optuna

    objectives, record = plan.sweep.sweep.objectives, plan.sweep.sweep
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=storage, study_name=plan.name, directions=[item.direction for item in objectives]
        )
        study.set_metric_names([printable(item.metric) for item in objectives])
    facts = {"sweep": record.name, "closed": record.closed, "split fingerprint": record.split.fingerprint}
    for name, value in facts.items():
        study.set_user_attr(name, printable(str(value)))
    distributions = {label: _distribution(item) for label, item in plan.ranges.items() if item.sampled}
    trials = [_trial(trial, plan, distributions, objectives) for trial in plan.trials]
    add_trials(memory, study, trials)
    return ExportedStudy(plan.name, dict(Counter(trial.state.name for trial in trials)))


def _distribution(item: Range) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if item.kind == "categorical":
        return CategoricalDistribution([_shown(choice) for choice in item.choices])
    if item.kind == "int":
        return IntDistribution(int(item.low), int(item.high), log=item.log, step=int(item.step or 1))
    return FloatDistribution(item.low, item.high, log=item.log, step=item.step)


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _trial(
    trial: TrialRecord,
    plan: StudyPlan,
    distributions: Mapping[str, BaseDistribution],
    objectives: Sequence[Objective],
) -> optuna.trial.FrozenTrial:
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import TrialState, create_trial

    values = [trial.metric(item.metric) for item in objectives]
    scored = trial.state in ("finished", "pruned") and all(math.isfinite(value) for value in values)
    state = TrialState[_STATES[trial.state] if scored or trial.state != "finished" else "FAIL"]
    parameters = {plan.labels[trial.architecture, name]: value for name, value in trial.parameters.items()}
    chosen = {
        label: _shown(plan.ranges[label].plain(value)) for label, value in parameters.items() if label in distributions
    }
    own = {label: distributions[label] for label in chosen}
    if len(plan.architectures) > 1:
        chosen["architecture"] = plan.architectures[trial.architecture]
        own["architecture"] = CategoricalDistribution(list(plan.architectures.values()))
    frozen = create_trial(
        state=state,
        values=values if scored else None,
        params=chosen,
        distributions=own,
        user_attrs=_attributes(trial),
        intermediate_values=_curve(trial, objectives[0]),
    )
    frozen.datetime_start = _moment(trial.started or trial.suggested)
    frozen.datetime_complete = _moment(trial.ended) if state.is_finished() else None
    return frozen


def _curve(trial: TrialRecord, objective: Objective) -> dict[int, float]:
    curve = trial.epoch_values(objective.metric)
    return {epoch: value for epoch, value in enumerate(curve, 1) if math.isfinite(value)}


def _attributes(trial: TrialRecord) -> dict[str, Any]:
    """What a person looks for, then every score and cost that is a number."""
    words = {
        "uid": trial.uid,
        "number": trial.number,
        "architecture": trial.architecture,
        "stage": trial.stage,
        "state": trial.state,
        "seed": trial.seed,
        "fold": trial.fold,
        "failure": trial.failure,
        "message": trial.message,
        "continues": trial.continues,
        "replicate of": trial.replicate_of,
        "stop reason": trial.stop_reason,
        "best epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "attempts": trial.attempts,
        "seconds": trial.seconds,
    }
    costs = {name: getattr(trial.cost, name) for name in Cost.__slots__}
    taken: dict[str, str] = {}
    found = {distinct(taken, name): _shown(value) for name, value in (words | costs | dict(trial.metrics)).items()}
    return {name: value for name, value in found.items() if _is_told(value)}


def _is_told(value: Any) -> bool:
    return value not in (None, "") and not (isinstance(value, float) and not math.isfinite(value))


def _moment(stamp: str) -> datetime:
    """A time of the ledger as Optuna keeps it, without a zone: UTC. The epoch's beginning where the ledger has no time."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return datetime(1970, 1, 1)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).replace(tzinfo=None)
