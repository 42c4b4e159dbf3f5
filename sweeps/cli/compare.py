"""`liversweep compare`: sweeps side by side, where they may be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import JsonOption, RootOption

if TYPE_CHECKING:
    from results.comparisons import SweepComparison
    from sweeps.folder import Runs, SweepFolder

FORMATS = ("markdown", "csv", "json", "latex")


class Reference(StrEnum):
    """What sweeps can be held against beside each other."""

    STUDY = "study"


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="A B…", help="Sweeps by name or folder; one is enough with --against.", show_default=False
        ),
    ],
    against: Annotated[
        Reference | None,
        typer.Option(help="Also the reference study's published figures beside ours.", show_default=False),
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Compare only the best architecture of each sweep: fewer tests, more power.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the comparison into this folder.", show_default=False)
    ] = None,
    formats: Annotated[
        list[str],
        typer.Option("--format", help="markdown | csv | json | latex | screen; the first four when left out."),
    ] = [],  # noqa: B006
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Compare sweeps that have the same test patients: scores, paired tests, verdicts, and what differs in their protocols.

    Sweeps are compared only where their test parts hold the same scans of the same patients (the test fingerprint on every
    report); otherwise the command refuses (exit code 2), says which patients differ and whether one sweep has learned from
    another's test patients, and writes nothing. Run sweeps on the same data with the same data.split, and they can differ in all
    else.

    Once `liversweep test` has opened the test patients in every sweep, these decide. Before that the validation patients do, where
    they are the same, too; where they are not, figures are shown and not ranked.

    Examples: liversweep compare lits lits2; liversweep compare a b c --output comparison --format latex; liversweep compare lits
    --against study
    """
    from results.comparisons import IncomparableError, compare_sweeps
    from sweeps.errors import UsageError

    if output is None and formats:
        raise UsageError("files are written only into a folder", where="--format", next_step="add --output DIR")
    folders = _folders(names, runs, alone=against is not None)
    try:
        sweeps = [folder.read() for folder in folders]
        document = compare_sweeps(sweeps, against_study=against is not None, best_only=best)
    except IncomparableError as error:
        raise UsageError(str(error)) from error
    _write(document, output, formats or FORMATS)
    _show(document, as_json)


def _folders(names: Sequence[str], runs: Runs, *, alone: bool) -> list[SweepFolder]:
    from sweeps.errors import UsageError
    from sweeps.folder import SweepFolder

    folders = [SweepFolder.existing(name, runs) for name in names]
    places = [folder.path.resolve() for folder in folders]
    twice = [name for name, place in zip(names, places, strict=True) if places.count(place) > 1]
    if twice:
        raise UsageError("a sweep is compared with itself", got=", ".join(twice), allowed="each sweep once")
    if len(folders) < 2 and not alone:
        step = "name another sweep (liversweep list), or hold this one against published figures with --against study"
        raise UsageError("one sweep alone cannot be compared", got=names[0], allowed="two or more", next_step=step)
    return folders


def _write(document: SweepComparison, output: Path | None, formats: Sequence[str]) -> None:
    from results.comparisons.formats import write_comparison

    for path in write_comparison(document, output, formats) if output is not None else ():
        note(f"wrote {path}")


def _show(document: SweepComparison, as_json: bool) -> None:
    """The comparison on stdout: tables for people, or one JSON document."""
    from rich.console import Console

    from results.comparisons.formats import as_json as whole
    from results.comparisons.formats import render_text, renderables
    from results.reports.screen import WIDTH

    if as_json:
        write_json(whole(document))
        return
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        write_text(render_text(document))
        return
    for part in renderables(document, width=min(console.width, WIDTH)):
        console.print(part)
