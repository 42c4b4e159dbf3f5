"""The fused batch normalisation against the one of Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from liverseg.models.batch_norm import FusedBatchNormalization
from liverseg.models.build import build_model
from liverseg.training.statistics import settled_statistics

CHANNELS = 5
MAPS = [(3, 8, 6, CHANNELS), (1, 4, 4, CHANNELS), (4, 1, 1, CHANNELS), (1, 1, 1, CHANNELS)]

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the kernel is TensorFlow's")


def maps(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Feature maps float32 whose channels differ in mean and spread."""
    values = np.random.default_rng(seed).normal(size=shape)
    return (values * np.linspace(0.5, 3.0, shape[-1]) + np.linspace(-2.0, 4.0, shape[-1])).astype(np.float32)


def layer(kind: type[keras.Layer], **arguments: Any) -> Any:
    """A layer with scales, shifts and running statistics that are not the initial ones."""
    made = kind(momentum=0.9, **arguments)
    made.build((None, None, None, CHANNELS))
    made.set_weights([np.linspace(low, high, CHANNELS) for low, high in ((0.5, 2), (-1, 1), (-1, 3), (0.5, 4))])
    return made


def pair(**arguments: Any) -> tuple[Any, Any]:
    return layer(FusedBatchNormalization, **arguments), layer(keras.layers.BatchNormalization, **arguments)


def numbers(value: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(value, "float32"))


def gradients(made: Any, x: np.ndarray, *, training: bool) -> list[np.ndarray]:
    """Derivatives of a weighted sum of the outputs by input, scale and shift."""
    import tensorflow as tf

    inputs = tf.constant(x)
    weights = tf.constant(maps(x.shape, seed=9))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(tf.cast(made(inputs, training=training), tf.float32) * weights)
    return [numbers(one) for one in tape.gradient(total, [inputs, made.gamma.value, made.beta.value])]


