"""The record itself: a folder with one chained file, written to at the end only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from results.chain import Entry, append_entry, read_entries
from results.errors import LedgerError, ResultsError
from results.model_record.facts import ExportFacts, ValidationFacts

RECORD = "record.jsonl"
EXPORTED, VALIDATED = "exported", "validated"
_KINDS: Mapping[str, type[ExportFacts] | type[ValidationFacts]] = {EXPORTED: ExportFacts, VALIDATED: ValidationFacts}


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """All that was written down.

    Attributes:
        entries: in the order of writing. A model that was exported elsewhere may have been validated, and not exported.
    """

    entries: tuple[ExportFacts | ValidationFacts, ...] = ()

    @property
    def exports(self) -> tuple[ExportFacts, ...]:
        """One for each export."""
        return tuple(facts for facts in self.entries if isinstance(facts, ExportFacts))

    @property
    def validations(self) -> tuple[ValidationFacts, ...]:
        """One for each validation."""
        return tuple(facts for facts in self.entries if isinstance(facts, ValidationFacts))

    @property
    def models(self) -> tuple[str, ...]:
        """Ids of all models that were exported or validated, in the order in which each was first written down."""
        return tuple(dict.fromkeys(facts.model for facts in self.entries))

    def export_of(self, model: str) -> ExportFacts | None:
        """The newest export of a model."""
        return next((facts for facts in reversed(self.exports) if facts.model == model), None)

    def validations_of(self, model: str) -> tuple[ValidationFacts, ...]:
        """The validations of a model, oldest first; not those in which it was only compared with."""
        return tuple(facts for facts in self.validations if facts.model == model)

    def comparisons_with(self, model: str) -> tuple[ValidationFacts, ...]:
        """The validations of other models against this one, oldest first."""
        return tuple(facts for facts in self.validations if facts.against == model)


def note_export(folder: Path, facts: ExportFacts) -> Entry:
    """Write down an export; returns once it is safely on disk.

    Raises:
        LedgerError, LockedError: the record is damaged or cannot be written; it is as it was.
    """
    return append_entry(folder / RECORD, EXPORTED, facts.payload())


def note_validation(folder: Path, facts: ValidationFacts) -> Entry:
    """Write down a validation; returns once it is safely on disk.

    Raises:
        LedgerError, LockedError: the record is damaged or cannot be written; it is as it was.
    """
    return append_entry(folder / RECORD, VALIDATED, facts.payload())


def read_record(folder: Path) -> ModelRecord:
    """Everything that was written down, each line checked. Empty where there is no record. Changes nothing.

    Raises:
        LedgerError: a line was changed, left out or moved; it names the line.
    """
    found = []
    for entry in read_entries(folder / RECORD):
        kind = _KINDS.get(entry.event)
        if kind is not None:
            found.append(_read(folder, entry, kind))
    return ModelRecord(tuple(found))


def _read(folder: Path, entry: Entry, kind: type[ExportFacts] | type[ValidationFacts]) -> ExportFacts | ValidationFacts:
    try:
        return kind.of(entry.payload, entry.time)
    except ResultsError as error:
        where, step = str(folder / RECORD), "use the version of liversweep that wrote it"
        raise LedgerError(error.what, line=entry.seq, where=where, got=error.got, next_step=step) from error
