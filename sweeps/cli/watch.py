"""`liversweep watch`: the live table of a running sweep, from another terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from results.text import printable
from sweeps.cli import EXIT_FAILED_TRIALS, EXIT_FAILURE, EXIT_INTERRUPTED
from sweeps.cli.console import note, print_document, print_tables, stderr_console, write_json, write_text
from sweeps.cli.options import NameArgument, PlainOption, RootOption

if TYPE_CHECKING:
    from sweeps.watch import Change, Watcher

_BULKY = frozenset({"cases", "values", "spec", "space", "code", "split", "data", "baseline", "hashes", "versions"})


def watch(
    name: NameArgument = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, on stdout, and leave.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")] = 1.0,
    runs: RootOption = Path("runs"),
    plain: PlainOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="On stdout: a JSON object a line for each event; with --once one document.")
    ] = False,
) -> None:
    """Watch a sweep that runs elsewhere, to its end; the sweep itself does not notice.

    Shows the table of `run`, or without a terminal a line when a trial ends, then the ranked tables. When the driver has died
    it says so. Ctrl-C ends the watching and not the sweep.

    Exit code 0 when the sweep has ended or was interrupted, 3 when trials have failed by then, 1 when its driver has died; with
    --once 0. After Ctrl-C 130.
    """
    from sweeps.folder import SweepFolder
    from sweeps.watch import Watcher, state_of

    folder = SweepFolder.newest(runs) if name is None else SweepFolder.existing(name, runs)
    watcher = Watcher(folder)
    try:
        driven = watcher.look(lambda change: None)
        if once:
            _show_once(watcher, state_of(watcher, driven=driven), as_json)
            return
        audience = _tell_json if as_json else _tell
        audience(watcher, driven, interval, plain)
    except KeyboardInterrupt:
        note(f"no longer watching; the sweep goes on, and ends with: liversweep stop {folder.call}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if state_of(watcher, driven=False) == "gone":
        raise typer.Exit(EXIT_FAILURE)
    if watcher.progress.failed:
        raise typer.Exit(EXIT_FAILED_TRIALS)


def _show_once(watcher: Watcher, state: str, as_json: bool) -> None:
    """The table of now on stdout, or where the sweep stands as one document."""
    from sweeps.live import progress_table
    from sweeps.watch import standing

    if as_json:
        write_json(standing(watcher, state))
        return
    from rich.text import Text

    print_tables([progress_table(watcher.progress), Text(printable(_words(watcher, state)))])


def _tell(watcher: Watcher, driven: bool, interval: float, plain: bool) -> None:
    """The live table or lines on stderr while the sweep runs, then the ranked tables on stdout."""
    from results.reports.write import read_document
    from sweeps.live import make_view
    from sweeps.watch import state_of

    progress = watcher.progress
    if driven:
        note(f"{_words(watcher, 'running')}: {progress.ended} of {progress.trials} trials have ended")
        with make_view(progress, stderr_console(), plain=plain) as view:

            def show(change: Change) -> None:
                view.progress = watcher.progress
                if change.name in _ABOUT_SWEEP:
                    view.console.print(_line(change), markup=False, highlight=False)
                elif change.uid:
                    view.show(change.name, change.uid, change.fields)

            _follow(watcher, show, interval)
    print_document(read_document(watcher.folder), as_json=False)
    note(_words(watcher, state_of(watcher, driven=False)))


def _tell_json(watcher: Watcher, driven: bool, interval: float, plain: bool) -> None:
    """A line for where the sweep stands, one for each event, and one for how it ended."""
    from sweeps.watch import standing, state_of

    _write_line({"event": "standing", **standing(watcher, state_of(watcher, driven=driven))})
    if driven:
        _follow(watcher, lambda change: _write_line(_plain(change)), interval)
        _write_line({"event": "end", **standing(watcher, state_of(watcher, driven=False))})


def _follow(watcher: Watcher, show: Callable[[Change], object], interval: float) -> None:
    while True:
        time.sleep(max(interval, watcher.folder.ferry.pause_s))
        if not watcher.look(show):
            return


_ABOUT_SWEEP = ("resumed", "extended")


def _line(change: Change) -> str:
    if change.name == "resumed":
        return "another driver goes on with the sweep"
    return printable(f"the sweep was extended: {change.fields.get('note') or change.fields.get('trials')}")


def _plain(change: Change) -> dict[str, Any]:
    """An event without its bulk: that is in the ledger and in `show --json`."""
    from sweeps.trial_files import finite

    fields = {name: value for name, value in change.fields.items() if name not in _BULKY}
    whole: dict[str, Any] = finite(
        {"event": change.name, "time": change.time or None, **({"uid": change.uid} if change.uid else {}), **fields}
    )
    return whole


def _write_line(document: Mapping[str, Any]) -> None:
    write_text(json.dumps(document, allow_nan=False))
    sys.stdout.flush()


def _words(watcher: Watcher, state: str) -> str:
    """How the sweep stands, and what to do about it."""
    name = watcher.folder.name
    words = {
        "running": "is running",
        "finished": "has finished",
        "interrupted": "was interrupted",
        "disk": "ended because the disk was full",
        "failed": "ended with an error",
        "gone": "is unfinished: the driver is gone",
    }[state]
    again = "" if state in ("running", "finished") else f"; continue with: liversweep resume {watcher.folder.call}"
    return f"{name} {words}{again}"
