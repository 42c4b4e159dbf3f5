"""`liversweep test`: opens the locked test patients, once, for the selected trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli import EXIT_FAILED_TRIALS, EXIT_INTERRUPTED
from sweeps.cli.console import note as tell
from sweeps.cli.console import print_section, write_json
from sweeps.cli.options import (
    AddressOption,
    AdjustOption,
    ClusterOption,
    DataOption,
    InsecureOption,
    JsonOption,
    RootOption,
    SweepArgument,
    cluster_settings,
)
from sweeps.cli.resume import places
from sweeps.cli.run import REPORTS, TerminalReporter, wrote

if TYPE_CHECKING:
    from results.reports.document import Document
    from sweeps.opening import OpeningOutcome


def test(
    name: SweepArgument,
    again: Annotated[
        bool, typer.Option("--again", help="Open them although they were opened before; the report says so for good.")
    ] = False,
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="Why; printed on the report.", show_default=False)
    ] = "",
    settings: AdjustOption = [],  # noqa: B006
    data: DataOption = None,
    cluster: ClusterOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    runs: RootOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Open the locked test patients, once: score the best setting of each architecture on patients nothing was decided on.

    That it was done is written down before it is done, and stands on every report from then on. A second opening is refused
    without --again. An opening that was cut off is gone on with by the same command, without --again.
    """
    from sweeps.folder import SweepFolder
    from sweeps.opening import open_test

    folder = SweepFolder.existing(name, runs)
    asked = places(settings, data, cluster_settings(cluster, address, insecure))
    reporter = TerminalReporter(plain=True)
    _finish(
        open_test(
            folder,
            reporter,
            again=again,
            note=note,
            settings=asked,
        ),
        as_json,
    )


def _finish(outcome: OpeningOutcome, as_json: bool) -> None:
    """The reports on disk, the scores on stdout, and the exit code. After an interrupt there is no time for reports."""
    from results.reports.write import read_document, write_reports

    folder = outcome.folder
    if outcome.interrupted:
        done = "what was scored is kept; go on with" if outcome.opening else "nothing was opened; begin anew with"
        tell(f"interrupted; {done}: liversweep test {outcome.folder.name}")
        raise typer.Exit(EXIT_INTERRUPTED)
    document = read_document(folder)
    if as_json:
        write_json(_as_json(outcome, document))
    else:
        print_section(document, "test-patients")
    for line in wrote(write_reports(folder, REPORTS), folder):
        tell(line)
    if outcome.failed:
        count = len(outcome.failed)
        tell(f"{count} trials could not be scored; try them again with: liversweep test {outcome.folder.name}")
        raise typer.Exit(EXIT_FAILED_TRIALS)


def _as_json(outcome: OpeningOutcome, document: Document) -> dict[str, Any]:
    from results.reports.json import SCHEMA_VERSION, section_as_json

    section = next(section for section in document.sections if section.key == "test-patients")
    facts = {"schema_version": SCHEMA_VERSION, "sweep": document.sweep.sweep.name, "opening": outcome.opening}
    return {**facts, "failed": dict(outcome.failed), **section_as_json(section)}
