"""What the numbers are called, what they mean, and how many decimals they deserve.

The names are those in the ledger: a score, then the label, then what was made of it over patients (`dice_liver_mean`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from results.sweep_parts import Direction
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
_SUFFIX_TITLES = {"mean": "{}", "sd": "SD {}", "n": "n {}", "nan": "undefined {}", "failures": "failures {}"}

_PLAIN = {
    metric.name: metric
    for metric in (
        Metric("val_dice", "validation Dice", "Mean of the mean Dice of the labels, over the validation patients."),
        Metric("test_dice", "test Dice", "Mean of the mean Dice of the labels, over the test patients."),
        Metric("tumour_burden_rmse", "tumour burden RMSE", "RMSE of tumour/liver volume.", "minimize"),
        Metric("tumour_free_specificity", "specificity", "Share of tumour-free patients left without tumour voxels."),
        Metric("lesion_recall_iou50", "lesion recall", "Share of all tumours found with IoU > 0.5 (26-connected)."),
        Metric("lesion_precision_iou50", "lesion precision", "Share of all predicted tumours with IoU > 0.5."),
        Metric("lesion_recall_any", "lesion recall (touched)", "Share of all tumours touched by a predicted one."),
        Metric("lesion_precision_any", "lesion precision (touching)", "Share of all predicted tumours that touch one."),
        Metric(
            "lesion_false_positives_tumour_free",
            "false tumours",
            "Tumours predicted in a tumour-free patient, mean over those patients.",
            "minimize",
            1,
        ),
        Metric("lesions_reference", "tumours", "Tumours of all patients, one by one.", decimals=0),
        Metric("lesions_prediction", "tumours predicted", "Tumours predicted, one by one.", decimals=0),
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
    "assd": Metric(
        "assd",
        "ASSD {} (mm)",
        "Average symmetric surface distance: mean over the boundary voxels of both sides of the distance to the other "
        "boundary. Mean over patients with a finite value; where one side is empty the patient is a failure.",
        "minimize",
        2,
    ),
    "rmsd": Metric("rmsd", "RMSD {} (mm)", "As ASSD, root mean square.", "minimize", 2),
    "mssd": Metric("mssd", "HD100 {} (mm)", "As ASSD, maximum: the Hausdorff distance.", "minimize", 1),
    "hd95": Metric("hd95", "HD95 {} (mm)", "As ASSD, the larger of both directions' 95th percentiles.", "minimize", 1),
    "nsd": Metric(
        "nsd", "NSD {}", "Surface Dice: share of the boundary voxels of both sides within 2 mm of the other."
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
    counts = suffix in ("n", "nan", "failures")
    return Metric(name, title, family.doc, family.direction, 0 if counts else family.decimals)


def is_metric(name: str) -> bool:
    """Whether the name is one that this module describes."""
    return name in _PLAIN or _NAME.fullmatch(name) is not None


def definitions() -> tuple[tuple[str, str], ...]:
    """`(title, definition)` of the scores that reports show, for readers who did not make the sweep."""
    shown = [family for name, family in _FAMILIES.items() if name != "false_positive_ml"]
    families = [(family.title.replace(" {}", ""), family.doc) for family in shown]
    return ((_PLAIN["val_dice"].title, _PLAIN["val_dice"].doc), *families)
