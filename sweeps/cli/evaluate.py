"""`liversweep evaluate`: predicted masks against reference masks, from any tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli import EXIT_USAGE
from sweeps.cli.console import note, print_tables, progress, write_json
from sweeps.cli.options import AddressOption, InsecureOption, JsonOption, WorkersOption
from sweeps.cli.score_tables import score_tables

if TYPE_CHECKING:
    from liverseg.metrics.evaluate import Evaluation


def evaluate(
    prediction: Annotated[
        Path,
        typer.Option("--prediction", metavar="P", help="A predicted mask, or a folder of them.", show_default=False),
    ],
    reference: Annotated[
        Path, typer.Option("--reference", metavar="R", help="Its reference mask, or their folder.", show_default=False)
    ],
    tolerance_mm: Annotated[float, typer.Option("--tolerance-mm", help="Of the NSD (surface Dice), mm.")] = 2.0,
    prediction_label: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE", help="Value in predictions, e.g. liver=5. Others are background. Repeatable."
        ),
    ] = [],  # noqa: B006
    reference_label: Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="Likewise in references.")] = [],  # noqa: B006
    workers: WorkersOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score predicted masks against reference masks: overlap, surface distances in mm, tumours one by one.

    Masks are NIfTI files with 0 background, 1 liver, 2 tumour, in any orientation, prediction and reference on the same grid.
    Files with other values need --prediction-label or --reference-label. Files of two folders are paired by name. Liver is
    label 1 or 2. Large folders are scored by several processes, on Ray, with the same result.
    """
    from liverseg.metrics.evaluate import Meanings, find_pairs, meaning_of
    from sweeps.handover.fleet_of import fleet_of
    from sweeps.mask_pairs import PairSettings, evaluate_pairs

    fleet = fleet_of(workers=workers, address=address, insecure=insecure, say=note)
    meanings = Meanings(
        meaning_of(prediction_label, "--prediction-label"), meaning_of(reference_label, "--reference-label")
    )
    pairs, problems = find_pairs(prediction.expanduser(), reference.expanduser())
    with progress("scoring", len(pairs)) as advance:
        settings = PairSettings(tolerance_mm, meanings)
        found = evaluate_pairs(pairs, settings, fleet, problems=problems, on_pair=advance)
    _show(found, as_json)
    for problem in found.problems:
        note(f"error: {problem}")
    if found.problems:
        raise typer.Exit(EXIT_USAGE)


def _show(found: Evaluation, as_json: bool) -> None:
    from liverseg.metrics.evaluation_document import as_document

    if as_json:
        write_json(as_document(found))
    elif found.scores:
        print_tables(score_tables(found))
