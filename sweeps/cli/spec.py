"""`liversweep spec`: check a spec, export its schema, start a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import JsonOption, SetOption, SpecArgument

app = typer.Typer(help="Check, document or start a spec file.", no_args_is_help=True)


@app.command()
def check(spec: SpecArgument, overrides: SetOption = [], as_json: JsonOption = False) -> None:  # noqa: B006
    """Check a spec and print what it resolves to. All problems are shown at once, each with its line."""
    from sweeps.spec import load_spec

    loaded = load_spec(spec, overrides)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    if as_json:
        write_json(loaded.resolved())
        return
    from sweeps.spec import summary_lines

    write_text("\n".join((f"{spec}: fine", *summary_lines(loaded.spec))))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a spec, for editors: liversweep spec schema > liversweep.schema.json."""
    from sweeps.spec import json_schema

    write_json(json_schema())


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path("sweep.yaml"),
    data: Annotated[str, typer.Option("--data", help="Folder of the scans.")] = "~/lits",
) -> None:
    """Write a commented spec to start from."""
    from sweeps.spec import init_spec

    init_spec(path, data)
    note(f"wrote {path}; edit it, then try: liversweep plan {path}")
