"""Everything a report says, independent of its format: the formats only decide how it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from results.failures import FailureGroup, failure_groups, log_of
from results.fingerprints import test_fingerprint
from results.metrics import definitions
from results.pictures import Pictures
from results.records import Sweep
from results.reports.comparison_layouts import pair_layout, patient_layout, rank_layout
from results.reports.history import history_facts
from results.reports.layouts import architecture_layout, factor_layouts, stages, trial_layout
from results.reports.section import Material, ReadOverlays, Section, no_overlays
from results.reports.sections import make_sections
from results.reports.summary import summary, sweep_optimism
from results.reports.table import Table
from results.statistics import Comparison, Optimism, architecture_scores, compare
from results.sweep_parts import SplitRecord
from results.text import printable

NOTICE = "Research software, not for clinical use."


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed trial, with what can be done about its kind of failure, and its log below the sweep's folder."""

    trial: str
    architecture: str
    kind: str
    message: str
    advice: str
    log: str


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
        patients, pairs, ranks: the comparison of architectures as tables; the last two are empty with fewer than two.
        comparison: the same as records.
        optimism: what the best score owes to selection; None where that cannot be told.
        sections: further parts, which formats show without knowing what they are about.
        failure_groups: failed trials that share a remedy.
        failures: each failed trial.
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
    pairs: Table
    ranks: Table
    comparison: Comparison
    optimism: Optimism | None
    sections: tuple[Section, ...]
    failure_groups: tuple[FailureGroup, ...]
    failures: tuple[Failure, ...]
    definitions: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    pictures: Mapping[str, Pictures] = field(default_factory=dict)
    notice: str = NOTICE

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in the order in which they are shown."""
        further = (table for section in self.sections for table in section.tables)
        return (*self.architectures, self.trials, *self.factors, self.patients, self.pairs, self.ranks, *further)


def build_document(
    sweep: Sweep, pictures: Mapping[str, Pictures] | None = None, overlays: ReadOverlays = no_overlays
) -> Document:
    """The document of a sweep. The same sweep and pictures always give the same document."""
    record = sweep.sweep
    groups = failure_groups(sweep)
    comparison, optimism = compare(architecture_scores(sweep)), sweep_optimism(sweep)
    material = Material(sweep, comparison, optimism, dict(pictures or {}), overlays)
    return Document(
        title=printable(record.name),
        sweep=sweep,
        summary=summary(sweep, comparison, optimism),
        facts=_facts(sweep),
        architectures=tuple(architecture_layout(sweep, stage) for stage in stages(sweep)),
        trials=trial_layout(sweep),
        factors=factor_layouts(sweep),
        patients=patient_layout(sweep, comparison),
        pairs=pair_layout(comparison),
        ranks=rank_layout(comparison),
        comparison=comparison,
        optimism=optimism,
        sections=make_sections(material),
        failure_groups=groups,
        failures=_failures(sweep, groups),
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
        ("test fingerprint", test_fingerprint(record) or "no test patients"),
        ("patients", _parts(split)),
        ("cases", f"{data.cases} ({data.slices} slices), {data.tumour_free} without tumour"),
        *([("from reviews", f"{len(data.reviewed)} corrected cases, trained on only")] if data.reviewed else []),
        ("left out", f"{len(data.skipped)}: {skipped}" if skipped else "none"),
        ("labels scored", ", ".join(record.labels)),
        ("objective", ", ".join(f"{objective.metric} ({objective.direction})" for objective in record.objectives)),
        *((f"searched: {name}", str(value)) for name, value in record.space.items()),
        *history_facts(record),
        ("started", record.started),
        ("last event", record.updated),
    ]
    return tuple((printable(name), printable(value)) for name, value in facts)


def _parts(split: SplitRecord) -> str:
    """How many patients are in which part."""
    if not split.folds:
        return f"{len(split.train)} train, {len(split.validation)} validation, {len(split.test)} test"
    rest = len({patient for fold in split.folds for patient in fold.validation})
    return f"{rest} in {len(split.folds)} folds ({len(split.validation)} validate the search), {len(split.test)} test"


def _failures(sweep: Sweep, groups: Sequence[FailureGroup]) -> tuple[Failure, ...]:
    messages = {trial.uid: printable(trial.message) for trial in sweep.trials if trial.state == "failed"}
    return tuple(
        Failure(uid, group.architecture, group.kind, messages[uid], group.advice, log_of(uid))
        for group in groups
        for uid in group.trials
    )
