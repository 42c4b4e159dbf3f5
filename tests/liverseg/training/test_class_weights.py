from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.losses import inverse_frequency_weights
from liverseg.training.class_weights import class_pixels, class_weights, needs_class_weights
from tests.liverseg.training.packs import blob_pack, tiny_config

MASKS = np.array([[[0, 0, 0, 1]], [[1, 2, 2, 2]], [[2, 0, 0, 0]]], np.uint8)


def test_losses_that_need_class_weights_say_so():
    assert needs_class_weights(tiny_config(parameters={"loss": "weighted_ce"}))
    assert not needs_class_weights(tiny_config())


@pytest.mark.parametrize(("classes", "expected"), [(3, [6, 2, 4]), (2, [6, 6])])
def test_class_pixels_count_higher_labels_as_the_last(classes, expected):
    assert class_pixels(MASKS, classes) == expected


def test_weights_come_of_the_training_masks_and_only_where_the_loss_needs_them():
    pack = replace(blob_pack(), mask=MASKS)
    assert class_weights(tiny_config(), pack) is None
    assert class_weights(tiny_config(parameters={"loss": "weighted_ce"}), pack) == inverse_frequency_weights([6, 2, 4])