def fused_calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A list that gets one entry each time the kernel is asked for from now on."""
    calls: list[bool] = []
    fused = FusedBatchNormalization._fused

    def counted(self: Any, inputs: Any, *, training: bool, **statistics: Any) -> Any:
        calls.append(training)
        return fused(self, inputs, training=training, **statistics)

    monkeypatch.setattr(FusedBatchNormalization, "_fused", counted)
    return calls


def keras_calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A list that gets one entry each time Keras' own operations are used from now on."""
    calls: list[bool] = []
    own = keras.layers.BatchNormalization.call

    def counted(self: Any, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        calls.append(training)
        return own(self, inputs, training=training, mask=mask)

    monkeypatch.setattr(keras.layers.BatchNormalization, "call", counted)
    return calls


@pytest.mark.parametrize("shape", MAPS)
def test_trains_as_keras_does(shape: tuple[int, ...]) -> None:
    fused, plain = pair()
    for step in range(4):
        x = maps(shape, seed=step)
        np.testing.assert_allclose(fused(x, training=True), plain(x, training=True), rtol=1e-5, atol=1e-5)
    for got, wanted in zip(fused.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    assert np.abs(plain.get_weights()[3] - layer(keras.layers.BatchNormalization).get_weights()[3]).min() > 0.01


@pytest.mark.parametrize("shape", MAPS)
def test_predicts_as_keras_does(shape: tuple[int, ...]) -> None:
    fused, plain = pair()
    before = fused.get_weights()
    np.testing.assert_allclose(fused(maps(shape)), plain(maps(shape)), rtol=1e-5, atol=1e-5)
    assert all(np.array_equal(now, then) for now, then in zip(fused.get_weights(), before, strict=True))


@on_tensorflow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", MAPS)
def test_gradients_are_those_of_keras(shape: tuple[int, ...], training: bool) -> None:
    fused, plain = pair()
    got, wanted = (gradients(made, maps(shape), training=training) for made in (fused, plain))
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max() + 1e-6)


def test_a_single_value_a_channel_is_normalised_to_the_shift() -> None:
    made = layer(FusedBatchNormalization)
    outputs = numbers(made(maps((1, 1, 1, CHANNELS)), training=True))
    np.testing.assert_allclose(outputs.ravel(), numbers(made.beta), atol=1e-6)
    np.testing.assert_allclose(numbers(made.moving_variance), 0.9 * np.linspace(0.5, 4, CHANNELS), rtol=1e-6)


@on_tensorflow
@pytest.mark.parametrize("unbiased", [np.nan, np.inf, 0.0])
def test_a_device_may_return_any_unbiased_variance_of_a_single_value(
    monkeypatch: pytest.MonkeyPatch, unbiased: float
) -> None:
    fused = FusedBatchNormalization._fused

    def on_device(self: Any, inputs: Any, **arguments: Any) -> Any:
        outputs, mean, variance = fused(self, inputs, **arguments)
        return outputs, mean, keras.ops.full_like(variance, unbiased)

    monkeypatch.setattr(FusedBatchNormalization, "_fused", on_device)
    made = layer(FusedBatchNormalization)
    made(maps((1, 1, 1, CHANNELS)), training=True)
    np.testing.assert_allclose(numbers(made.moving_variance), 0.9 * np.linspace(0.5, 4, CHANNELS), rtol=1e-6)


@on_tensorflow
@pytest.mark.parametrize("training", [True, False])
def test_frozen_layers_use_and_keep_the_running_statistics(training: bool) -> None:
    fused, plain = pair(trainable=False)
    x = maps(MAPS[0])
    np.testing.assert_allclose(fused(x, training=training), plain(x, training=training), rtol=1e-5, atol=1e-5)
    assert np.array_equal(fused.get_weights()[2], np.linspace(-1, 3, CHANNELS, dtype=np.float32))


@on_tensorflow
@pytest.mark.parametrize("training", [True, False])
def test_bfloat16_maps_are_normalised_in_32_bits(monkeypatch: pytest.MonkeyPatch, training: bool) -> None:
    calls = fused_calls(monkeypatch)
    mixed, exact = layer(FusedBatchNormalization, dtype="mixed_bfloat16"), layer(keras.layers.BatchNormalization)
    x = keras.ops.cast(maps((4, 16, 16, CHANNELS)), "bfloat16")
    got, wanted = mixed(x, training=training), exact(keras.ops.cast(x, "float32"), training=training)
    assert calls == [training]
    assert keras.backend.standardize_dtype(got.dtype) == "bfloat16"
    rounded = numbers(keras.ops.cast(wanted, "bfloat16"))
    # One step of bfloat16, 2^-7 of a value, where the last bits of 32 decide which way it is rounded.
    np.testing.assert_allclose(numbers(got), rounded, rtol=2**-7, atol=1e-5)
    assert np.mean(numbers(got) == rounded) > 0.99
    for one, other in zip(mixed.get_weights(), exact.get_weights(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@on_tensorflow
def test_uses_the_kernel_on_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    fused, plain = fused_calls(monkeypatch), keras_calls(monkeypatch)
    made = layer(FusedBatchNormalization)
    made(maps(MAPS[0]), training=True)
    made(maps(MAPS[0]), training=False)
    assert (fused, plain) == ([True, False], [])


@pytest.mark.parametrize("training", [True, False])
def test_uses_keras_operations_on_other_backends(monkeypatch: pytest.MonkeyPatch, training: bool) -> None:
    made, reference = pair()
    x = maps(MAPS[0])
    wanted = numbers(reference(x, training=training))
    fused, plain = fused_calls(monkeypatch), keras_calls(monkeypatch)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    got = made.call(keras.ops.convert_to_tensor(x), training=training)
    assert (fused, plain) == ([], [training])
    np.testing.assert_array_equal(numbers(got), wanted)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"axis": 1}, (2, 3, 4, 5)),
        ({"center": False}, (2, 3, 4, 5)),
        ({"scale": False}, (2, 3, 4, 5)),
        ({"dtype": "float64"}, (2, 3, 4, 5)),
        ({"dtype": "bfloat16"}, (2, 3, 4, 5)),
        ({}, (2, 5)),
        ({}, (2, 3, 5)),
    ],
)
def test_uses_keras_operations_for_what_the_kernel_cannot_do(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    calls = fused_calls(monkeypatch)
    x = maps(shape)
    got, wanted = (
        kind(**arguments)(x, training=True) for kind in (FusedBatchNormalization, keras.layers.BatchNormalization)
    )
    assert not calls
    np.testing.assert_array_equal(numbers(got), numbers(wanted))


def test_masked_positions_are_left_out_as_by_keras() -> None:
    mask = np.arange(8) < 5
    x, kept = maps((2, 4, 8, CHANNELS)), np.broadcast_to(mask, (2, 4, 8))
    fused, plain = pair()
    np.testing.assert_array_equal(fused(x, training=True, mask=kept), plain(x, training=True, mask=kept))


def small_network() -> keras.Model:
    options = {"base_filters": 4, "batch_norm_momentum": 0.9}
    model = build_model("encoder_decoder", size_px=32, options=options, seed=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss, jit_compile=False)
    return model


def trained(steps: int) -> tuple[keras.Model, np.ndarray]:
    """A network after some steps of two slices, and its logits."""
    random = np.random.default_rng(1)
    images = random.random((2, 32, 32, 1), np.float32)
    masks = random.integers(0, 3, (2, 32, 32)).astype(np.int32)
    model = small_network()
    for _ in range(steps):
        model.train_on_batch(images, masks)
    return model, model.predict_on_batch(images)


def test_networks_use_it_and_two_trainings_agree_bit_for_bit() -> None:
    (first, logits), (second, again) = trained(3), trained(3)
    norms = [made for made in first.layers if isinstance(made, keras.layers.BatchNormalization)]
    assert norms and all(type(made) is FusedBatchNormalization for made in norms)
    assert np.isfinite(logits).all()
    assert np.array_equal(logits, again)
    weights = zip(first.get_weights(), second.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)


def test_statistics_are_settled_as_those_of_keras() -> None:
    model, _ = trained(1)
    norm = next(made for made in model.layers if isinstance(made, FusedBatchNormalization))
    running = numbers(norm.moving_variance)
    with settled_statistics(model, 1):
        np.testing.assert_allclose(numbers(norm.moving_variance), (running - 0.9) / 0.1, atol=1e-6)
    np.testing.assert_array_equal(numbers(norm.moving_variance), running)
