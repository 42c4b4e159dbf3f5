"""`liversweep dashboard`: a sweep as an Optuna storage, for optuna-dashboard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import JsonOption, NameArgument, RootOption

HOST = "127.0.0.1"


def dashboard(
    name: NameArgument = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.db", help="Where to; runs/NAME/optuna.db when left out.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Then show it, on this machine only, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port for --serve.")] = 8080,
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Write a sweep into an SQLite file for optuna-dashboard: a study of all trials, and one for each architecture.

    The file is a copy of what the ledger says now; write it again for what came since. To look at it: pip install
    'liversweep[dashboard]', then --serve, or the command that is printed.
    """
    from sweeps.dashboard import export_sweep
    from sweeps.folder import SweepFolder

    if serve:
        _require_dashboard()
    folder = SweepFolder.newest(runs) if name is None else SweepFolder.existing(name, runs)
    written = export_sweep(folder, output)
    if written.problem:
        note(f"the ranges of parameters are those that the trials had: {written.problem}")
    url = _url(written.path)
    command = f"optuna-dashboard {shlex.quote(url)}"
    if as_json:
        studies = [{"name": study.name, "trials": dict(study.trials)} for study in written.studies]
        write_json({"schema_version": 1, "path": str(written.path), "url": url, "command": command, "studies": studies})
    else:
        write_text(str(written.path))
        note(f"{len(written.studies)} studies; look at them with: {command}")
    if serve:
        _serve(url, port)


def _url(path: Path) -> str:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string()


def _require_dashboard() -> Any:
    from sweeps.errors import UsageError

    try:
        import optuna_dashboard
    except ImportError:
        raise UsageError(
            "optuna-dashboard is not installed", where="--serve", next_step="pip install 'liversweep[dashboard]'"
        ) from None
    return optuna_dashboard


def _serve(url: str, port: int) -> None:
    """Show the file to whoever is on this machine; Ctrl-C is the way to end it, and no failure."""
    server = _require_dashboard()
    note(f"optuna-dashboard on http://{HOST}:{port}/ until Ctrl-C")
    try:
        server.run_server(url, host=HOST, port=port)
    except KeyboardInterrupt:
        return
