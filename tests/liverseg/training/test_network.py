from __future__ import annotations

import numpy as np
import pytest

from liverseg.errors import ConfigError
from liverseg.training.network import CompiledNetwork, compile_network
from liverseg.training.optimizer import build_optimizer
from liverseg.training.variables import read
from tests.liverseg.training.packs import tiny_config

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((4, 32, 32, 1), np.float32)
MASKS = GENERATOR.integers(0, 3, (4, 32, 32)).astype(np.int32)


@pytest.fixture(autouse=True)
def quickly_traced(request: pytest.FixtureRequest) -> None:
    """All tests but those of real architectures train three layers."""
    if "architecture" not in request.fixturenames:
        request.getfixturevalue("small_network")


def trained(network: CompiledNetwork, rates: list[float]) -> list[float]:
    return [network.train(IMAGES, MASKS, rate) for rate in rates]


def test_the_learning_rate_of_each_update_is_the_one_given():
    network = compile_network(tiny_config(parameters={"optimizer": "sgd"}))
    weights = network.model.trainable_variables
    before = [read(weight) for weight in weights]
    trained(network, [0.0])
    for old, new in zip(before, weights, strict=True):
        np.testing.assert_array_equal(old, read(new))
    trained(network, [0.1])
    assert not any(np.array_equal(old, read(new)) for old, new in zip(before, weights, strict=True))


def test_weights_are_copies():
    network = compile_network(tiny_config())
    before = network.weights()
    kept = [value.copy() for value in before]
    trained(network, [0.1, 0.1])
    for value, copy in zip(before, kept, strict=True):
        np.testing.assert_array_equal(value, copy)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_another_network_goes_on_from_the_state_bit_for_bit(optimizer):
    config = tiny_config(parameters={"optimizer": optimizer, "weight_decay": 0.01})
    first, second = compile_network(config), compile_network(config)
    trained(first, [0.01, 0.02])
    second.restore(first.state())
    assert trained(first, [0.03, 0.01]) == trained(second, [0.03, 0.01])
    np.testing.assert_array_equal(first.predict(IMAGES), second.predict(IMAGES))


def test_a_state_of_another_shape_is_refused_and_changes_nothing():
    network = compile_network(tiny_config())
    other = compile_network(tiny_config(options={"base_filters": 8}))
    before = network.weights()
    with pytest.raises(ValueError, match="shapes"):
        network.restore(other.state())
    for old, new in zip(before, network.weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("architecture", ["unet"])
def test_mixed_precision_gives_float32_logits(architecture):
    network = compile_network(tiny_config(parameters={"mixed_precision": True}, architecture=architecture))
    assert np.isfinite(trained(network, [0.01])).all()
    logits = network.predict(IMAGES)
    assert logits.dtype == np.float32 and logits.shape == (4, 32, 32, 3)


def test_a_loss_that_needs_class_weights_is_compiled_with_them():
    compile_network(tiny_config(parameters={"loss": "weighted_ce"}), (0.5, 1.0, 4.0))


def test_an_unknown_optimizer_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"adam \| adamw \| sgd"):
        build_optimizer("lion", learning_rate=0.1)
