"""How commands speak: data on stdout, everything else on stderr, one JSON document on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from sweeps.cli import EXIT_FAILURE, EXIT_USAGE

if TYPE_CHECKING:
    from rich.console import Console

    from results.reports.document import Document


def fail(error: Exception) -> NoReturn:
    """Print a known error as a message and exit with its code; an unknown one is a bug and keeps its traceback."""
    from cluster.errors import ClusterError
    from liverseg.errors import ConfigError, DataError, LiversegError
    from results.errors import ResultsError
    from sweeps.errors import SweepError

    if isinstance(error, SweepError):
        code = error.exit_code
    elif isinstance(error, (ConfigError, DataError)):
        code = EXIT_USAGE
    elif isinstance(error, (LiversegError, ResultsError, ClusterError, OSError)):
        code = EXIT_FAILURE
    else:
        raise error
    note(f"error: {error}")
    sys.exit(code)


def write_text(text: str) -> None:
    """Data for the user, on stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def write_json(document: Any) -> None:
    """One JSON document on stdout, in ASCII, so that nothing in it can steer a terminal; the caller has replaced NaN."""
    write_text(json.dumps(document, indent=2, allow_nan=False))


def note(text: str) -> None:
    """A line or more about what goes on, on stderr. Names from elsewhere cannot steer the terminal."""
    from results.text import printable

    sys.stderr.write("\n".join(printable(line) for line in text.split("\n")) + "\n")
    sys.stderr.flush()


def stderr_console() -> Console:
    """Rich on stderr."""
    from rich.console import Console

    return Console(stderr=True)


def print_document(document: Document, as_json: bool, factors: bool | None = None) -> None:
    """A report on stdout: tables for people, or one JSON document."""
    if as_json:
        from results.reports.json import as_json as whole

        write_json(whole(document))
        return
    from rich.console import Console

    from results.reports.screen import WIDTH, render_text, renderables

    console = Console(file=sys.stdout)
    if console.is_terminal:
        for part in renderables(document, width=min(console.width, WIDTH), factors=factors):
            console.print(part)
    else:
        write_text(render_text(document, factors=factors))


def print_section(document: Document, key: str) -> None:
    """One section of a report on stdout, with what every report says last."""
    from rich.console import Console

    from results.reports.screen import WIDTH, section_renderables

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=WIDTH, color_system=None, legacy_windows=False)
    section = next(section for section in document.sections if section.key == key)
    for part in section_renderables(section, min(console.width, WIDTH)):
        console.print(part)
    console.print(document.notice, style="dim", markup=False, highlight=False)


def print_tables(renderables: Iterable[Any]) -> None:
    """Rich tables on stdout: as wide as the terminal, or as wide as they need where there is none."""
    from rich.console import Console

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=200)
    for renderable in renderables:
        console.print(renderable)


@contextmanager
def progress(label: str, total: int) -> Iterator[Any]:
    """A progress bar on a terminal's stderr, silent elsewhere. Yields a function to call after each item."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = stderr_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda *_: bar.advance(task)


class ScanBar:
    """Two bars in one: scans done, and the slices of the scans that are at work.

    Args:
        bar: Rich's.
        total: scans; None shows slices only.
    """

    def __init__(self, bar: Any, total: int | None) -> None:
        self._bar, self._task = bar, None if total is None else bar.add_task("scans", total=total)
        self._scans: dict[str, tuple[bool, Any]] = {}

    def slices(self, name: str, done: int, total: int, *, reading: bool = False) -> None:
        """A scan is so far: read, where a DICOM series is read before anything else is done with it, or segmented."""
        from rich.markup import escape

        from results.text import printable

        if self._scans.get(name, (None,))[0] is not reading:
            self._drop(name)
            label = f"  {'reading ' if reading else ''}{escape(printable(name))}: slices"
            self._scans[name] = reading, self._bar.add_task(label, total=total)
        self._bar.update(self._scans[name][1], completed=done)

    def scan(self, name: str) -> None:
        """A scan has ended."""
        self._drop(name)
        if self._task is not None:
            self._bar.advance(self._task)

    def _drop(self, name: str) -> None:
        if name in self._scans:
            self._bar.remove_task(self._scans.pop(name)[1])


@contextmanager
def scan_progress(total: int | None) -> Iterator[ScanBar]:
    """Progress of scans and their slices on a terminal's stderr, silent elsewhere. None shows slices only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = stderr_console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield ScanBar(bar, total)
