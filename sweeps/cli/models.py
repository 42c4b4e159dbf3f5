"""`liversweep models`: what was exported, from which sweep, and what its validations ended with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import note, print_tables, progress, write_json, write_text
from sweeps.cli.options import JsonOption, RecordOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results.model_record import ValidationFacts
    from sweeps.handover.models import ModelLine

SCHEMA_VERSION = 1
_RECORD = Path("models")


def models(record: RecordOption = _RECORD, as_json: JsonOption = False) -> None:
    """List the models that were exported: from which sweep, how they scored, how each validation ended, and where they are.

    Every line of the record carries the checksum of the line before it, so that a line that was changed, removed or moved is
    refused by its number. Folders that are still there are read whole: one whose files are not as they were exported is called
    changed.

    Research software, not for clinical use.
    """
    from liverseg.handover.description import NOTICE
    from results.model_record import read_record
    from sweeps.errors import UsageError
    from sweeps.handover.models import line_document, model_lines

    if record != _RECORD and not record.is_dir():
        step = "name the folder that `liversweep export` was given with --record"
        raise UsageError("no such record of models", where=str(record), next_step=step)
    found = read_record(record)
    with progress("reading models", len(found.models)) as advance:
        lines = model_lines(found, advance)
    if as_json:
        listed = [line_document(line) for line in lines]
        write_json({"schema_version": SCHEMA_VERSION, "notice": NOTICE, "record": str(record), "models": listed})
        return
    if not lines:
        note(f"no model in {record} yet; export one with: liversweep export NAME -o MODEL")
        return
    print_tables([_table(lines)])
    write_text(NOTICE)
    for line in lines:
        if line.detail:
            note(f"warning: {line.id} {line.name}: {line.detail}")


def _table(lines: tuple[ModelLine, ...]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from results.text import printable

    table = Table(title="Models (Dice liver / tumour)", title_justify="left")
    for head in ("model", "name", "exported", "sweep", "networks", "validation", "test", "validated", "folder"):
        table.add_column(head, overflow="fold")
    for line in lines:
        export = line.export
        cells = (line.id, line.name, *(_export_cells(line) if export else ("–",) * 5), _verdicts(line), _folder(line))
        table.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in cells))
    return table


def _export_cells(line: ModelLine) -> tuple[str, ...]:
    export = line.export
    assert export is not None
    names = [member.architecture for member in export.members]
    networks = [f"{names.count(name)} × {name}" if names.count(name) > 1 else name for name in export.architectures]
    return (_day(export.time), export.sweep or "–", ", ".join(networks), _dice(export.validation), _dice(export.test))


def _dice(means: Mapping[str, float | None]) -> str:
    values = [means[label] for label in ("liver", "tumour") if label in means]
    return " / ".join("–" if value is None else f"{value:.3f}" for value in values) or "–"


def _verdicts(line: ModelLine) -> str:
    own = [(facts.time, _verdict(facts)) for facts in line.validations]
    others = [(facts.time, f"{_day(facts.time)}: {facts.name} against it, {facts.outcome}") for facts in line.compared]
    return "\n".join(text for _, text in sorted((*own, *others), key=lambda item: item[0])) or "–"


def _verdict(facts: ValidationFacts) -> str:
    scores = _dice({one.label: one.dice for one in facts.labels})
    patients = f"{facts.patients} patient{'' if facts.patients == 1 else 's'}"
    known = f" ({facts.optimistic} of {facts.cases} cases optimistic)" if facts.optimistic else ""
    counts = [(facts.unlike, "unlike its training"), (facts.refused, "refused")]
    told = "".join(f", {count} {what}" for count, what in counts if count)
    text = f"{_day(facts.time)}: {patients}{known}{told}, {scores}"
    return f"{text}, {facts.outcome} against {facts.against_name}" if facts.outcome else text


def _folder(line: ModelLine) -> str:
    if line.export is None:
        return line.state
    path, here = Path(line.export.path), Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}\n({line.state})"


def _day(time: str) -> str:
    return time[:10]
