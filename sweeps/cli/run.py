"""`liversweep run`: from a spec to a ranked table and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli import EXIT_FAILED_TRIALS, EXIT_FAILURE, EXIT_INTERRUPTED
from sweeps.cli.console import note, print_document, progress, stderr_console
from sweeps.cli.options import (
    AddressOption,
    ClusterOption,
    InsecureOption,
    JsonOption,
    PlainOption,
    RootOption,
    SetOption,
    SpecArgument,
    cluster_settings,
)

if TYPE_CHECKING:
    from results.records import Sweep
    from sweeps.engine import Outcome
    from sweeps.folder import SweepFolder
    from sweeps.search.driver import View
    from sweeps.spec import Spec

REPORTS = ("html", "markdown", "csv", "json", "latex")


class TerminalReporter:
    """Tells on stderr what a sweep does: bars and a live table on a terminal, lines elsewhere."""

    def __init__(self, plain: bool) -> None:
        self._plain = plain

    def note(self, text: str) -> None:
        """One line."""
        note(text)

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[..., None]]:
        """A progress bar."""
        return progress(label, total)

    @contextmanager
    def trials(
        self, total: int, epochs: int, architectures: tuple[str, ...], before: Sweep | None = None
    ) -> Iterator[View]:
        """The live table, or a line a trial."""
        from sweeps.live import Progress, make_view

        progress = Progress(total, epochs, architectures)
        if before is not None:
            progress.take_up(before)
        with make_view(progress, stderr_console(), plain=self._plain) as view:
            yield view


def run(
    spec: SpecArgument,
    overrides: SetOption = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="Name of the sweep; the spec's own when left out.")] = None,
    new_name: Annotated[bool, typer.Option("--new-name", help="Add a number to a name that is taken.")] = False,
    or_resume: Annotated[
        bool, typer.Option("--or-resume", help="Go on with the sweep of this name, if there is one.")
    ] = False,
    runs: RootOption = Path("runs"),
    cluster: ClusterOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out scans that break a rule, and list them.")
    ] = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a sweep: check and prepare the scans, train every trial, rank them, write the report.

    Ends with exit code 0, or 3 when some trials failed. Results are kept in runs/NAME. Whatever cuts it off, go on with:
    liversweep resume NAME. With --or-resume the same line begins a sweep and goes on with it, as jobs that may be started
    again need it.
    """
    from sweeps.folder import SweepFolder, free_name
    from sweeps.spec import load_spec

    skip = ["data.skip_bad=true"] if skip_bad else []
    loaded = load_spec(spec, [*overrides, *skip, *cluster_settings(cluster, address, insecure)])
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    wanted = loaded.spec.name if name is None else name
    reporter = TerminalReporter(plain)
    if or_resume and not new_name and SweepFolder.exists(wanted, runs):
        finish(_go_on(loaded.spec, SweepFolder.existing(wanted, runs), reporter), as_json)
        return
    folder = SweepFolder.named(free_name(wanted, runs) if new_name else wanted, runs)
    from sweeps.run import run_sweep

    finish(run_sweep(loaded, folder, reporter), as_json)


def _go_on(spec: Spec, folder: SweepFolder, reporter: TerminalReporter) -> Outcome:
    from sweeps.resubmit import settings_of
    from sweeps.resume import resume_sweep

    return resume_sweep(folder, reporter, settings=settings_of(spec, folder))


def finish(outcome: Outcome, as_json: bool) -> None:
    """Reports, tables and the exit code of a run, and what all that took. After an interrupt there is no time for reports."""
    from sweeps.closing import write_closing

    try:
        _finish(outcome, as_json)
    finally:
        if not outcome.disk_message:
            write_closing(outcome.folder)


def _finish(outcome: Outcome, as_json: bool) -> None:
    name = outcome.folder.call
    if outcome.interrupted:
        note(f"interrupted; nothing is lost, go on with: liversweep resume {name}")
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.disk_message:
        note(f"error: {outcome.disk_message}")
        raise typer.Exit(EXIT_FAILURE)
    _show(outcome.folder, as_json, write=not outcome.idle or _outdated(outcome.folder))
    if outcome.failures:
        note(f"{outcome.failures} trials failed; see: liversweep show {name}; try them again: liversweep retry {name}")
        raise typer.Exit(EXIT_FAILED_TRIALS)


def _outdated(folder: SweepFolder) -> bool:
    """Whether a driver died between the end of the sweep and the last report."""
    last = folder.report / "report.json"
    return not last.exists() or last.stat().st_mtime_ns < folder.ledger.stat().st_mtime_ns


def wrote(files: Sequence[Path], folder: SweepFolder) -> list[str]:
    """A line for the page to look at, and one for the files beside it. From here on everybody sees them.

    Raises:
        ResultsError: they could not be sent to the store.
    """
    folder.send("report/")
    pages = [f"wrote {path}" for path in files if path.suffix == ".html"]
    others = len(files) - len(pages)
    return [*pages, *([f"and {others} files beside it: Markdown, CSV, JSON and LaTeX"] if others else [])]


def _show(folder: SweepFolder, as_json: bool, *, write: bool) -> None:
    """The reports on disk, then the ranked tables (or the JSON report) on stdout: these also when the disk takes no report.

    Raises:
        ResultsError: the reports could not be written.
    """
    from results.errors import ResultsError
    from results.reports.write import read_document, write_reports

    refusal: ResultsError | None = None
    try:
        for line in wrote(write_reports(folder, REPORTS), folder) if write else ():
            note(line)
    except ResultsError as error:
        refusal = error
    print_document(read_document(folder), as_json)
    if refusal is not None:
        note(f"the results are safe in the ledger; write the report later with: liversweep report {folder.call}")
        raise refusal
