"""`liversweep predict`: new scans through an exported model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli import EXIT_FAILURE, EXIT_USAGE
from sweeps.cli.console import note, print_tables, scan_progress, write_json, write_text
from sweeps.cli.options import AddressOption, CpusOption, GpusOption, InsecureOption, JsonOption, WorkersOption

if TYPE_CHECKING:
    from sweeps.handover.segmenting import Segmented


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `liversweep export` wrote.")],
    scans: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCAN…", help="NIfTI files, folders of them, or folders of DICOM series.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder of the results.")] = Path(
        "predictions"
    ),
    flips: Annotated[
        bool | None,
        typer.Option(
            "--flips/--no-flips",
            help="Predict mirrored slices too and average; as the model's validation chose when left out.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Leave out the post-processing that validation chose.")] = False,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Masks and numbers only, no HTML page and picture.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Predict anew what is there, in its place.")] = False,
    workers: WorkersOption = None,
    cpus: CpusOption = 1,
    gpus: GpusOption = 0.0,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Segment scans with an exported model: liver and tumour masks on each scan's own grid, volumes, and a page to look at.

    Of each scan there are OUT/SCAN_seg.nii.gz (0 background, 1 liver, 2 tumour), _seg.json, _seg.html and _seg.png. A scan that
    is unlike those that the model was trained on gets a warning that names what differs. What was predicted before is kept, so
    a command that was cut off goes on. One scan is done in this process; several on Ray, one warm model for each worker.

    Research software, not for clinical use.
    """
    from liverseg.dicom import find_scans
    from sweeps.handover.fleet_of import fleet_of
    from sweeps.handover.scan_job import READING, PredictSettings, ScanJob
    from sweeps.handover.segmenting import WORKER_BYTES, segment_all

    fleet = fleet_of(
        workers=workers, cpus=cpus, gpus=gpus, address=address, insecure=insecure, memory_bytes=WORKER_BYTES, say=note
    )
    place = out.expanduser().absolute()
    jobs = [ScanJob(scan.name, scan.path.absolute(), scan.kind, place) for scan in find_scans(scans)]
    settings = PredictSettings(model.expanduser().absolute(), flips, raw, not no_page, cpus, gpus)
    with scan_progress(len(jobs)) as bar:
        found = segment_all(
            jobs,
            settings,
            fleet,
            overwrite=overwrite,
            on_scan=_Teller(len(jobs), bar.scan),
            on_slices=lambda job, stage, done, total: bar.slices(job.name, done, total, reading=stage == READING),
        )
    _show(found, as_json)
    _leave(found)


class _Teller:
    """Says on stderr what came of each scan: errors, warnings, and of several scans a line each, also for a log.

    Args:
        total: scans.
        advance: moves the progress bar.
    """

    def __init__(self, total: int, advance: Any) -> None:
        self._total, self._advance, self._done = total, advance, 0

    def __call__(self, done: Segmented) -> None:
        """A scan has ended."""
        self._done += 1
        self._advance(done.job.name)
        if done.error is not None and _known(done.error):
            note(f"error: {done.error}")
        if done.record is None:
            return
        if self._total > 1:
            volumes = done.record["volumes_ml"]
            took = "kept from before" if done.kept else f"{done.record['seconds']:.0f} s"
            figures = f"liver {volumes['liver']:.0f} mL, tumour {volumes['tumour']:.1f} mL"
            note(f"[{self._done}/{self._total}] {done.job.name}: {figures}, {took}")
        for warning in done.record["warnings"]:
            note(f"warning: {done.job.name}: {warning['text']}")


def _show(found: Sequence[Segmented], as_json: bool) -> None:
    from liverseg.handover.description import NOTICE

    records = [each.record for each in found if each.record is not None]
    if as_json:
        failed = [{"scan": each.job.name, "error": str(each.error)} for each in found if each.error is not None]
        write_json({"schema_version": 1, "notice": NOTICE, "predictions": records, "failed": failed})
        return
    if records:
        print_tables([_table(found)])
        write_text(NOTICE)


def _table(found: Sequence[Segmented]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from results.text import printable
    from sweeps.handover.scan_job import MASK_END

    table = Table()
    heads = (
        "scan",
        "liver mL",
        "tumour mL",
        "tumour burden",
        "tumours",
        "largest mL",
        "longest mm",
        "warnings",
        "mask",
    )
    for head in heads:
        table.add_column(head, justify="left" if head in ("scan", "mask") else "right", overflow="fold")
    for each in found:
        record = each.record
        if record is None:
            continue
        volumes, tumours, burden = record["volumes_ml"], record["tumours"], record["tumour_burden"]
        cells = (
            each.job.name,
            f"{volumes['liver']:.1f}",
            f"{volumes['tumour']:.1f}",
            _percent(burden),
            str(len(tumours)),
            f"{tumours[0]['volume_ml']:.1f}" if tumours else "–",
            f"{max(one['longest_mm'] for one in tumours):.0f}" if tumours else "–",
            str(len(record["warnings"]) or "–"),
            f"{_short(each.job.file(MASK_END))}{' (kept)' if each.kept else ''}",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _leave(found: Sequence[Segmented]) -> None:
    """Exit code 2 where a scan broke a rule, 1 where something else went wrong; those that worked are written."""
    from liverseg.errors import ConfigError, DataError

    errors = [each.error for each in found if each.error is not None]
    if not errors:
        return
    for error in errors:
        if not _known(error):
            raise error
    rules = all(isinstance(error, (DataError, ConfigError)) for error in errors)
    if len(found) > 1:
        note(f"{len(errors)} of {len(found)} scans could not be segmented; nothing was written for them")
    raise typer.Exit(EXIT_USAGE if rules else EXIT_FAILURE)


def _known(error: Exception) -> bool:
    from liverseg.errors import LiversegError
    from sweeps.errors import SweepError

    return isinstance(error, (LiversegError, SweepError, OSError))
