"""`liversweep list`, `show` and `report`: what sweeps there are and what came of them, from their ledgers alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli.console import note, print_document, print_tables, write_json, write_text
from sweeps.cli.options import JsonOption, NameArgument, RootOption
from sweeps.cli.run import REPORTS

if TYPE_CHECKING:
    from results.records import TrialRecord
    from sweeps.folder import Runs


def list_sweeps(runs: RootOption = Path("runs"), as_json: JsonOption = False) -> None:
    """List the sweeps, newest first, with their state and best trial."""
    from sweeps.folder import listings

    found = listings(runs)
    if as_json:
        from dataclasses import asdict

        from sweeps.trial_files import finite

        write_json(
            {"schema_version": 1, "sweeps": [finite({**asdict(item), "path": str(item.path)}) for item in found]}
        )
        return
    if not found:
        note(f"no sweep in {runs} yet; start one with: liversweep run quickstart")
        return
    print_tables([_listing(found)])


def show(
    name: NameArgument = None,
    trial: Annotated[str | None, typer.Option(help="Show one trial whole.")] = None,
    factors: Annotated[
        bool | None,
        typer.Option(
            "--factors/--no-factors", help="One-factor tables of the swept parameters.", show_default="with stages"
        ),
    ] = None,
    repro: Annotated[
        bool, typer.Option("--repro", help="Show what the sweep was made of and ran on, and how to repeat it.")
    ] = False,
    time: Annotated[
        bool, typer.Option("--time", help="Show where the wall time went: preparation, waiting, training and so on.")
    ] = False,
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Show a sweep's ranked tables, or one trial with its parameters, scores and log file."""
    folder = _folder(name, runs)
    if time:
        from sweeps.cli.show_time import show_time

        show_time(folder, as_json)
    elif repro:
        _show_reproduction(folder, as_json)
    elif trial is not None:
        _show_trial(folder, trial)
    else:
        from results.reports.write import read_document

        print_document(read_document(folder), as_json, factors)


def report(
    name: NameArgument = None,
    formats: Annotated[
        list[str],
        typer.Option("--format", help="html | markdown | csv | json | latex | screen; all but screen when left out."),
    ] = [],  # noqa: B006
    runs: RootOption = Path("runs"),
) -> None:
    """Write a sweep's report again from its ledger: runs/NAME/report."""
    from results.reports.write import write_reports

    folder = _folder(name, runs)
    paths = write_reports(folder, formats or REPORTS)
    folder.send("report/")
    for path in paths:
        write_text(str(path))


def _folder(name: str | None, runs: Runs) -> Any:
    from sweeps.folder import SweepFolder

    return SweepFolder.newest(runs) if name is None else SweepFolder.existing(name, runs)


def _show_reproduction(folder: Any, as_json: bool) -> None:
    from sweeps.cli.repro import print_reproduction, reproduction

    folder.fetch("sweep.yaml", "resolved.json", "env.json")
    document = reproduction(folder)
    if as_json:
        write_json(document)
    else:
        print_reproduction(document)


def _show_trial(folder: Any, uid: str) -> None:
    """One trial as a JSON document: for people it is short enough, for programs it is complete."""
    from sweeps.errors import UsageError
    from sweeps.trial_files import finite

    sweep = folder.read()
    found = [item for item in sweep.trials if item.uid == uid or item.uid.split("-")[0] == uid]
    if not found:
        known = ", ".join(item.uid for item in sweep.trials[:20])
        raise UsageError("no such trial", where=folder.name, got=uid, allowed=known)
    document = trial_document(found[0])
    folder.fetch(f"trials/{found[0].uid}/log.txt")
    document["log"] = str(folder.trial(found[0].uid) / "log.txt")
    write_json({"schema_version": 1, **finite(document)})


def trial_document(trial: TrialRecord) -> dict[str, Any]:
    """All that the ledger tells of a trial, its scores on test patients too, as plain values; NaN as they are."""
    from dataclasses import asdict

    document = asdict(trial)
    del document["history_json"], document["scores_json"]
    for told, score in zip(document["tests"], trial.tests, strict=True):
        del told["scores_json"]
        told["case_scores"] = list(score.case_scores)
    return document | {"history": trial.history, "case_scores": list(trial.case_scores)}


def _listing(found: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    from results.text import printable

    table = Table()
    for heading in ("sweep", "state", "trials", "failed", "best", "architecture", "trial", "started"):
        table.add_column(heading, justify="right" if heading in ("trials", "failed", "best") else "left")
    for item in found:
        best = f"{item.objective} {item.best:.3f}" if item.best_trial else "–"
        counts = (item.progress, str(item.failed or "–"))
        cells = (item.name, item.problem or item.state, *counts, best, item.best_architecture, item.best_trial)
        table.add_row(*(Text(printable(cell)) for cell in (*cells, item.started[:16])))
    return table
