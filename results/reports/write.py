"""Reports on disk, from the ledger and the pictures of trials alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from results.errors import ResultsError
from results.overlays import Overlays
from results.pictures import Pictures
from results.ranking import best_by_architecture
from results.records import Sweep
from results.reports.document import Document, build_document
from results.reports.formats import report_format
from results.storage import write_atomic
from results.sweep_folder import SweepFolder
from results.tables.disagreement import selected_trials


def read_document(sweep_folder: Path | SweepFolder) -> Document:
    """The document of a sweep's folder; raises `LedgerError`."""
    folder = SweepFolder(sweep_folder) if isinstance(sweep_folder, Path) else sweep_folder
    sweep = folder.read()
    return build_document(sweep, best_pictures(folder, sweep), lambda cases: read_overlays(folder, sweep, cases))


def best_pictures(folder: SweepFolder, sweep: Sweep) -> Mapping[str, Pictures]:
    """Pictures of the best trial of each architecture, by uid; without those that left none."""
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    found = {trial.uid: folder.pictures(trial.uid) for trial in best.values() if trial is not None}
    return {uid: pictures for uid, pictures in found.items() if pictures is not None}


def read_overlays(folder: SweepFolder, sweep: Sweep, cases: tuple[str, ...]) -> Overlays:
    """Slices of some cases, and what the trials of each architecture's best setting predicted there, as far as kept.

    Raises:
        ResultsError: a link leads out of the folder.
    """
    scans = {case: folder.scan(case) for case in cases}
    trials = [trial for trials in selected_trials(sweep).values() for trial in trials]
    return Overlays(
        {case: scan for case, scan in scans.items() if scan is not None},
        {trial.uid: folder.predictions(trial.uid, cases) for trial in trials},
    )


def write_reports(sweep_folder: Path | SweepFolder, formats: Sequence[str]) -> list[Path]:
    """Write the report in each format into `<sweep folder>/report/` and return the files, in order.

    The same ledger and pictures give the same bytes. Each file is replaced in one step; nothing is written when any
    format cannot be rendered.

    Raises:
        ResultsError: unknown format, or the folder cannot be written.
        LedgerError: the ledger is missing or damaged.
    """
    chosen = [report_format(name) for name in dict.fromkeys(formats)]
    folder = SweepFolder(sweep_folder) if isinstance(sweep_folder, Path) else sweep_folder
    document = read_document(folder)
    rendered = [item for chosen_format in chosen for item in chosen_format.render(document).items()]
    target = folder.inside(folder.report)
    try:
        target.mkdir(exist_ok=True)
        return [_write(target, name, text) for name, text in rendered]
    except OSError as error:
        raise ResultsError("the report cannot be written", where=str(target), got=error.strerror) from error


def _write(target: Path, name: str, text: str) -> Path:
    if Path(name).name != name:
        raise ResultsError("a report format names a file outside the report's folder", where=str(target), got=name)
    path = target / name
    write_atomic(path, text.encode("utf-8", "backslashreplace"))
    return path
