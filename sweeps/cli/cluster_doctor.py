"""`liversweep cluster doctor`: is a cluster fit for a sweep?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli import EXIT_FAILURE
from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import (
    AddressOption,
    ClusterOption,
    InsecureOption,
    JsonOption,
    SetOption,
    cluster_settings,
)

if TYPE_CHECKING:
    from cluster.doctor.findings import Finding
    from sweeps.readiness.doctor import Patient

SCHEMA_VERSION = 1
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    spec: Annotated[
        str | None,
        typer.Argument(metavar="[SPEC]", help="What shall run there; more is looked at then.", show_default=False),
    ] = None,
    overrides: SetOption = [],  # noqa: B006
    cluster: ClusterOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    runs: Annotated[str, typer.Option("--runs", help="Where the runs would go: a folder, or s3://…, gs://….")] = "runs",
    as_json: JsonOption = False,
) -> None:
    """Look whether a Ray is fit for a sweep: programs, scans, storage, clocks, disks, memory, GPUs, and who gets in.

    Looks at the Ray that `run` would start on this machine, or at a cluster. Every line says ok, warn or fail, and what to
    do. Ends with exit code 1 if a line says fail.
    """
    from cluster.doctor.findings import Level, worst
    from sweeps.readiness.doctor import look

    patient = _patient(spec, [*overrides, *cluster_settings(cluster, address, insecure)], runs)
    note(f"looking at {'a Ray of our own on this machine' if patient.local else 'the cluster'} ...")
    findings = look(patient)
    level = worst(findings)
    if as_json:
        lines = [finding.as_dict() for finding in findings]
        write_json({"schema_version": SCHEMA_VERSION, "worst": level.value, "findings": lines})
    else:
        _print(findings)
    if level is Level.FAIL:
        raise typer.Exit(EXIT_FAILURE)


def _patient(spec: str | None, settings: list[str], runs: str) -> Patient:
    """The Ray that a spec and the options name. Without a spec, the options stand in an otherwise empty one."""
    from sweeps.readiness.doctor import Patient, data_bytes_of
    from sweeps.spec import load_spec
    from sweeps.workplace import StoreNeed, ray_config

    place = runs if "://" in runs else str(Path(runs).expanduser().absolute())
    loaded = load_spec(spec or "quickstart", settings).spec
    known = data_bytes_of(loaded) if spec else None
    config = ray_config(loaded, StoreNeed(known or 0, 0))
    return Patient(config=config, spec=loaded if spec else None, runs=place, data_bytes=known)


def _print(findings: list[Finding]) -> None:
    """A table on a terminal, lines elsewhere."""
    from rich.console import Console

    from results.text import printable

    console = Console()
    if console.is_terminal:
        console.print(_table(findings))
        return
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        write_text(printable(f"{finding.level.value:<4}  {finding.subject:<{width}}  {finding.text}"))
        if finding.advice:
            write_text(printable(f"{'':<{width + 6}}  → {finding.advice}"))


def _table(findings: list[Finding]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from results.text import printable

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        words = Text(printable(finding.text))
        if finding.advice:
            words.append(f"\n→ {printable(finding.advice)}", style=_COLOURS[finding.level.value])
        table.add_row(Text(finding.level.value, style=_COLOURS[finding.level.value]), Text(finding.subject), words)
    return table
