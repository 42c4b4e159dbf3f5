"""Sweeps side by side as a document without a format: refused, or with all that it takes to read the figures."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from results.comparisons.against_study import study_section
from results.comparisons.entries import Entry, make_entries
from results.comparisons.parts import PartDifference, part_difference
from results.comparisons.protocol import code_sentences, protocol_layout
from results.comparisons.refusal import IncomparableError
from results.comparisons.scores import Model, merge_scores, name_models, test_scores, validation_scores
from results.comparisons.scores import best_only as best_of
from results.comparisons.side_by_side import side_by_side, side_by_side_layout
from results.comparisons.verdicts import alike_sentences, alike_verdicts, best_sentences
from results.fingerprints import test_fingerprint, train_fingerprint, validation_fingerprint
from results.records import Sweep
from results.reports.comparison_layouts import pair_layout, patient_layout, rank_layout
from results.reports.document import NOTICE
from results.reports.openings import opened_sentence
from results.reports.section import Section
from results.reports.table import Table
from results.statistics import FEWEST, Comparison, compare, overall_verdict
from results.text import printable

Basis = Literal["test", "validation", "none"]


@dataclass(frozen=True, slots=True)
class SweepComparison:
    """Several sweeps on the same test patients, or one beside the reference study.

    Attributes:
        names: of the sweeps.
        basis: the patients on which architectures are compared: `test` where all sweeps have opened them, else
            `validation` where these are the same, else `none`.
        warnings: what makes the comparison weaker than it looks.
        summary: sentences for readers who read nothing else, grouped into paragraphs.
        sections: text and tables.
        facts: `(name, value)` of the parts compared.
        comparison: the statistics; None where nothing may be compared.
    """

    names: tuple[str, ...]
    basis: Basis
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    comparison: Comparison | None
    notice: str = NOTICE

    @property
    def title(self) -> str:
        """Who is compared."""
        return " · ".join(self.names)


def compare_sweeps(sweeps: Sequence[Sweep], *, against_study: bool = False, best_only: bool = False) -> SweepComparison:
    """The comparison of sweeps, in the order given.

    Args:
        sweeps: one (with `against_study`) or more.
        against_study: whether to put the reference study's figures beside them.
        best_only: compare one architecture of each sweep, the best on its validation patients: fewer tests, of which each can
            show smaller differences.

    Raises:
        IncomparableError: the test patients are not the same; or there are none, and the validation patients are not.
        ValueError: no sweep, or one alone without the study.
    """
    if len(sweeps) < (1 if against_study else 2):
        raise ValueError("there is nothing to compare")
    entries = make_entries(sweeps)
    tests = [part_difference(entries[0], entry, "test") for entry in entries[1:]]
    validations = [part_difference(entries[0], entry, "validation") for entry in entries[1:]]
    _refuse(entries, tests, validations)
    found = _Found.of(entries, all(item.equal for item in validations), best_only)
    sections = _compared(entries, found) if len(entries) > 1 else []
    sections += [study_section(entries)] if against_study else []
    return SweepComparison(
        names=tuple(entry.name for entry in entries),
        basis=found.basis,
        warnings=tuple(map(printable, _warnings(entries, found, (*tests, *validations)))),
        summary=tuple(printable(text) for text in _summary(entries, found) if text) if len(entries) > 1 else (),
        sections=tuple(sections),
        facts=tuple(_facts(entries)),
        comparison=found.comparison,
    )


def _refuse(entries: Sequence[Entry], tests: Sequence[PartDifference], validations: Sequence[PartDifference]) -> None:
    wrong = [item for item in tests if not item.equal]
    if not wrong and not entries[0].record.split.test:
        wrong = [item for item in validations if not item.equal]
    if wrong:
        raise IncomparableError(wrong)


@dataclass(frozen=True, slots=True)
class _Found:
    """The scores that may be compared."""

    validation_equal: bool
    best_only: bool
    validation: Comparison | None
    test: Comparison | None
    models: tuple[Model, ...]
    unopened: tuple[str, ...]

    @property
    def basis(self) -> Basis:
        return "test" if self.test else "validation" if self.validation else "none"

    @property
    def comparison(self) -> Comparison | None:
        return self.test or self.validation

    @classmethod
    def of(cls, entries: Sequence[Entry], validation_equal: bool, best_only: bool) -> _Found:
        opened = [(entry, scores) for entry in entries if (scores := test_scores(entry)) is not None]
        own = [(entry, validation_scores(entry)) for entry in entries]
        if best_only:
            opened, own = ([(entry, best_of(entry, scores)) for entry, scores in found] for found in (opened, own))
        several = len(entries) > 1
        test = compare(merge_scores(opened)) if several and len(opened) == len(entries) else None
        validation = compare(merge_scores(own)) if several and validation_equal else None
        done = {entry.name for entry, _ in opened}
        models = name_models(opened if test else own)
        unopened = tuple(entry.name for entry in entries if entry.name not in done)
        return cls(validation_equal, best_only, validation, test, models, unopened)


def _warnings(entries: Sequence[Entry], found: _Found, differences: Iterable[PartDifference]) -> list[str]:
    texts = []
    if len(entries) > 1 and not entries[0].record.split.test:
        texts.append(
            "No sweep held patients back for a test: the patients compared here also chose the trials, so that the sweep with "
            "more trials is favoured."
        )
    for item in differences:
        if item.unchecked and item.equal:
            texts.append(
                f"That {item.first} and {item.second} have the same scans and masks of the {item.part} patients cannot be "
                "checked: a ledger lacks their digests. Their pseudonyms are equal."
            )
    return [*texts, *_informed(entries)] if found.test else texts


def _informed(entries: Sequence[Entry]) -> Iterable[str]:
    """Openings after which something was still decided: the test patients may have had a say in it."""
    for entry in entries:
        yield f"{entry.name}: {opened_sentence(entry.sweep)}"
    for first, second in combinations(sorted(entries, key=lambda entry: entry.record.started), 2):
        if first.record.openings and first.record.openings[0].time < second.record.started:
            yield (
                f"{second.name} was begun after the test patients had been opened in {first.name}: what they showed may have had "
                "a say in it."
            )


def _summary(entries: Sequence[Entry], found: _Found) -> Iterable[str]:
    yield _basis_sentence(entries, found)
    if found.comparison is None:
        return
    if found.best_only:
        yield "One architecture of each sweep takes part: its best, chosen on validation patients."
    verdict = " ".join(overall_verdict(found.comparison))
    yield verdict
    yield " ".join(best_sentences(found.models, found.comparison))
    yield " ".join(alike_sentences(found.models, found.comparison))
    pairs = found.comparison.pairs
    if pairs and not found.best_only and all(pair.hopeless for pair in pairs if pair.n >= FEWEST):
        yield f"Among {len(pairs)} tests nothing can be shown on so few patients: --best compares one architecture of each sweep."
    if found.basis == "validation":
        yield _budget_sentence(entries)


def _basis_sentence(entries: Sequence[Entry], found: _Found) -> str:
    held = len(entries[0].record.split.test)
    if found.test:
        return f"Compared on the same {held} test patients, which no sweep was searched on."
    who = (
        f"Not opened yet in {', '.join(found.unopened)}: the {held} test patients, which are the same. " if held else ""
    )
    if found.validation:
        count = len(found.validation.scores.patients)
        return f"{who}Compared on the same {count} validation patients, which also chose the trials."
    unopened = [entry.record.name for entry in entries if entry.name in found.unopened]
    step = "; ".join(f"liversweep test {shlex.quote(name)}" for name in unopened)
    return (
        f"{who}The validation patients are not the same, so nothing yet can be compared between the sweeps. Open the test "
        f"patients once the searches are over: {step}"
    )


def _budget_sentence(entries: Sequence[Entry]) -> str:
    counts = {entry.name: sum(trial.state == "finished" for trial in entry.sweep.trials) for entry in entries}
    if len(set(counts.values())) == 1:
        return ""
    words = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"Finished trials: {words}. The best of more trials is more optimistic on patients that chose it."


def _compared(entries: Sequence[Entry], found: _Found) -> list[Section]:
    labels = [x for x in ("liver", "tumour") if all(x in entry.record.labels for entry in entries)]
    frame = side_by_side(entries, labels, found.models, found.test, found.validation)
    layout = side_by_side_layout(frame, labels, validation_equal=found.validation_equal)
    sections = [Section("side-by-side", "Side by side", "Sweeps", (), (layout,), screen=True)]
    sections += [_statistics(entries, found, found.test, "test")] if found.test else []
    sections += [_statistics(entries, found, found.validation, "validation")] if found.validation else []
    protocol = protocol_layout(entries)
    text = code_sentences(entries) if protocol.rows else ("Nothing that the ledgers record of the protocols differs.",)
    differing = Section("protocol", "What differs in the protocol", "Protocol", text, (protocol,), screen=True)
    return [*sections, differing]


def _statistics(entries: Sequence[Entry], found: _Found, comparison: Comparison, part: str) -> Section:
    tables = (patient_layout(entries[0].sweep, comparison), pair_layout(comparison), rank_layout(comparison))
    named = tuple(_of_part(table, part) for table in tables)
    text = tuple(printable(sentence) for sentence in alike_verdicts(found.models, comparison))
    return Section(f"on-{part}", f"On the {part} patients", part.capitalize(), text, named)


def _of_part(table: Table, part: str) -> Table:
    """A table of one sweep's comparison, under a key of its own; what holds for validation patients is not said of others."""
    note = table.note
    if part == "test":
        note = note.split(" The patients that scored the trials also chose them")[0]
    return replace(table, key=f"{part}-{table.key}", title=f"{table.title} ({part})", note=note)


def _facts(entries: Sequence[Entry]) -> Iterable[tuple[str, str]]:
    for entry in entries:
        record = entry.record
        yield f"{entry.name}: test fingerprint", test_fingerprint(record) or "no test patients"
        yield f"{entry.name}: validation fingerprint", validation_fingerprint(record) or "no validation patients"
        yield f"{entry.name}: training fingerprint", train_fingerprint(record) or "no training patients"
        parts = record.split
        yield (
            f"{entry.name}: patients",
            f"{len(parts.train)} train, {len(parts.validation)} validation, {len(parts.test)} test",
        )
