"""`liversweep export`: a sweep's best network as a folder that others can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import (
    AddressOption,
    CpusOption,
    DataOption,
    GpusOption,
    InsecureOption,
    JsonOption,
    RecordOption,
    RootOption,
    SweepArgument,
    WorkersOption,
)

if TYPE_CHECKING:
    from sweeps.handover.export import Exported


def export(
    name: SweepArgument,
    out: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="Folder to make.", show_default=False)],
    trial: Annotated[
        str | None, typer.Option("--trial", metavar="UID", help="This trial, e.g. t0003.", show_default=False)
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="The best trial of the ranking; so also when left out.")] = False,
    top: Annotated[
        int | None, typer.Option("--top", metavar="N", help="The N best, with --ensemble.", show_default=False)
    ] = None,
    ensemble: Annotated[bool, typer.Option("--ensemble", help="Average the probabilities of the --top N.")] = False,
    keep_ensemble: Annotated[
        bool,
        typer.Option("--keep-ensemble", help="Export the ensemble also where it is no better than the best alone."),
    ] = False,
    no_flips: Annotated[
        bool, typer.Option("--no-flips", help="Do not try mirrored slices on validation: half the time.")
    ] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also as ONNX, checked to give the same logits.")] = False,
    saved_model: Annotated[
        bool, typer.Option("--saved-model", help="Also as TensorFlow SavedModel, checked likewise.")
    ] = False,
    data: DataOption = None,
    record: RecordOption = Path("models"),
    workers: WorkersOption = None,
    cpus: CpusOption = 1,
    gpus: GpusOption = 0.0,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Export a sweep's best network, or several as an ensemble, as a folder: weights, preprocessing, model card, checksums.

    The validation scans are predicted as `predict` will predict new ones, and decide on post-processing, mirrored slices and
    whether an ensemble is worth its cost; ties go to the simpler. Nothing in the folder needs Python to be read. The export is
    written down in the record of models, see: liversweep models.

    Research software, not for clinical use.
    """
    from sweeps.cli.resume import places
    from sweeps.cli.run import TerminalReporter
    from sweeps.folder import SweepFolder
    from sweeps.handover.export import ExportWish, export_model
    from sweeps.handover.fleet_of import fleet_of
    from sweeps.handover.registration import check_record, register
    from sweeps.handover.rehearsal import WORKER_BYTES

    count = _members(trial, best, top, ensemble, keep_ensemble)
    folder = SweepFolder.existing(name, runs)
    wish = ExportWish(
        trial=trial,
        top=count,
        keep_ensemble=keep_ensemble,
        try_flips=not no_flips,
        onnx=onnx,
        saved_model=saved_model,
        settings=places([], data),
    )
    fleet = fleet_of(
        workers=workers, cpus=cpus, gpus=gpus, address=address, insecure=insecure, memory_bytes=WORKER_BYTES, say=note
    )
    check_record(record)
    done = export_model(folder, out, wish, fleet, TerminalReporter(plain=True))
    register(record, done)
    _show(done, record, as_json)


def _members(trial: str | None, best: bool, top: int | None, ensemble: bool, keep: bool) -> int:
    """How many networks are asked for.

    Raises:
        UsageError: options that contradict each other.
    """
    from sweeps.errors import UsageError

    asked = [word for word, said in (("--trial", trial), ("--best", best), ("--top", top)) if said]
    if len(asked) > 1:
        raise UsageError("options that contradict each other", got=" and ".join(asked), allowed="one of them")
    if ensemble != (top is not None and top > 1) or (keep and not ensemble):
        got = " ".join(word for word, said in (("--ensemble", ensemble), ("--keep-ensemble", keep)) if said)
        raise UsageError(
            "an ensemble is asked for with both --top N (2 or more) and --ensemble",
            got=f"--top {top} {got}".strip() if top is not None else got,
        )
    return top or 1


def _show(done: Exported, record: Path, as_json: bool) -> None:
    from liverseg.handover.description import NOTICE

    model = done.model
    if as_json:
        write_json(_document(done))
        return
    for line in _lines(done):
        write_text(line)
    write_text(NOTICE)
    note(f"written down in {record}; look at: {model.path / 'card.md'}; use with: liversweep predict {model.path} SCAN")


def _lines(done: Exported) -> list[str]:
    model = done.model
    members = ", ".join(f"{item.config.architecture} {item.trial}" for item in model.description.members)
    kind = f"ensemble of {len(done.trials)}" if len(done.trials) > 1 else "one network"
    return [
        f"{model.id}  {model.path}",
        f"  {kind}: {members}",
        f"  post-processing: {model.description.postprocess.in_words()}",
        f"  mirrored slices: {'predicted too' if model.description.flips else 'no'}",
    ]


def _document(done: Exported) -> dict[str, Any]:
    from liverseg.handover.description import NOTICE

    described = done.model.description
    return {
        "schema_version": 1,
        "notice": NOTICE,
        "model": done.model.id,
        "path": str(done.model.path),
        "trials": list(done.trials),
        "postprocess": described.postprocess.as_json(),
        "flips": described.flips,
        "choice": dict(described.choice),
        "card": dict(done.model.card),
    }
