"""`liversweep extend`: more of a sweep, or a new one that knows the old."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sweeps.cli.options import (
    AddressOption,
    AdjustOption,
    ClusterOption,
    DataOption,
    InsecureOption,
    JsonOption,
    PlainOption,
    RootOption,
    cluster_settings,
)
from sweeps.cli.resume import places
from sweeps.cli.run import TerminalReporter, finish


def extend(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help="A sweep; with --fork also several.", show_default=False),
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, help="So many more trials; with --fork: trials of the new sweep.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train the best trials on to so many epochs; new ones train as long.")
    ] = None,
    best: Annotated[int, typer.Option(min=1, help="How many of the best are trained on.")] = 3,
    space: Annotated[
        Path | None,
        typer.Option(help="YAML file with `space:` and/or `architectures:` for the new trials.", show_default=False),
    ] = None,
    fork: Annotated[
        str | None,
        typer.Option(
            metavar="NEW", help="Start a new sweep NEW whose sampler knows the old trials.", show_default=False
        ),
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
    """Add trials to a sweep, train its best ones longer, or start a new sweep from what old ones found.

    The sampler knows everything that came before. Examples: liversweep extend lits --trials 20; liversweep extend lits
    --epochs 40 --best 5; liversweep extend lits --trials 20 --space wider.yaml; liversweep extend a b --fork c --trials 30
    """
    from sweeps.errors import UsageError
    from sweeps.folder import SweepFolder

    folders = [SweepFolder.existing(name, runs) for name in names]
    reporter, asked = TerminalReporter(plain), places(settings, data, cluster_settings(cluster, address, insecure))
    wanted = None if space is None else _read_space(space)
    if fork is not None:
        from sweeps.fork import Fork, fork_sweep

        target = SweepFolder.named(fork, runs)
        new = Fork(name=fork, trials=trials, epochs=epochs, space=wanted, file=str(space or ""), settings=tuple(asked))
        finish(fork_sweep(folders, target, new, reporter), as_json)
        return
    if len(folders) > 1:
        raise UsageError(
            "only a new sweep can start from several",
            where="NAME",
            got=", ".join(names),
            next_step="add --fork NEW, or name one sweep",
        )
    from sweeps.extend import Extension
    from sweeps.resume import resume_sweep

    change = Extension(trials=trials or 0, epochs=epochs, best=best, space=wanted, file=str(space or ""))
    finish(resume_sweep(folders[0], reporter, settings=asked, change=change), as_json)


def _read_space(path: Path) -> Mapping[str, Any]:
    """The `space` and `architectures` of a YAML file, read as safely as a spec.

    Raises:
        SpecError: it cannot be read, or holds something else.
    """
    from sweeps.errors import Problem, SpecError
    from sweeps.spec.source import MAX_BYTES, decode, read_mapping

    try:
        with path.open("rb") as stream:
            text = decode(stream.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise SpecError([Problem(file=str(path), what="cannot be read", got=str(error.strerror))]) from None
    document = read_mapping(text, str(path))
    values = document.values
    allowed = "space: …, architectures: …"
    problems = list(document.problems)
    for name, value in values.items():
        if name not in ("space", "architectures"):
            problems.append(Problem(file=str(path), what="unknown key", path=str(name), allowed=allowed))
        elif value is None:
            problems.append(Problem(file=str(path), what="is empty", path=str(name)))
    if not values and not problems:
        problems.append(Problem(file=str(path), what="is empty", allowed=allowed))
    if problems:
        raise SpecError(problems)
    return dict(values)
