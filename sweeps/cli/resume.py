"""`liversweep resume`, `retry` and `stop`: going on with a sweep, once more what failed, and a pause."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.console import note
from sweeps.cli.options import (
    AddressOption,
    AdjustOption,
    ClusterOption,
    DataOption,
    InsecureOption,
    JsonOption,
    PlainOption,
    RootOption,
    SweepArgument,
    cluster_settings,
)
from sweeps.cli.run import TerminalReporter, finish


def resume(
    name: SweepArgument,
    settings: AdjustOption = [],  # noqa: B006
    data: DataOption = None,
    cluster: ClusterOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    runs: RootOption = Path("runs"),
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a sweep that was cut off, exactly where it was: nothing finished is lost or run again.

    Unfinished trials continue from their newest whole checkpoint, with the same name and parameters, then the rest is
    sampled as it would have been. Spec, program and scans must be those that began it. A finished sweep stays as it is.
    """
    from sweeps.folder import SweepFolder
    from sweeps.resume import resume_sweep

    folder = SweepFolder.existing(name, runs)
    asked = places(settings, data, cluster_settings(cluster, address, insecure))
    finish(
        resume_sweep(
            folder,
            TerminalReporter(plain),
            settings=asked,
        ),
        as_json,
    )


def retry(
    name: SweepArgument,
    kind: Annotated[
        str | None,
        typer.Option(help="Only these kinds of failure, e.g. oom,timeout; all when left out.", show_default=False),
    ] = None,
    settings: AdjustOption = [],  # noqa: B006
    data: DataOption = None,
    cluster: ClusterOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    runs: RootOption = Path("runs"),
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try failed trials again, with the same parameters and seed, then go on with what else is left.

    A trial that ran out of time or memory fails again unless it gets more: --set trial.deadline=4h, --set trial.memory=8GB.
    """
    from sweeps.extend import Retry
    from sweeps.folder import SweepFolder
    from sweeps.resume import resume_sweep

    kinds = tuple(word.strip() for word in kind.split(",") if word.strip()) if kind else ()
    folder = SweepFolder.existing(name, runs)
    asked = places(settings, data, cluster_settings(cluster, address, insecure))
    reporter = TerminalReporter(plain)
    finish(
        resume_sweep(
            folder,
            reporter,
            settings=asked,
            change=Retry(kinds),
        ),
        as_json,
    )


def stop(name: SweepArgument, runs: RootOption = Path("runs")) -> None:
    """Ask a running sweep to stop: every trial saves its state, and `liversweep resume` goes on from there."""
    from sweeps.folder import SweepFolder
    from sweeps.stop import stop_sweep

    folder = SweepFolder.existing(name, runs)
    done = stop_sweep(folder)
    note(f"{folder.name} stopped after {done.seconds:.1f} s; go on with: liversweep resume {folder.call}")


def places(settings: list[str], data: Path | None, cluster: Sequence[str] = ()) -> list[str]:
    """The settings, with where the trials run and the folder of the scans among them."""
    import json

    root = [] if data is None else [f"data.root={json.dumps(str(data.expanduser().resolve()))}"]
    return [*settings, *cluster, *root]
