"""Facts of single networks that the conformance suite cannot know."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from liverseg.models.build import build_model
from tests.contracts.architecture_conformance import logits_of, slices

SMALL = {"base_filters": 4}


def shaken(name: str) -> keras.Model:
    """A small network whose weights, norms included, are far from their start."""
    model = build_model(name, size_px=32, options=SMALL)
    draw = np.random.default_rng(9)
    model.set_weights(
        [np.abs(w) + 0.1 if w.ndim == 1 else w + draw.normal(0, 0.1, w.shape) for w in model.get_weights()]
    )
    return model


@pytest.mark.parametrize("name", ["unet_resnet18", "unet_resnet50"])
def test_the_relu_left_out_after_identity_blocks_would_change_nothing(name: str) -> None:
    model = shaken(name)
    sums = [layer for layer in model.layers if layer.name.endswith("_add") and "block1_" not in layer.name]
    assert len(sums) == {"unet_resnet18": 4, "unet_resnet50": 12}[name]
    for values in keras.Model(model.input, [layer.output for layer in sums])(slices(2)):
        values = keras.ops.convert_to_numpy(values)
        assert values.min() >= 0
        assert values.max() > 0


def test_segnet_may_classify_before_its_last_upsampling() -> None:
    model = shaken("segnet")
    features = model.get_layer("logits").input
    as_the_study = model.get_layer("logits")(keras.layers.UpSampling2D(2)(features))
    expected = logits_of(keras.Model(model.input, as_the_study), slices(2))
    np.testing.assert_allclose(logits_of(model, slices(2)), expected, atol=1e-5)


def test_the_encoder_decoder_has_no_skip_connections() -> None:
    model = build_model("encoder_decoder", size_px=32, options=SMALL)
    assert not [layer for layer in model.layers[1:] if isinstance(layer.input, list)]


@pytest.mark.parametrize(
    ("name", "joins"),
    [
        ("unet", {"up4_join": 4, "up3_join": 8, "up2_join": 16, "up1_join": 32}),
        ("segnet", {"up4_join": 2, "up3_join": 4, "up2_join": 8, "up1_join": 16}),
        ("unet_resnet18", {"up4_join": 2, "up3_join": 4, "up2_join": 8, "up1_join": 16}),
    ],
)
def test_skips_join_at_their_resolution(name: str, joins: dict[str, int]) -> None:
    model = build_model(name, size_px=32, options=SMALL)
    assert {key: model.get_layer(key).output.shape[1] for key in joins} == joins


def test_batch_norm_momentum_reaches_every_norm() -> None:
    model = build_model("segnet", size_px=32, options={**SMALL, "batch_norm_momentum": 0.75})
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {0.75}
