"""What the numbers are called, what they mean, and how many decimals they deserve.

The names are those in the ledger: a score, then the label, then what was made of it over patients (`dice_liver_mean`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from results.records import Direction
from results.text import printable


@dataclass(frozen=True, slots=True)
class Metric:
    """A score, or a figure derived from one.

    Attributes:
        name: the name in the ledger.
        title: for the head of a column.
        doc: one sentence that defines it; empty for names that are not known here.
        direction: which way is better.
        decimals: digits after the point that are shown.
    """

    name: str
    title: str
    doc: str = ""
    direction: Direction = "maximize"
    decimals: int = 3


LABEL_TITLES = {"liver": "liver", "tumour": "tumour", "liver_only": "liver (label 1)"}
_SUFFIX_TITLES = {"mean": "{}", "sd": "SD {}", "n": "n {}", "nan": "undefined {}"}

_PLAIN = {
    metric.name: metric
    for metric in (
        Metric("val_dice", "validation Dice", "Mean of the mean Dice of the labels, over the validation patients."),
        Metric("tumour_burden_rmse", "tumour burden RMSE", "RMSE of tumour/liver volume.", "minimize"),
        Metric("tumour_free_specificity", "specificity", "Share of tumour-free patients left without tumour voxels."),
        Metric("n_patients", "patients", "Patients scored.", decimals=0),
        Metric("n_tumour_patients", "with tumour", "Patients with tumour.", decimals=0),
    )
}

_FAMILIES = {
    "dice": Metric(
        "dice",
        "Dice {}",
        "2·|A∩B| / (|A|+|B|) over a patient's whole volume, on the scan's own grid; mean over patients.",
    ),
    "dice_global": Metric("dice_global", "global Dice {}", "Dice over all voxels of all patients pooled."),
    "slice_dice_smooth1": Metric(
        "slice_dice_smooth1",
        "slice Dice* {}",
        "(2·|A∩B|+1) / (|A|+|B|+1) per axial slice, mean over slices: an empty slice left empty scores 1. "
        "The reference study's number; never ranked on.",
    ),
    "voe": Metric("voe", "VOE {}", "Volumetric overlap error, 1 − |A∩B| / |A∪B|.", "minimize"),
    "rvd": Metric("rvd", "RVD {}", "Relative volume difference, (|P|−|T|) / |T|; 0 is best.", "minimize"),
    "false_positive_ml": Metric(
        "false_positive_ml", "false positive {} (mL)", "Volume marked in patients without the label.", "minimize", 1
    ),
}

_NAME = re.compile(
    rf"(?P<family>{'|'.join(sorted(_FAMILIES, key=len, reverse=True))})"
    rf"_(?P<label>{'|'.join(sorted(LABEL_TITLES, key=len, reverse=True))})(?:_(?P<suffix>{'|'.join(_SUFFIX_TITLES)}))?"
)


def metric(name: str) -> Metric:
    """The description of a metric. A name that is not known here is described by itself: more is taken to be better."""
    if name in _PLAIN:
        return _PLAIN[name]
    found = _NAME.fullmatch(name)
    if found is None:
        return Metric(name, printable(name))
    family = _FAMILIES[found["family"]]
    suffix = found["suffix"] or "mean"
    title = _SUFFIX_TITLES[suffix].format(family.title.format(LABEL_TITLES[found["label"]]))
    counts = suffix in ("n", "nan")
    return Metric(name, title, family.doc, family.direction, 0 if counts else family.decimals)


def is_metric(name: str) -> bool:
    """Whether the name is one that this module describes."""
    return name in _PLAIN or _NAME.fullmatch(name) is not None


def definitions() -> tuple[tuple[str, str], ...]:
    """`(title, definition)` of the scores that reports show, for readers who did not make the sweep."""
    shown = [family for name, family in _FAMILIES.items() if name != "false_positive_ml"]
    families = [(family.title.replace(" {}", ""), family.doc) for family in shown]
    return ((_PLAIN["val_dice"].title, _PLAIN["val_dice"].doc), *families)
