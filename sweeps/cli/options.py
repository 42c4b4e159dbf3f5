"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sweeps.folder import Runs


def parse_root(text: str | Path) -> Runs:
    """A folder, or where sweeps lie in a store."""
    from results.store.location import is_uri

    if not is_uri(str(text)):
        return Path(text)
    from sweeps.stores.stored_runs import StoredRuns

    return StoredRuns.of(str(text))


SpecArgument = Annotated[
    str,
    typer.Argument(metavar="SPEC", help="A YAML file, or a ready-made spec: quickstart, study.", show_default=False),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a value of the spec, e.g. --set search.trials=10. Repeatable."
    ),
]
RootOption = Annotated[
    Any,  # Path or StoredRuns, which Typer cannot spell
    typer.Option(
        "--runs",
        metavar="FOLDER|URI",
        parser=parse_root,
        help="Folder that holds the sweeps, or s3://bucket/prefix, gs://bucket/prefix, file:///folder.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="A sweep's name or folder; the newest when left out.", show_default=False),
]

SweepArgument = Annotated[
    str, typer.Argument(metavar="NAME|PATH", help="A sweep's name below runs/, or its folder.", show_default=False)
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Lines instead of the live table.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the scans, when they lie elsewhere now.", show_default=False)
]
AdjustOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change limits or places, e.g. --set trial.deadline=4h. Allowed: trial.…, keep.…, cluster.…. Repeatable.",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Where trials run: local | address | slurm | kubernetes; as the spec says when left out.",
        show_default=False,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Head of a Ray cluster that runs already (--cluster address).",
        show_default=False,
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-cluster", help="Accept a cluster that lets in whoever calls, without a token.")
]
RecordOption = Annotated[Path, typer.Option("--record", metavar="FOLDER", help="Folder of the record of models.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="Scans at a time, each by a process of its own on Ray; as many as there is room for when left out, 1 for no Ray.",
        show_default=False,
    ),
]
CpusOption = Annotated[int, typer.Option("--cpus", help="CPUs of each worker.")]
GpusOption = Annotated[float, typer.Option("--gpus", help="GPUs of each worker, e.g. 0.5.")]


def cluster_settings(kind: str | None, address: str | None, insecure: bool) -> list[str]:
    """The three options above as `--set` would write them."""
    wanted = kind or ("address" if address else None)
    return [
        *([f"cluster.kind={wanted}"] if wanted else []),
        *([f'cluster.address="{address}"'] if address else []),
        *(["cluster.insecure=true"] if insecure else []),
    ]
