from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.handover import components
from liverseg.handover.postprocess import NONE, PostProcess
from liverseg.handover.tally import tally
from liverseg.metrics.case import score_counts
from liverseg.metrics.evaluate import confusion_of
from liverseg.metrics.lesion import lesion_score
from liverseg.metrics.mask_file import cut

SPACING_MM = (10.0, 10.0, 10.0)

volumes = hnp.arrays(np.uint8, (4, 5, 6), elements=st.sampled_from([0, 0, 0, 0, 1, 2]))
options = st.builds(PostProcess, st.booleans(), st.booleans(), st.sampled_from([0.0, 1.5, 2.0, 4.0]))


def volume_of(labels):
    return cut(np.asarray(labels, np.uint8), SPACING_MM)


def scored(reference, prediction):
    counts = confusion_of(reference, prediction)
    return score_counts("case-1", "patient-1", reference, counts, ("liver", "tumour"))


@settings(max_examples=200)
@given(volumes, volumes, options, st.sampled_from([1, 25, 60, 1 << 22]))
def test_its_dice_is_that_of_the_processed_volume(truth, predicted, chosen, at_once):
    reference, prediction = volume_of(truth), volume_of(predicted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_VOXELS_AT_ONCE", at_once)
        patch.setattr(components, "_KEPT_VOXELS", at_once)
        found = tally(reference, prediction)
        expected = scored(reference, chosen.apply(prediction))
    for label in ("liver", "tumour"):
        score = expected.label(label)
        assert found.counts(label, chosen) == (score.prediction, score.intersection)
        assert found.dice(label, chosen) == score.dice or math.isnan(score.dice)
    assert found.has_tumour == expected.has_tumour
    lesions = lesion_score(reference, chosen.apply(prediction)).prediction
    assert found.tumours(chosen) == (lesions.touched, lesions.count - lesions.touched)


def test_boxes_far_apart_and_empty_ones():
    truth, predicted = np.zeros((2, 9, 9, 9))
    truth[0, 0, 0], predicted[8, 8, 8] = 1, 2
    assert tally(volume_of(truth), volume_of(predicted)).dice("liver", NONE) == 0
    assert tally(volume_of(truth), volume_of(0 * predicted)).dice("liver", NONE) == 0
    assert math.isnan(tally(volume_of(0 * truth), volume_of(0 * predicted)).dice("tumour", NONE))


def test_another_grid_is_refused():
    with pytest.raises(ValueError, match="has shape"):
        tally(volume_of(np.ones((2, 2, 2))), volume_of(np.ones((2, 2, 3))))
