"""Whether a scan is one that the model can be trusted with: warnings that name what is unlike, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from liverseg.handover.features import ScanFeatures
    from liverseg.handover.folder import ModelFolder
    from liverseg.handover.predictor import Predictor, Segmentation
    from liverseg.volume import Header

LIVER_VOLUME = "liver volume"
"""The one feature that is the model's finding, and not the scan's own."""
EMPTY_RULE = "P1"
LEAST_LIVER_SHARE = 0.1
"""Of the smallest liver that the model was trained on: with less of it there is no liver, or the model does not see it."""
LIVER_RANGE = (0.5, 2.0)
"""Of the smallest and largest liver that it was trained on: outside of it the volume is worth a look."""


def observed(
    predictor: Predictor, scan: Path, case: str, on_slices: Callable[[int, int], None]
) -> tuple[ScanFeatures, Segmentation]:
    """A scan segmented, and what it is like, in one reading.

    Raises:
        DataError: the scan breaks a rule, or is no CT (rule F1).
    """
    from liverseg.handover.features import FeatureMeter, require_ct
    from liverseg.preprocess.orient import orientation_from
    from liverseg.preprocess.stacks import VoxelFile
    from liverseg.volume import read_header

    header = read_header(scan, case=case, role="image")
    meter = FeatureMeter(VoxelFile(scan, header), orientation_from(header.orientation))
    found = predictor.segment(scan, case=case, on_slices=on_slices, on_stack=meter.add)
    features = meter.features()
    require_ct(features, case=case, path=scan)
    return features, found


def learned_from(model: ModelFolder, *sha256: str) -> str | None:
    """The part of the model's cases that a scan is in, `train` or `validation`; None for one that it has not seen.

    A file is known again, not its copy in another wrapping.

    Args:
        model: the model.
        sha256: of the user's file; of a DICOM series, and of the file that it was converted to, as which it is trained on.
    """
    from liverseg.data import case_uid

    uids = set(map(case_uid, sha256))
    return next((part for part in ("train", "validation") if uids & model.description.cases(part)), None)


def seen_before(part: str | None) -> list[dict[str, Any]]:
    """The warning about a scan that the model was trained or chosen on."""
    if part is None:
        return []
    what = "trained" if part == "train" else "chosen"
    text = f"the model was {what} on this scan: how well it does here does not tell how well it does on others"
    return [{"feature": "scan seen before", "text": text}]


def unlike(model: ModelFolder, features: ScanFeatures, liver_ml: float) -> list[dict[str, Any]]:
    """Warnings in the form of a prediction's record; none when the scan is like those that the model was trained on."""
    from liverseg.handover.familiar import FamiliarRanges

    ranges = FamiliarRanges.from_json(model.description.familiar)
    return [*(warning.as_json() for warning in ranges.unlike(features)), *_odd_liver(model, liver_ml)]


def two_places(header: Header) -> list[dict[str, Any]]:
    """A note where a file says two things of how its scan lies in space, more than a voxel apart: viewers do not agree
    which of them to follow, so that a mask may look mirrored or shifted, and one of the two is wrong.
    """
    if header.qform_mm <= max(header.spacing_mm):
        return []
    turned = header.qform_orientation != header.orientation
    axes = f", with axes {header.qform_orientation} in place of {header.orientation}" if turned else ""
    text = (
        f"the file says twice how the scan lies in space, and not the same: its qform is up to {header.qform_mm:.0f} mm off its "
        f"sform{axes}. The sform was followed. Make sure of left and right, and look at the mask in a viewer that follows the "
        "sform too."
    )
    return [{"feature": "place in space", "text": text}]


def _odd_liver(model: ModelFolder, liver_ml: float) -> list[dict[str, Any]]:
    trained = liver_range_ml(model)
    if trained is None:
        return []
    low, high = (factor * bound for factor, bound in zip(LIVER_RANGE, trained, strict=True))
    if low <= liver_ml <= high:
        return []
    text = (
        f"the liver found measures {liver_ml:.0f} mL; those that the model was trained on "
        f"{trained[0]:.0f} to {trained[1]:.0f} mL"
    )
    numbers = {"value": round(liver_ml, 1), "unit": "mL", "low": round(low, 1), "high": round(high, 1)}
    return [{"feature": LIVER_VOLUME, **numbers, "text": text}]


def refuse_empty(model: ModelFolder, liver_ml: float, *, case: str, path: Path) -> None:
    """Refuse a scan in which no liver was found.

    Raises:
        DataError: rule P1.
    """
    trained = liver_range_ml(model)
    least = LEAST_LIVER_SHARE * trained[0] if trained else 0.0
    if liver_ml > least:
        return
    raise DataError(
        "no liver was found in the scan",
        case=case,
        rule=EMPTY_RULE,
        where=str(path),
        got=f"{liver_ml:.1f} mL labelled liver",
        allowed=f"more than {least:.1f} mL, a tenth of the smallest liver that the model was trained on",
        next_step="look whether the scan shows the liver, and is a CT like those of the training; nothing was written for it",
    )


def liver_range_ml(model: ModelFolder) -> tuple[float, float] | None:
    """Smallest and largest liver of the training scans; None where the model does not tell."""
    told = model.description.origin.get("liver_ml")
    return (float(told[0]), float(told[1])) if isinstance(told, list) and len(told) == 2 else None
