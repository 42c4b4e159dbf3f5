"""Scores of masks as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import note

if TYPE_CHECKING:
    from liverseg.metrics.evaluate import Evaluation, MaskScore

_LABELS = {"liver": "liver", "tumour": "tumour", "liver_only": "liver (label 1)"}
_HEADS = {"dice": "Dice", "voe": "VOE", "rvd": "RVD", "assd": "ASSD", "rmsd": "RMSD", "mssd": "HD100", "hd95": "HD95"}
_POOLED = {
    "lesion_recall_iou50": "tumours found (IoU > 0.5)",
    "lesion_precision_iou50": "predicted tumours that are true (IoU > 0.5)",
    "lesion_recall_any": "tumours touched",
    "lesion_precision_any": "predicted tumours that touch one",
    "lesion_false_positives_tumour_free": "false tumours in a tumour-free case",
    "tumour_burden_rmse": "tumour burden, root mean square error",
}
_DECIMALS = {"assd": 2, "rmsd": 2, "mssd": 1, "hd95": 1}


def score_tables(found: Evaluation, of: str = "", *, known: tuple[str, ...] = ("liver", "tumour")) -> list[Any]:
    """Rich tables of an evaluation: by case, tumours one by one, over the cases, and pooled.

    Args:
        found: with at least one score.
        of: whose scores they are, for the titles.
        known: labels that were predicted at all.
    """
    tumour = "tumour" in known and any(_has_tumour(item) for item in found.scores)
    labels = tuple(_LABELS) if tumour else ("liver",)
    tables = [_case_table(found, labels)]
    if tumour:
        tables.append(_lesion_table(found.scores))
    if len(found.scores) > 1:
        tables += [_summary_table(found, labels), _pooled_table(found, labels)]
    if not tumour:
        why = "no tumour in any mask" if "tumour" in known else "tumours are not known to the model"
        note(f"{why}: the liver alone is shown")
    return [_titled(table, of) for table in tables] if of else tables


def _titled(table: Any, of: str) -> Any:
    from rich.text import Text

    from results.text import printable

    table.title = Text(f"{printable(of)}: {table.title}")
    return table


def _has_tumour(item: MaskScore) -> bool:
    score = item.score.case.label("tumour")
    return score.reference + score.prediction > 0


def _table(title: str, heads: Sequence[str], left: int) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for position, head in enumerate(heads):
        table.add_column(head, justify="left" if position < left else "right")
    return table


def _case_table(found: Evaluation, labels: tuple[str, ...]) -> Any:
    from liverseg.metrics.evaluation_document import SCORES, score_value

    heads = (
        "case",
        "label",
        "mL",
        "predicted mL",
        *(_HEADS.get(name, f"NSD {found.tolerance_mm:g} mm") for name in SCORES),
    )
    table = _table("Scores by case (distances in mm)", heads, 2)
    for item in found.scores:
        case = item.score.case
        for label in labels:
            part = case.label(label)
            volumes = [f"{voxels * case.voxel_ml:.1f}" for voxels in (part.reference, part.prediction)]
            numbers = [_text(name, score_value(item.score, label, name)) for name in SCORES]
            table.add_row(_name(item) if label == labels[0] else "", _LABELS[label], *volumes, *numbers)
    return table


def _lesion_table(scores: Sequence[MaskScore]) -> Any:
    heads = ("case", "tumours", "found (IoU > 0.5)", "touched", "predicted", "true (IoU > 0.5)", "touching")
    table = _table("Tumours one by one (26-connected)", heads, 1)
    for item in scores:
        lesions = item.score.lesions
        assert lesions is not None
        sides = (lesions.reference, lesions.prediction)
        table.add_row(_name(item), *(str(n) for side in sides for n in (side.count, side.matched, side.touched)))
    return table


def _summary_table(found: Evaluation, labels: tuple[str, ...]) -> Any:
    from liverseg.metrics.evaluation_document import summary_of

    heads = ("label", "score", "mean ± SD", "median", "n", "failures", "undefined")
    table = _table(f"Over {len(found.scores)} cases (tumour: over those that have one)", heads, 2)
    for label in labels:
        for name, figures in summary_of(found.scores, label).items():
            mean, sd, median = (_text(name, figures[key]) for key in ("mean", "sd", "median"))
            counts = (str(figures[key]) if figures[key] else "–" for key in ("failures", "undefined"))
            head = _HEADS.get(name, f"NSD {found.tolerance_mm:g} mm")
            table.add_row(_LABELS[label], head, f"{mean} ± {sd}", median, str(figures["n"]), *counts)
    return table


def _pooled_table(found: Evaluation, labels: tuple[str, ...]) -> Any:
    from liverseg.metrics.evaluation_document import pooled_of, tumours_of

    table = _table(f"All {len(found.scores)} cases pooled", ("score", "value"), 1)
    for label in labels:
        pooled = pooled_of(found.scores, label)
        mean, sd = (_text("dice", pooled[f"slice_dice_smooth1_{part}"]) for part in ("mean", "sd"))
        table.add_row(f"global Dice {_LABELS[label]}", _text("dice", pooled["dice_global"]))
        table.add_row(f"slice Dice, smoothed by 1, {_LABELS[label]}", f"{mean} ± {sd}")
    if "tumour" in labels:
        values = tumours_of(found.scores)
        for name, head in _POOLED.items():
            table.add_row(head, _text("dice", values[name]))
    return table


def _name(item: MaskScore) -> Any:
    """The name of a case, which is that of a file: nothing in it steers the terminal or is markup."""
    from rich.text import Text

    from results.text import printable

    return Text(printable(item.name))


def _text(name: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{_DECIMALS.get(name, 3)}f}".replace("-", "−")
