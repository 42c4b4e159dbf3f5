"""`liversweep validate`: an exported model on labelled scans, and whether it is to take another one's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli import EXIT_FAILURE, EXIT_USAGE
from sweeps.cli.console import note, print_tables, progress, write_json, write_text
from sweeps.cli.options import (
    AddressOption,
    CpusOption,
    GpusOption,
    InsecureOption,
    JsonOption,
    RecordOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from liverseg.handover.folder import ModelFolder
    from sweeps.fleet import Fleet
    from sweeps.validation.labelled import Labelled, Source
    from sweeps.validation.validated import Validated


def validate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `liversweep export` wrote.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder of labelled scans.")],
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLD", help="The model in use: compare on the same patients.", show_default=False),
    ] = None,
    layout: Annotated[str, typer.Option(help="Of DATA: auto | lits | msd | nnunet | pairs.")] = "auto",
    images: Annotated[str | None, typer.Option(help="Layout pairs: glob of the scans below DATA.")] = None,
    masks: Annotated[str | None, typer.Option(help="Layout pairs: glob of the masks below DATA.")] = None,
    patient: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help=r"One group that finds the patient in a case's name, e.g. '^(P\d+)'; every case is one when left out.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad cases out rather than stop.")] = False,
    tolerance_mm: Annotated[float, typer.Option("--tolerance-mm", help="Of the NSD (surface Dice), mm.")] = 2.0,
    record: RecordOption = Path("models"),
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Write validation.json there.", show_default=False),
    ] = None,
    workers: WorkersOption = None,
    cpus: CpusOption = 1,
    gpus: GpusOption = 0.0,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score a model on labelled scans it was not trained on, with every metric; with --against, decide which model to use.

    Both models segment the same patients, and paired tests compare them for each label. It ends with promote (shown to be
    better for a label, with no sign of being worse for another), keep, or underpowered (too few patients for any test).
    Cases that a model was trained on are left out, with --patient also other scans of those patients; a patient of whom DATA
    holds none of the scans trained on cannot be known again. Scans unlike those of a model's training are listed by what
    differs; one that `predict` refuses counts as a scan in which nothing was found. Scores and decision are added to the record
    that `liversweep models` shows.

    Research software, not for clinical use.
    """
    from liverseg.metrics.evaluate import check_tolerance
    from results.model_record import note_validation, read_record
    from sweeps.handover.fleet_of import fleet_of
    from sweeps.validation.labelled import Source
    from sweeps.validation.validated import facts_of

    check_tolerance(tolerance_mm)
    source = Source(
        folder=data.expanduser(),
        layout=None if layout == "auto" else layout,
        images=images,
        masks=masks,
        patient=patient,
        skip_bad=skip_bad,
    )
    _check_places(output, record)
    models = _open(model, against)
    read_record(record)  # a damaged one is told before hours of work, not after
    fleet = fleet_of(workers=workers, cpus=cpus, gpus=gpus, address=address, insecure=insecure, say=note)
    labelled = _load(source, models)
    found = _judged(labelled, models, fleet, tolerance_mm)
    note_validation(record, facts_of(found))
    _show(found, as_json, output)
    note(f"added to the record of models in {record}; see it with: liversweep models")


def _check_places(output: Path | None, record: Path) -> None:
    """Told before hours of work."""
    from liverseg.handover.folder import check_outside
    from sweeps.errors import UsageError

    for place in filter(None, (output, record)):
        check_outside(place)
    if output is not None and output.expanduser().exists() and not output.expanduser().is_dir():
        raise UsageError(
            "not a folder", where=f"-o {output}", next_step="name a folder; it is made where there is none"
        )


def _open(model: Path, against: Path | None) -> list[ModelFolder]:
    from liverseg.handover.folder import open_model
    from sweeps.errors import UsageError

    models = [open_model(path) for path in (model, against) if path is not None]
    if len(models) == 2 and models[0].id == models[1].id:
        raise UsageError(
            "the two are the same model",
            where="--against",
            got=models[0].id,
            allowed="another model",
            next_step="see which there are: liversweep models",
        )
    return models


def _load(source: Source, models: list[ModelFolder]) -> Labelled:
    from cluster.local import usable_cpus
    from sweeps.validation.labelled import list_source, load_labelled

    files, problems = list_source(source)
    with progress("checking", len(files)) as advance:
        found = load_labelled(
            files,
            source,
            [model.description for model in models],
            threads=usable_cpus(),
            problems=problems,
            on_case=advance,
        )
    for problem in (*found.skipped, *found.warnings):
        note(f"{'left out' if problem in found.skipped else 'warning'}: {problem.message}")
    if found.trained:
        names = ", ".join(case.name for case in found.trained)
        note(f"left out, for a model was trained on the patient: {names} ({_cases(len(found.trained))})")
    if found.optimistic:
        names = ", ".join(case.name for case in found.cases if case.uid in found.optimistic)
        note(f"optimistic, for a model was chosen on the patient: {names} ({_cases(len(found.optimistic))})")
    return found


