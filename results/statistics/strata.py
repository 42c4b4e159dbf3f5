"""Patients by size of their tumours and by slice thickness, and whether an architecture fails in one of these classes.

Sizes are the tumour in the reference, all tumours of a scan together: under 5 mL (one sphere of 21 mm, about the 2 cm under
which a liver tumour counts as very early), 5 to 50 mL, and over 50 mL (one sphere of 46 mm, about the 5 cm of the Milan
criteria). They are the same in every report, so that reports can be compared. Only where all patients fall into one class,
which would say nothing, and there are enough of them, the terciles of these patients take their place.

Slices up to 2.5 mm are thin, as in protocols for the liver; up to 5 mm they are what clinics keep; above, small tumours are in one
slice or two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from results.statistics.casewise import Figures, PatientFigures
from results.statistics.planning import ALPHA
from results.statistics.resampling import Floats
from results.statistics.signed_rank import holm
from results.statistics.summary import FEWEST

SIZES_ML = (5.0, 50.0)
THICKNESSES_MM = (2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Stratum:
    """A class of patients.

    Attributes:
        name: for people, such as `5 to 50 mL`.
        patients: pseudonyms, sorted.
    """

    name: str
    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strata:
    """Classes by one property, smallest values first. Together they hold every patient whose value is known.

    Attributes:
        classes: also empty ones.
        unknown: patients whose value the ledger does not tell.
        own: whether the bounds are terciles of these patients.
    """

    classes: tuple[Stratum, ...]
    unknown: tuple[str, ...] = ()
    own: bool = False

    @property
    def filled(self) -> tuple[Stratum, ...]:
        """The classes that have patients."""
        return tuple(found for found in self.classes if found.patients)


def size_strata(figures: Figures) -> Strata:
    """Patients with tumour by its volume: under 5, from 5 to 50, over 50 mL. A bound belongs to the middle class."""
    volumes = {one.patient: one.tumour_ml for one in _patients(figures) if one.has_tumour}
    known = np.array([value for value in volumes.values() if not math.isnan(value)])
    bounds = size_bounds(known)
    strata = _classes(volumes, bounds, "mL", low_closed=False)
    return replace(strata, own=bounds != SIZES_ML)


def size_bounds(volumes_ml: Floats) -> tuple[float, float]:
    """The bounds of the sizes: see above. Terciles are rounded to two digits, and taken only if `FEWEST` patients are in each."""
    low, high = SIZES_ML
    filled = [(volumes_ml < low).any(), ((volumes_ml >= low) & (volumes_ml <= high)).any(), (volumes_ml > high).any()]
    if sum(filled) > 1 or volumes_ml.size < 3 * FEWEST:
        return SIZES_ML
    first, second = (float(f"{value:.2g}") for value in np.quantile(volumes_ml, [1 / 3, 2 / 3]))
    sizes = [(volumes_ml < first).sum(), (volumes_ml > second).sum()]
    sizes.append(volumes_ml.size - sum(sizes))
    return (first, second) if min(sizes) >= FEWEST else SIZES_ML


def thickness_strata(figures: Figures) -> Strata:
    """Patients by distance between slices: up to 2.5, over 2.5 up to 5, over 5 mm."""
    return _classes(
        {one.patient: one.thickness_mm for one in _patients(figures)}, THICKNESSES_MM, "mm", low_closed=True
    )


def _patients(figures: Figures) -> list[PatientFigures]:
    """One entry a patient: that of the first architecture that tells most."""
    found: dict[str, PatientFigures] = {}
    for several in figures.values():
        for one in several:
            known = found.setdefault(one.patient, one)
            found[one.patient] = replace(
                known,
                tumour_ml=one.tumour_ml if math.isnan(known.tumour_ml) else known.tumour_ml,
                thickness_mm=one.thickness_mm if math.isnan(known.thickness_mm) else known.thickness_mm,
            )
    return [found[name] for name in sorted(found)]


def _classes(values: Mapping[str, float], bounds: tuple[float, float], unit: str, *, low_closed: bool) -> Strata:
    low, high = bounds
    start = "up to" if low_closed else "under"
    names = (f"{start} {low:g} {unit}", f"{low:g} to {high:g} {unit}", f"over {high:g} {unit}")
    members: tuple[list[str], ...] = ([], [], [])
    for name, value in values.items():
        if not math.isnan(value):
            members[0 if value < low or (low_closed and value == low) else 1 if value <= high else 2].append(name)
    unknown = tuple(name for name, value in values.items() if math.isnan(value))
    return Strata(tuple(Stratum(*pair) for pair in zip(names, map(tuple, members), strict=True)), unknown)


@dataclass(frozen=True, slots=True)
class Weakness:
    """Where one architecture does worst by one score, among the classes with at least `FEWEST` patients.

    Attributes:
        architecture: its name.
        stratum: the class with the lowest mean.
        n, mean: patients there, and their mean.
        others, other_mean: patients in the other classes, and theirs.
        p: of a Kruskal–Wallis test that the classes do not differ, after Holm over architectures; NaN when all are equal.
        clear: whether the classes differ (p ≤ 0.05) and the same one has the lowest median.
    """

    architecture: str
    stratum: str
    n: int
    mean: float
    others: int
    other_mean: float
    p: float
    clear: bool


def weaknesses(figures: Figures, strata: Strata, score: str) -> tuple[Weakness, ...]:
    """One for each architecture that two classes with `FEWEST` scored patients can tell something of; more is better."""
    found = [made for name, several in figures.items() if (made := _weakness(name, several, strata, score)) is not None]
    adjusted = holm([one.p for one in found]) if found else ()
    return tuple(
        replace(one, p=float(p), clear=one.clear and p <= ALPHA) for one, p in zip(found, adjusted, strict=True)
    )


def scored_in(several: Sequence[PatientFigures], stratum: Stratum, score: str) -> Floats:
    """A score of the patients in a class that have it: float `(patients,)`."""
    inside = set(stratum.patients)
    values = np.array([one.score(score) for one in several if one.patient in inside], np.float64)
    known: Floats = values[~np.isnan(values)]
    return known


def _weakness(name: str, several: Sequence[PatientFigures], strata: Strata, score: str) -> Weakness | None:
    groups = {found.name: scored_in(several, found, score) for found in strata.classes}
    groups = {key: values for key, values in groups.items() if values.size >= FEWEST}
    if len(groups) < 2:
        return None
    worst = min(groups, key=lambda key: float(groups[key].mean()))
    lowest = min(float(np.median(values)) for values in groups.values())
    others = np.concatenate([values for key, values in groups.items() if key != worst])
    everything = np.concatenate(list(groups.values()))
    # The test is not defined when all values are equal.
    p = float(stats.kruskal(*groups.values()).pvalue) if np.ptp(everything) > 0 else math.nan
    clear = float(np.median(groups[worst])) == lowest
    mean, other_mean = float(groups[worst].mean()), float(others.mean())
    return Weakness(name, worst, groups[worst].size, mean, others.size, other_mean, p, clear)
