"""Titles and number formats of table columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from results.metrics import is_metric, metric
from results.text import printable

MISSING = "–"


def is_missing(value: Any) -> bool:
    """Whether a cell of a frame holds nothing: None, NaN or pandas' NA (told by its name: no pandas here)."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table is shown.

    Attributes:
        name: its name in the frame.
        title: its head.
        decimals: digits after the point; None for three significant digits.
        unit: put behind the title in brackets.
    """

    name: str
    title: str
    decimals: int | None = None
    unit: str = ""

    @property
    def head(self) -> str:
        """Title with unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, value: Any) -> str:
        """One cell. None, NaN and NA are a dash; infinities are words."""
        if is_missing(value):
            return MISSING
        if isinstance(value, bool) or type(value).__name__ == "bool":
            return "yes" if value else "no"
        if isinstance(value, float) or type(value).__name__.startswith("float"):
            return self._number(float(value))
        return printable(str(value)) or MISSING

    def _number(self, value: float) -> str:
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        text = f"{value:.3g}" if self.decimals is None else f"{value:.{self.decimals}f}"
        return text.replace("-", "−", 1) if text.startswith("-") else text


_COLUMNS = {
    column.name: column
    for column in (
        Column("rank", "rank", 0),
        Column("front", "front", 0),
        Column("number", "no.", 0),
        Column("best_epoch", "best epoch", 0),
        Column("planned_epochs", "planned epochs", 0),
        Column("parameters", "parameters", 0),
        Column("parameters_m", "parameters", 2, "M"),
        Column("gflops", "GFLOPs", 2),
        Column("s_per_epoch", "time", 1, "s/epoch"),
        Column("seconds", "time", 0, "s"),
        Column("best_trial", "best trial"),
        Column("replicate_of", "repeats"),
        Column("trainings", "trainings", 0),
        Column("mean_objective", "mean", 3),
        Column("peak_memory_mb", "peak memory", 0, "MB"),
        Column("inference_ms_per_slice", "inference", 1, "ms/slice"),
        *(Column(name, name, 3) for name in ("mean", "sd", "median", "q1", "q3", "ci_low", "ci_high", "difference")),
        *(Column(name, name, 2) for name in ("share", "chance")),
        Column("seed_sd", "SD between seeds", 3),
        Column("seed_margin", "margin of seeds", 3),
        Column("rank_biserial", "rank-biserial", 2),
        Column("p_raw", "p"),
        Column("p_holm", "p (Holm)"),
        *(Column(f"{part}_mean", part, 3) for part in ("validation", "test")),
        *(Column(f"{part}_sd", f"SD {part}", 3) for part in ("validation", "test")),
        *(Column(name, name, 3) for name in ("test_ci_low", "test_ci_high", "drop")),
        Column("ended_after", "trials ended since"),
        Column("rank_low", "lowest rank", 0),
        Column("rank_high", "highest rank", 0),
        Column("chance_1", "P(rank 1)", 2),
        *(
            Column(name, name.replace("_", " "), 2)
            for name in ("recall_iou50", "precision_iou50", "recall_any", "precision_any")
        ),
        Column("false_tumours", "false tumours", 1),
        Column("burden_rmse", "tumour burden RMSE", 3),
        Column("needed_patients", "patients needed", 0),
        Column("needed_seeds", "more seeds needed", 0),
        *(
            Column(f"{name}_{label}{part}", f"{name} {label}", 3)
            for name, part in (("test", "_mean"), ("test", "_sd"), ("slice", ""), ("slice_sd", ""))
            for label in ("liver", "tumour")
        ),
        *(Column(name, name.replace("_", " "), 3) for name in ("dice_liver", "dice_tumour", "spread")),
        *(Column(f"spread_{label}", f"spread {label}", 3) for label in ("liver", "tumour")),
        *(Column(f"{end}_dice_{label}", "Dice", 3) for end in ("best", "worst") for label in ("liver", "tumour")),
        Column("tumour_ml", "tumour", 1, "mL"),
        Column("thickness_mm", "slices apart", 1, "mm"),
        *(Column(f"share_{name}", f"share of {name}", 2) for name in ("trials", "updates")),
        Column("share_seconds", "share of time", 2),
        Column("failed_seconds", "share lost to failures", 2),
        *(
            Column(name, name.replace("_", " "), 3)
            for name in ("best", "gap", "gap_then", "winner_then", "expected_best")
        ),
        Column("best_came", "best came", 0),
        Column("improving", "still improving"),
        Column("missed", "tumour not found", 0),
        Column("lesions", "lesions", 0),
        Column("lesion_recall", "lesion recall", 2),
        Column("specificity", "specificity", 2),
        Column("false_ml", "false tumour", 1, "mL"),
        Column("false_lesions", "false tumours", 1),
        *(Column(f"dice_tumour_ci_{end}", f"tumour Dice, {end} end", 3) for end in ("low", "high")),
        Column("of_winner", "of the winner's", 2),
        Column("seconds_of_wall", "time", 1, "s"),
        Column("percent_of_wall", "share", 1, "%"),
        Column("slot_s", "in a slot", 1, "s"),
        *(
            Column(f"{name}_s", name.replace("_", "-"), 1, "s")
            for name in ("start_up", "tracing", "training", "validation", "checkpointing", "driver")
        ),
    )
}


def column(name: str) -> Column:
    """The column of that name; a name that is not known (a parameter) is its own title."""
    if name in _COLUMNS:
        return _COLUMNS[name]
    if name.startswith("average_"):
        inner = column(name.removeprefix("average_"))
        return Column(name, f"average {inner.title}", inner.decimals, inner.unit)
    if is_metric(name):
        found = metric(name)
        return Column(name, found.title, found.decimals)
    return Column(name, printable(name))
