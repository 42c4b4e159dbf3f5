"""Whether a scan is like those a network was trained on, told by plain features of the scan itself.

A feature's range is that of the training scans, widened at both ends by `spread · (1.5 + 4/n)`: a handful of scans cannot
tell how much scans differ, so that the fewer there are, the wider the range. `spread` is the standard deviation between
scans of one hospital and is given for each feature below. A further scan like the n training scans is then called unlike in
one feature less than once in 250 times; where scans differ half as much again, at most once in 35 (simulated, normal, n
from 1 to 100). Lengths and counts are judged by their logarithm. No training scan is ever unlike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liverseg.errors import ConfigError
from liverseg.handover.features import ScanFeatures

SCHEMA_VERSION = 1
MARGIN, FEW_SCANS = 1.5, 4.0


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature that is judged.

    Attributes:
        key: attribute of `ScanFeatures`.
        name: for people.
        unit: for people; `%` for shares, empty for counts.
        spread: standard deviation between scans of one hospital that is assumed while few scans are known: from abdominal
            CT protocols and patients of usual build. In units of the feature, or of its natural logarithm.
        log: whether it is judged by its logarithm.
        meaning: what may be the matter with a scan outside, as the end of a sentence.
    """

    key: str
    name: str
    unit: str
    spread: float
    log: bool
    meaning: str


_INTENSITY = "another contrast phase or tube voltage, or values that are not HU"
_GRID = "tumours may look coarser or finer than those the model has seen"
_PART = "it may show another part of the body, or only a part of the liver"
FEATURES = (
    Feature("body_p05", "dark end of body intensities (5th percentile)", "HU", 12.0, False, _INTENSITY),
    Feature("body_p50", "median of body intensities", "HU", 30.0, False, _INTENSITY),
    Feature("body_p95", "bright end of body intensities (95th percentile)", "HU", 40.0, False, _INTENSITY),
    Feature("air", "share of air", "%", 0.10, False, "it may be cropped or padded, or show another part of the body"),
    Feature("spacing_plane_mm", "voxel spacing in plane", "mm", 0.12, True, _GRID),
    Feature("spacing_slices_mm", "voxel spacing between slices", "mm", 0.25, True, _GRID),
    Feature("extent_mm", "height scanned", "mm", 0.30, True, _PART),
    Feature("field_mm", "field of view", "mm", 0.12, True, "it may be cropped, of a child, or magnified"),
    Feature("slices", "number of slices", "", 0.50, True, _PART),
)


@dataclass(frozen=True, slots=True)
class Range:
    """One feature over the training scans, in its own unit (shares from 0 to 1).

    Attributes:
        least, most: among the training scans.
        low, high: bounds outside of which a scan is unlike them; never inside `least` and `most`.
    """

    least: float
    most: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScanWarning:
    """That one feature of a scan is unlike the training scans.

    Attributes:
        feature: its name in plain words.
        value, low, high: rounded for people, in `unit`.
        unit: empty for counts.
        text: all of it in one sentence.
    """

    feature: str
    value: float
    unit: str
    low: float
    high: float
    text: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in ("feature", "value", "unit", "low", "high", "text")}


@dataclass(frozen=True, slots=True)
class FamiliarRanges:
    """What training scans looked like.

    Attributes:
        scans: how many there were.
        ranges: by key of a feature; without those that no scan had. Empty without scans: then nothing is unlike.
    """

    scans: int
    ranges: Mapping[str, Range]

    @staticmethod
    def of(scans: Sequence[ScanFeatures]) -> FamiliarRanges:
        """The ranges of these scans; their order does not matter."""
        found = {}
        for feature in FEATURES:
            values = [float(getattr(scan, feature.key)) for scan in scans]
            known = sorted(value for value in values if math.isfinite(value))
            if known:
                found[feature.key] = _range(feature, known)
        return FamiliarRanges(len(scans), found)

    def unlike(self, scan: ScanFeatures) -> tuple[ScanWarning, ...]:
        """One warning for each feature that lies outside its range, in the order of `FEATURES`.

        A feature that the scan does not have (intensities of tissue in a scan without any: no CT) is not judged.
        """
        found = []
        for feature in FEATURES:
            value, known = float(getattr(scan, feature.key)), self.ranges.get(feature.key)
            if known is not None and (value < known.low or value > known.high):
                found.append(_warning(feature, value, known, self.scans))
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the names of the features beside their keys for people who read the file."""
        ranges = {
            feature.key: {
                "feature": feature.name,
                **{name: getattr(self.ranges[feature.key], name) for name in Range.__slots__},
            }
            for feature in FEATURES
            if feature.key in self.ranges
        }
        return {"schema_version": SCHEMA_VERSION, "scans": self.scans, "ranges": ranges}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> FamiliarRanges:
        """The ranges that `as_json` wrote. Features that this version does not know are ignored.

        Raises:
            ConfigError: another version, or nonsense.
        """
        if document.get("schema_version") != SCHEMA_VERSION:
            got = document.get("schema_version")
            raise ConfigError("ranges of another version", where="familiar", got=got, allowed=SCHEMA_VERSION)
        try:
            keys = [feature.key for feature in FEATURES if feature.key in document["ranges"]]
            ranges = {key: Range(*(float(document["ranges"][key][name]) for name in Range.__slots__)) for key in keys}
            return FamiliarRanges(int(document["scans"]), ranges)
        except (KeyError, TypeError, ValueError) as error:
            got = f"{type(error).__name__}: {error}"
            raise ConfigError("not ranges of scans", where="familiar", got=got) from error


def _range(feature: Feature, values: Sequence[float]) -> Range:
    """Of at least one finite value, sorted."""
    least, most = values[0], values[-1]
    margin = feature.spread * (MARGIN + FEW_SCANS / len(values))
    if feature.log:
        low, high = least * math.exp(-margin), most * math.exp(margin)
        # Bounds of whole numbers are whole, or a text could say that 78 is outside of 14 to 78.
        return Range(least, most, low, high) if feature.unit else Range(least, most, math.floor(low), math.ceil(high))
    if feature.unit == "%":
        return Range(least, most, max(least - margin, 0.0), min(most + margin, 1.0))
    return Range(least, most, math.floor(least - margin), math.ceil(most + margin))


def _warning(feature: Feature, value: float, known: Range, scans: int) -> ScanWarning:
    unit = "%" if feature.unit == "%" else f" {feature.unit}" if feature.unit else ""
    got, low, high = (shown(feature, number) for number in (value, known.low, known.high))
    had = span_text(feature, known.least, known.most)
    trained = f"the {scans} training scans had" if scans > 1 else "the one training scan had"
    text = (
        f"The {feature.name} is {got:g}{unit}; {trained} {had}, and {low:g} to {high:g}{unit} would be like them: "
        f"{feature.meaning}."
    )
    return ScanWarning(feature.name, got, feature.unit, low, high, text)


def span_text(feature: Feature, low: float, high: float) -> str:
    """Two values of a feature as people read them: `0.7 to 2.5 mm`; one value where they read alike."""
    unit = "%" if feature.unit == "%" else f" {feature.unit}" if feature.unit else ""
    first, last = shown(feature, low), shown(feature, high)
    return f"{first:g}{unit}" if first == last else f"{first:g} to {last:g}{unit}"


def shown(feature: Feature, value: float) -> float:
    """As people read it: shares in per cent, three digits of lengths, whole HU and slices."""
    if feature.unit == "%":
        return round(100 * value, 1)
    if not feature.log or feature.unit == "":
        return float(round(value))
    return float(f"{value:.3g}")
