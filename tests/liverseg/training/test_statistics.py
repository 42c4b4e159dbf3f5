from __future__ import annotations

import keras
import numpy as np
import pytest

from liverseg.training.statistics import corrected, settled_statistics
from liverseg.training.variables import read


def test_a_constant_is_found_again_after_any_number_of_updates():
    average = np.float32(1.0)
    for updates in range(1, 30):
        average = np.float32(0.99 * average + 0.01 * 7.0)
        assert corrected(np.array([average]), 1.0, 0.99**updates)[0] == pytest.approx(7.0, rel=1e-4)


def network() -> keras.Model:
    image = keras.Input((4, 4, 1))
    layer = keras.layers.BatchNormalization(momentum=0.9, name="norm")
    return keras.Model(image, layer(image))


def test_statistics_are_those_of_the_batches_seen_and_come_back_afterwards():
    model = network()
    layer = model.get_layer("norm")
    images = np.random.default_rng(0).normal(5.0, 2.0, (16, 4, 4, 1)).astype(np.float32)
    for _ in range(3):
        model(images, training=True)
    running = [read(value) for value in (layer.moving_mean, layer.moving_variance)]
    with settled_statistics(model, 3):
        assert read(layer.moving_mean)[0] == pytest.approx(images.mean(), rel=1e-4)
        assert read(layer.moving_variance)[0] == pytest.approx(images.var(), rel=1e-3)
    for before, after in zip(running, (layer.moving_mean, layer.moving_variance), strict=True):
        np.testing.assert_array_equal(before, read(after))


@pytest.mark.parametrize("updates", [0, 1000])
def test_nothing_to_correct_leaves_everything(updates):
    model = network()
    layer = model.get_layer("norm")
    layer.moving_mean.assign([3.0])
    with settled_statistics(model, updates):
        assert read(layer.moving_mean)[0] == 3.0
