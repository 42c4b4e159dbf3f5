from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.inference.predict import score_pack
from liverseg.inference.volumes import predicted_volumes
from liverseg.metrics import score_case
from liverseg.metrics.evaluate import confusion_of
from liverseg.preprocess.window import window_for
from tests.liverseg.inference.test_predict import LABELS, Oracle
from tests.liverseg.training.packs import blob_pack


@pytest.mark.parametrize("batch_size", [1, 4, 7, 20])
def test_volumes_hold_the_labels_that_are_counted(batch_size):
    pack = blob_pack(3, 5, seed=4)
    window = window_for("study", pack.foreground_hu)
    expected = score_pack(Oracle(pack), pack, window, LABELS, 4).cases
    found = [
        score_case(span, confusion_of(span.reference, volume), LABELS)
        for span, volume in predicted_volumes(Oracle(pack), pack, window, batch_size)
    ]
    assert tuple(found) == expected


def test_nothing_predicted_is_an_empty_box():
    pack = blob_pack(1, 4)
    window = window_for("study", pack.foreground_hu)
    background = predicted_volumes(lambda images: np.zeros((*images.shape[:3], 3), np.float32), pack, window, 4)
    ((span, volume),) = background
    assert volume.labels.size == 0 and volume.shape == span.reference.shape
    assert volume.spacing_mm == span.reference.spacing_mm


def test_a_training_pack_is_refused():
    pack = blob_pack()
    short = replace(pack, cases=(replace(pack.cases[0], stop=5), pack.cases[1]))
    with pytest.raises(ValueError, match="5 of 6 slices"):
        next(predicted_volumes(Oracle(pack), short, window_for("study", pack.foreground_hu), 4))