def _cases(count: int) -> str:
    return f"{count} case{'' if count == 1 else 's'}"


def _judged(data: Labelled, models: list[ModelFolder], fleet: Fleet, tolerance_mm: float) -> Validated:
    """Every case through every model, and what came of it."""
    from dataclasses import replace

    from cluster.local import usable_cpus
    from sweeps.fleet import in_this_process
    from sweeps.quiet_backend import load_backend
    from sweeps.validation.validated import jobs_of, judge, score_all, worker_bytes
    from sweeps.validation.worker import ValidationSettings

    fleet = replace(fleet, memory_bytes=worker_bytes(data.cases))
    here = in_this_process(len(data.cases), fleet)
    if here:
        load_backend(fleet.environment)
    threads = usable_cpus() if here else fleet.cpus
    settings = ValidationSettings(tuple(model.path for model in models), tolerance_mm, threads, fleet.gpus)
    try:
        with progress("scoring", len(data.cases)) as advance:
            scores = score_all(jobs_of(data.cases), settings, fleet, advance)
    except ExceptionGroup as errors:
        _refuse(errors, len(data.cases))
    found = judge(data, models, scores, tolerance_mm)
    _tell_refused(found)
    return found


def _tell_refused(found: Validated) -> None:
    names = {case.uid: case.name for case in found.data.cases}
    for side in found.sides:
        for one in side.seen:
            if one.refusal is not None:
                why = f"{one.refusal.why} (rule {one.refusal.rule})"
                note(f"refused by {side.label}, and scored as if nothing was found: {names[one.score.name]}: {why}")


def _refuse(errors: ExceptionGroup[Exception], cases: int) -> Any:
    from liverseg.errors import ConfigError, DataError, LiversegError
    from sweeps.errors import SweepError

    for error in errors.exceptions:
        if not isinstance(error, (LiversegError, SweepError, OSError)):
            raise error
        note(f"error: {error}")
    count = len(errors.exceptions)
    note(f"{count} of {cases} cases could not be scored; nothing is decided on the others, and nothing was recorded")
    data = all(isinstance(error, (ConfigError, DataError)) for error in errors.exceptions)
    raise typer.Exit(EXIT_USAGE if data else EXIT_FAILURE)


def _show(found: Validated, as_json: bool, output: Path | None) -> None:
    from sweeps.validation.document import as_document, write_document

    document = as_document(found)
    if output is not None:
        note(f"wrote {write_document(output.expanduser(), document)}")
    if as_json:
        write_json(document)
        return
    print_tables(_tables(found))
    optimistic = ["* A model was chosen on this patient, whose scores are optimistic."] if found.data.optimistic else []
    remarks = [remark for side in found.sides for remark in side.remarks()]
    for sentence in (*optimistic, *remarks, *found.sentences(), document["notice"]):
        write_text(sentence)
    if found.old is None:
        note("no decision without another model to compare with: name the one in use with --against OLD")


def _tables(found: Validated) -> list[Any]:
    from dataclasses import replace

    from sweeps.cli.score_tables import score_tables
    from sweeps.cli.unlike_table import unlike_table

    names = {case.uid: f"{case.name} ({case.uid})" for case in found.data.cases}
    marks = {uid: f"{name}{' *' if uid in found.data.optimistic else ''}" for uid, name in names.items()}
    tables = []
    for side in found.sides:
        refused = side.likeness.refused_cases
        scores = tuple(
            replace(item, name=f"{marks[item.name]}{' (refused)' if item.name in refused else ''}")
            for item in side.evaluation.scores
        )
        tables += score_tables(replace(side.evaluation, scores=scores), side.label, known=side.labels)
        if any(one.warnings for one in side.seen):
            tables.append(unlike_table(side, names))
    return [*tables, _comparison(found)] if found.old else tables


def _comparison(found: Validated) -> Any:
    from rich.table import Table
    from rich.text import Text

    from results.statistics.verdict import interval_text, p_text, signed
    from results.text import printable
    from sweeps.validation.validated import label_dice

    assert found.old is not None
    new, old = (Text(printable(side.label)) for side in found.sides)
    table = Table(title=Text(f"Dice of the same patients: {new} − {old}"), title_justify="left")
    for head in ("label", "patients", new, old, "difference", "95 % CI", "p (Holm)", "shows"):
        table.add_column(head, justify="left" if head in ("label", "shows") else "right")
    for pair in found.pairs:
        means = [label_dice(side, pair.label)["mean"] for side in found.sides]
        tested = p_text(pair.p_holm) if pair.p_holm == pair.p_holm else "–"
        interval = interval_text(pair.ci_low, pair.ci_high).removeprefix("95 % CI ")
        numbers = ["–" if mean is None else f"{mean:.3f}" for mean in means]
        if not pair.n:
            numbers, interval = ["–", "–"], "–"
        difference = signed(pair.mean) if pair.n else "–"
        better = {"first better": new, "second better": old}.get(pair.outcome)
        shows = pair.outcome if better is None else f"{better} better"
        table.add_row(pair.label, str(pair.n), *numbers, difference, interval, tested, Text(shows))
    return table
