"""Our numbers beside those that MedPy and DeepMind's surface-distance gave for the same masks (`other_tools/record.py`).

MedPy measures between the same boundary voxels, so mean and maximum are equal; its HD95 pools the directions. DeepMind puts
the boundary between the voxels, weights by area and takes no value between ranks, so the two agree within a voxel only.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from liverseg.metrics import dice, rvd, surface_score
from liverseg.metrics.boundary import boundary_points
from liverseg.metrics.mask_file import cut
from liverseg.metrics.nearest import nearest_mm
from tests.liverseg.metrics.other_tools.shapes import pairs

RECORDED = json.loads((Path(__file__).parent / "other_tools" / "numbers.json").read_text())
PAIRS = pairs()


def ours(name):
    """Scores, and the distances from the reference and back."""
    reference, prediction, spacing = PAIRS[name]
    volumes = [cut(mask.astype(np.uint8), spacing) for mask in (reference, prediction)]
    points = [boundary_points(volume, "liver") for volume in volumes]
    there, back = nearest_mm(*points, spacing), nearest_mm(*reversed(points), spacing)
    return surface_score(*volumes, "liver", tolerance_mm=RECORDED["tolerance_mm"]), there, back


def test_all_shapes_were_recorded():
    assert set(RECORDED["pairs"]) == set(PAIRS)
    assert set(RECORDED["versions"]) == {"numpy", "scipy", "MedPy", "surface-distance"}


@pytest.mark.parametrize("name", PAIRS)
def test_medpy_measures_the_same(name):
    theirs = RECORDED["pairs"][name]["medpy"]
    score, there, back = ours(name)
    assert score.assd == pytest.approx(theirs["assd"], rel=1e-9)
    assert score.mssd == pytest.approx(theirs["hd"], rel=1e-9)
    reference, prediction, _ = PAIRS[name]
    sizes = int(reference.sum()), int(prediction.sum())
    assert dice(*sizes, int((reference & prediction).sum())) == pytest.approx(theirs["dice"], rel=1e-9)
    assert rvd(*sizes) == pytest.approx(theirs["ravd"], rel=1e-9)
    assert there.mean() == pytest.approx(theirs["asd_from_reference"], rel=1e-9)
    assert back.mean() == pytest.approx(theirs["asd_from_prediction"], rel=1e-9)
    # Its HD95 is the percentile of both directions together: reproduced, and between the two directed ones.
    assert np.percentile(np.concatenate([there, back]), 95) == pytest.approx(theirs["hd95"], rel=1e-9)
    assert score.hd95 >= theirs["hd95"] - 1e-9


@pytest.mark.parametrize("name", PAIRS)
def test_deepmind_agrees_within_a_voxel(name):
    theirs = RECORDED["pairs"][name]["deepmind"]
    score, there, back = ours(name)
    voxel = math.hypot(*PAIRS[name][2])
    assert score.mssd == pytest.approx(theirs["hd"], abs=voxel / 2)
    assert score.hd95 == pytest.approx(theirs["hd95"], abs=voxel / 2)
    assert score.nsd == pytest.approx(theirs["nsd"], abs=0.13)
    assert there.mean() == pytest.approx(theirs["asd_from_reference"], abs=voxel / 2)
    assert back.mean() == pytest.approx(theirs["asd_from_prediction"], abs=voxel / 2)


def test_the_definitions_of_hd95_do_differ():
    """That a number is called HD95 does not make it comparable."""
    found = RECORDED["pairs"]["a lobe is missing"]
    three = [found["medpy"]["hd95"], ours("a lobe is missing")[0].hd95, found["deepmind"]["hd95"]]
    assert three == sorted(three) and three[2] - three[0] > 0.8
