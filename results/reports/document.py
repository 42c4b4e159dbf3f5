"""Everything a report says, independent of its format: the formats only decide how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from results.metrics import definitions
from results.pictures import Pictures
from results.records import Sweep, TrialRecord
from results.reports.layouts import architecture_layout, factor_layouts, patient_layout, stages, trial_layout
from results.reports.summary import summary
from results.reports.table import Table
from results.text import printable

NOTICE = "Research software, not for clinical use."


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed trial, with what can be done about its kind of failure."""

    trial: str
    architecture: str
    kind: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Document:
    """A report without a format.

    Attributes:
        title: name of the sweep.
        summary: paragraphs in plain words.
        facts: `(name, value)` about data, split and run.
        architectures: one table, or one a stage.
        definitions: `(score, what it is)`.
        versions: `(package, version)` as recorded when the sweep ran.
        pictures: by uid of the trial.
    """

    title: str
    sweep: Sweep
    summary: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    architectures: tuple[Table, ...]
    trials: Table
    factors: tuple[Table, ...]
    patients: Table
    failures: tuple[Failure, ...]
    definitions: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    pictures: Mapping[str, Pictures] = field(default_factory=dict)
    notice: str = NOTICE

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order in which they are shown."""
        return (*self.architectures, self.trials, *self.factors, self.patients)


def build_document(sweep: Sweep, pictures: Mapping[str, Pictures] | None = None) -> Document:
    """The document of a sweep. The same sweep and pictures always give the same document."""
    record = sweep.sweep
    return Document(
        title=printable(record.name),
        sweep=sweep,
        summary=summary(sweep),
        facts=_facts(sweep),
        architectures=tuple(architecture_layout(sweep, stage) for stage in stages(sweep)),
        trials=trial_layout(sweep),
        factors=factor_layouts(sweep),
        patients=patient_layout(sweep),
        failures=tuple(_failure(trial) for trial in sweep.trials if trial.state == "failed"),
        definitions=definitions(),
        versions=tuple((printable(name), printable(str(value))) for name, value in sorted(record.versions.items())),
        pictures=dict(pictures or {}),
    )


def _facts(sweep: Sweep) -> tuple[tuple[str, str], ...]:
    record = sweep.sweep
    split, data = record.split, record.data
    skipped = ", ".join(data.skipped)
    facts = [
        ("split fingerprint", split.fingerprint or "not recorded"),
        ("patients", f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test"),
        ("cases", f"{data.cases} ({data.slices} slices), {data.tumour_free} without tumour"),
        ("left out", f"{len(data.skipped)}: {skipped}" if skipped else "none"),
        ("labels scored", ", ".join(record.labels)),
        ("objective", ", ".join(f"{objective.metric} ({objective.direction})" for objective in record.objectives)),
        *((f"searched: {name}", str(value)) for name, value in record.space.items()),
        ("started", record.started),
        ("last event", record.updated),
    ]
    return tuple((printable(name), printable(value)) for name, value in facts)


def _failure(trial: TrialRecord) -> Failure:
    advice = _ADVICE.get(trial.failure, "See the trial's log.")
    size = " ".join(f"{name} {trial.parameters[name]}" for name in ("batch_size", "size") if name in trial.parameters)
    if trial.failure == "oom" and size:
        advice = f"Lower one of {size}, or give the trial more memory."
    message = printable(trial.message)
    return Failure(trial.uid, printable(trial.architecture), printable(trial.failure), message, printable(advice))


_ADVICE = {
    "oom": "Lower the batch size or the image size, or give the trial more memory.",
    "nan": "Lower the learning rate, or leave such values out of the space.",
    "invalid": "The parameters cannot work together: narrow the space.",
    "timeout": "Raise the deadline, or lower epochs, size or width.",
    "crash": "See the trial's log.",
    "data": "Check the scans with `liversweep data check`.",
}
