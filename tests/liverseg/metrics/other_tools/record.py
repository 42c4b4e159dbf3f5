"""Scores the shapes with MedPy and DeepMind's surface-distance, and prints the numbers as JSON.

Not part of the tests' environment: MedPy brings SimpleITK, 260 MB, along. To record anew, in an empty environment:

    pip install medpy==0.5.2 surface-distance==0.1
    cd tests/liverseg/metrics/other_tools && python record.py > numbers.json
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import surface_distance
from medpy.metric import binary
from shapes import pairs

TOLERANCE_MM = 2.0


def medpy(reference, prediction, spacing):
    """Both arguments of `asd` in turn, because it is directed."""
    return {
        "assd": binary.assd(prediction, reference, spacing),
        "hd": binary.hd(prediction, reference, spacing),
        "hd95": binary.hd95(prediction, reference, spacing),
        "asd_from_prediction": binary.asd(prediction, reference, spacing),
        "asd_from_reference": binary.asd(reference, prediction, spacing),
        "dice": binary.dc(prediction, reference),
        "ravd": binary.ravd(prediction, reference),
    }


def deepmind(reference, prediction, spacing):
    """Its averages are directed; HD95 and surface Dice are not."""
    found = surface_distance.compute_surface_distances(reference, prediction, spacing)
    from_reference, from_prediction = surface_distance.compute_average_surface_distance(found)
    return {
        "asd_from_reference": from_reference,
        "asd_from_prediction": from_prediction,
        "hd": surface_distance.compute_robust_hausdorff(found, 100),
        "hd95": surface_distance.compute_robust_hausdorff(found, 95),
        "nsd": surface_distance.compute_surface_dice_at_tolerance(found, TOLERANCE_MM),
    }


def main() -> None:
    names = ("numpy", "scipy", "MedPy", "surface-distance")
    document = {
        "versions": {name: version(name) for name in names},
        "tolerance_mm": TOLERANCE_MM,
        "pairs": {
            name: {
                tool.__name__: {key: float(value) for key, value in tool(*pair).items()} for tool in (medpy, deepmind)
            }
            for name, pair in pairs().items()
        },
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
