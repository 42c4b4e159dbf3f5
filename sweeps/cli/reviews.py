"""`liversweep reviews`: what was said of predictions, and how often each model was right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweeps.cli.console import note, print_tables, write_json, write_text
from sweeps.cli.options import JsonOption
from sweeps.cli.review import ReviewsOption

if TYPE_CHECKING:
    from results.reviews import ModelFigures, MonthFigures, Review


def reviews(
    since: Annotated[
        str, typer.Option(metavar="DATE", help="Only reviews of this day or time (UTC) and later, as 2026-01-31.")
    ] = "",
    reviews: ReviewsOption = Path("reviews"),
    as_json: JsonOption = False,
) -> None:
    """List reviews, and how often each model's predictions were accepted, with the Dice between prediction and correction.

    Figures are by model version and by month, so that a model that grows worse on today's scans shows. A scan that was reviewed
    again counts once, as the newest review says; scans that a model was trained on do not count for it. Reads the record only,
    checks that nothing in it was changed, and says so if it was. The list on screen names scans as you do; --json gives
    pseudonyms only.
    """
    from results.reviews import figures, read_reviews, standing

    folder, moment = reviews.expanduser(), _moment(since)
    _check_folder(folder)
    found = read_reviews(folder)
    counting = {review.seq for review in standing(found)}
    shown = [review for review in found if review.time >= moment]
    by_model = figures(found, moment)
    if as_json:
        write_json(_document(shown, by_model, counting, moment))
    elif shown:
        print_tables([_list(shown, counting), _figures(by_model)])
        _say_notice()
    else:
        note(
            f"no review in {folder} since {since}"
            if found
            else f"no review in {folder} yet; see: liversweep review --help"
        )


def _check_folder(folder: Path) -> None:
    from sweeps.errors import UsageError

    if not folder.is_dir():
        step = "name it with --reviews DIR; `liversweep review` makes it"
        raise UsageError("no such folder of reviews", where=str(folder), next_step=step)


def _say_notice() -> None:
    from results.reports.document import NOTICE

    write_text(NOTICE)


def _moment(since: str) -> str:
    """A day or a time as the record writes it; without a zone it is UTC."""
    from sweeps.errors import UsageError

    if not since:
        return ""
    try:
        moment = datetime.fromisoformat(since)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        allowed = "a day or time, as 2026-01-31 or 2026-01-31T09:00"
        raise UsageError("not a date", where="--since", got=since, allowed=allowed) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(
    shown: Sequence[Review], by_model: Sequence[ModelFigures], counting: set[int], since: str
) -> dict[str, Any]:
    from results.reports.document import NOTICE

    return {
        "schema_version": 1,
        "notice": NOTICE,
        "since": since or None,
        "reviews": [_plain(review, review.seq in counting) for review in shown],
        "models": [one.as_json() for one in by_model],
    }


def _plain(review: Review, counts: bool) -> dict[str, Any]:
    return {**review.without_name(), "counts": counts}


def _list(shown: Sequence[Review], counting: set[int]) -> Any:
    from rich.table import Table

    table = Table(title="Reviews (those in brackets were followed by a newer one)", title_justify="left")
    for head in ("number", "time (UTC)", "scan", "model", "verdict"):
        table.add_column(head)
    for head in ("Dice liver", "Dice tumour"):
        table.add_column(head, justify="right")
    table.add_column("note")
    for review in shown:
        fixed = review.correction
        verdict = review.verdict if review.seq in counting else f"({review.verdict})"
        dice = (None, None) if fixed is None else (fixed.dice_liver, fixed.dice_tumour)
        words = (f"{review.scan.name} ({review.scan.uid})", f"{review.model.name} ({review.model.id})", verdict)
        cells = (str(review.seq), review.time[:16].replace("T", " "), *words, *map(_dice, dice), review.note)
        table.add_row(*map(_text, cells))
    return table


def _figures(by_model: Sequence[ModelFigures]) -> Any:
    from rich.table import Table

    table = Table(title="How often models were right, by month", title_justify="left")
    table.add_column("model")
    table.add_column("month")
    heads = ("reviewed", "accepted", "corrected", "rejected", "acceptance (95 % interval)", "Dice liver", "Dice tumour")
    for head in heads:
        table.add_column(head, justify="right")
    for one in by_model:
        for position, row in enumerate((*one.months, one.total)):
            name = f"{one.model.name} ({one.model.id}){_left_out(one)}" if position == 0 else ""
            table.add_row(_text(name), row.month or "all", *_cells(row), end_section=not row.month)
    table.caption = (
        "Acceptance: accepted of all that were reviewed; a prediction that was corrected or rejected was not accepted.\n"
        "Dice: of predictions against their corrections, mean over those that were corrected; tumour: (of so many)"
    )
    table.caption_justify = "left"
    return table


def _left_out(one: ModelFigures) -> str:
    """Scans that would flatter the model."""
    if not one.trained_on:
        return ""
    return f", without {one.trained_on} scan{'' if one.trained_on == 1 else 's'} that it was trained on"


def _cells(row: MonthFigures) -> tuple[str, ...]:
    counts = (str(value) for value in (row.reviewed, row.accepted, row.corrected, row.rejected))
    share = "–"
    if row.acceptance is not None and row.low is not None and row.high is not None:
        share = f"{row.acceptance:.0%} ({row.low:.0%} to {row.high:.0%})"
    tumour = "–" if row.dice_tumour is None else f"{row.dice_tumour:.3f} ({row.dice_tumour_n})"
    return (*counts, share, _dice(row.dice_liver), tumour)


def _dice(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _text(words: str) -> Any:
    """Names and notes from elsewhere: nothing in them steers the terminal or is markup."""
    from rich.text import Text

    from results.text import printable

    return Text(printable(words))
