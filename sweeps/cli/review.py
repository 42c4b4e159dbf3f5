"""`liversweep review`: what a clinician says of a prediction, taken down."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.console import note as say
from sweeps.cli.console import scan_progress, write_json, write_text
from sweeps.cli.options import JsonOption

if TYPE_CHECKING:
    from sweeps.reviews.taking import Taken

ReviewsOption = Annotated[Path, typer.Option("--reviews", metavar="DIR", help="Folder of the reviews.")]


def review(
    prediction: Annotated[
        Path,
        typer.Argument(
            metavar="OUT/SCAN", help="The prediction: OUT/ct-7, or any of its files such as OUT/ct-7_seg.html."
        ),
    ],
    verdict: Annotated[
        str, typer.Option(metavar="accept|reject|corrected", help="What you think.", show_default=False)
    ],
    mask: Annotated[
        Path | None, typer.Option(metavar="FIXED.nii.gz", help="The corrected mask: 0, 1 liver, 2 tumour.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, in up to 500 characters. No patient's name.")] = "",
    reviews: ReviewsOption = Path("reviews"),
    scan: Annotated[Path | None, typer.Option(metavar="PLACE", help="The scan, when it lies elsewhere now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a predicted mask is right: accept, reject, or corrected with the mask as it should be.

    Look at OUT/SCAN_seg.html first. To correct, save the mask under another name in the tool you draw with. Scan, prediction and
    corrected mask are checked, and the review is added to a record in which later changes show. A corrected mask is kept with its
    scan, for you alone to read; data.reviews in a spec then trains the next sweep on it. A scan may be reviewed again: the newest
    review counts.
    """
    from sweeps.reviews.taking import Asked, take_review

    asked = Asked(
        prediction=prediction.expanduser(),
        verdict=verdict,
        mask=None if mask is None else mask.expanduser(),
        note=note,
        folder=reviews.expanduser(),
        scan=None if scan is None else scan.expanduser(),
    )
    with scan_progress(None) as bar:
        taken = take_review(asked, partial(bar.slices, reading=True))
    for warning in taken.warnings:
        say(f"warning: {warning.message}")
    if as_json:
        write_json(_document(taken))
    else:
        for line in _lines(taken, reviews):
            write_text(line)


def _document(taken: Taken) -> dict[str, object]:
    from results.reports.document import NOTICE

    return {
        "schema_version": 1,
        "notice": NOTICE,
        **taken.review.without_name(),
        "kept": None if taken.kept is None else str(taken.kept),
        "warnings": [f"{warning.rule}: {warning.summary}" for warning in taken.warnings],
    }


def _lines(taken: Taken, folder: Path) -> list[str]:
    from results.reports.document import NOTICE
    from results.text import printable

    review, fixed = taken.review, taken.review.correction
    words = {"accept": "accepted", "reject": "rejected"}.get(review.verdict, review.verdict)
    lines = [
        f"review {review.seq} in {folder}: {review.scan.name} ({review.scan.uid}) {words}; model {review.model.name} "
        f"({review.model.id})"
    ]
    if fixed is not None:
        lines += [
            f"Dice of the prediction against your mask: liver {_dice(fixed.dice_liver)}, tumour {_dice(fixed.dice_tumour)}",
            f"liver {review.liver_ml:.1f} mL predicted, {fixed.liver_ml:.1f} mL corrected; tumour {review.tumour_ml:.1f} and "
            f"{fixed.tumour_ml:.1f} mL",
            f"scan and mask are kept in {taken.kept}, for you alone to read"
            + (" (the scan is the same file under a second name)" if taken.linked else " (a copy)"),
            f"to train on it, say in a spec: data: {{reviews: {folder}}}",
        ]
    return [printable(line) for line in (*lines, NOTICE)]


def _dice(value: float | None) -> str:
    return "– (none in either)" if value is None else f"{value:.3f}"
