from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import pytest

from liverseg.models import initial
from liverseg.training import network
from liverseg.training.device import pin_threads


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """One CPU thread, as a trial has it; too late to matter when another test already started the backend."""
    pin_threads(1)


def three_layers(
    name: str, *, size_px: int, classes: int, options: Mapping[str, Any], mixed_precision: bool, seed: int
) -> keras.Model:
    """A network with everything that has state (weights, running statistics, a random generator), traced in a blink."""
    width = options.get("base_filters", 4)
    image = keras.Input((size_px, size_px, 1))
    kernels = [keras.initializers.GlorotUniform(seed=seed + k) for k in range(2)]
    x = keras.layers.Conv2D(width, 5, padding="same", kernel_initializer=kernels[0])(image)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.Dropout(0.1, seed=seed)(keras.layers.ReLU()(x))
    return keras.Model(
        image, keras.layers.Conv2D(classes, 3, padding="same", kernel_initializer=kernels[1])(x), name=name
    )


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings build `three_layers` whatever architecture they name."""
    monkeypatch.setattr(network, "build_model", three_layers)
    monkeypatch.setattr(initial, "build_model", three_layers)
    monkeypatch.setattr(initial, "made_of_blocks", lambda name: False)
