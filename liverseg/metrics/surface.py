"""Distances between the boundary of a reference and that of a prediction, in mm with the volume's own spacing.

With `S(T)` and `S(P)` the boundary voxels (see `liverseg.metrics.boundary`), `d(a, S)` the Euclidean distance of a voxel
centre to the nearest centre in `S`, and both directions pooled, that is `D = {d(t, S(P))} + {d(p, S(T))}`:

* `assd` = mean of `D`; `rmsd` = root of the mean of its squares; `mssd` = its maximum, the Hausdorff distance (HD100).
* `hd95` = the larger of the two directed 95th percentiles, each with linear interpolation between ranks. That is the
  definition of Metrics Reloaded and MONAI. MedPy (and with it the evaluation of nnU-Net's first version) takes the
  percentile of `D`, both directions pooled, where a missing lobe is diluted by the other direction. DeepMind's
  `surface-distance` takes the larger direction too, but weights every boundary element by its area and takes no value
  between ranks. On one pair these differ by a millimetre and more, so compare within one tool only.
* `nsd` = share of the pooled boundary voxels with `d <= tolerance` (surface Dice, Nikolov et al. 2018). Voxels are counted;
  DeepMind weights them by area.

Every score is symmetric in its arguments. One side empty: the distances are infinite and count as a failure, `nsd` is 0.
Both empty: NaN, for there is nothing to measure.

Sources: Heimann et al. 2009 (ASSD, RMSD, MSSD), Kavur et al. 2021 (CHAOS), Maier-Hein, Reinke et al. 2024 (Metrics Reloaded).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverseg.metrics.boundary import boundary_points
from liverseg.metrics.nearest import Floats, nearest_mm
from liverseg.metrics.overlap import NAN
from liverseg.preprocess.arrays import NativeReference

TOLERANCE_MM = 2.0
"""The tolerance of `nsd` unless somebody asks for another."""
DISTANCES = ("assd", "rmsd", "mssd", "hd95")
"""Scores in mm, infinite where one side is empty."""
_ROUNDING_MM = 1e-9


@dataclass(frozen=True, slots=True)
class SurfaceScore:
    """One label of one volume.

    Attributes:
        label: a key of `SCORED`.
        assd, rmsd, mssd, hd95: mm; infinite when one side is empty, NaN when both are.
        nsd: from 0 to 1; 0 when one side is empty, NaN when both are.
    """

    label: str
    assd: float
    rmsd: float
    mssd: float
    hd95: float
    nsd: float

    @property
    def failed(self) -> bool:
        """Whether one side is empty and the other is not."""
        return math.isinf(self.mssd)


def surface_score(
    reference: NativeReference, prediction: NativeReference, label: str, tolerance_mm: float = TOLERANCE_MM
) -> SurfaceScore:
    """Surface scores of one label.

    Args:
        reference: the reference, cut to its foreground.
        prediction: the prediction on the same grid, cut likewise.
        label: a key of `SCORED`.
        tolerance_mm: of `nsd`.
    """
    truth, found = boundary_points(reference, label), boundary_points(prediction, label)
    if not len(truth) or not len(found):
        return _degenerate(label, empty=not len(truth) and not len(found))
    spacing_mm = reference.spacing_mm
    return _score(label, nearest_mm(truth, found, spacing_mm), nearest_mm(found, truth, spacing_mm), tolerance_mm)


def _degenerate(label: str, *, empty: bool) -> SurfaceScore:
    distance = NAN if empty else math.inf
    return SurfaceScore(label, distance, distance, distance, distance, NAN if empty else 0.0)


def _score(label: str, there: Floats, back: Floats, tolerance_mm: float) -> SurfaceScore:
    pooled = np.concatenate([there, back])
    within = int(np.count_nonzero(pooled <= tolerance_mm + _ROUNDING_MM))
    return SurfaceScore(
        label=label,
        assd=float(pooled.mean()),
        rmsd=math.sqrt(float(np.square(pooled).mean())),
        mssd=float(pooled.max()),
        hd95=max(float(np.percentile(side, 95)) for side in (there, back)),
        nsd=within / pooled.size,
    )
