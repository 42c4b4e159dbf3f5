"""Losses against plain NumPy in 64 bits, and their behaviour at the edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from liverseg.losses import LOSSES, build_loss

NAMES = [spec.name for spec in LOSSES]
OVERLAP = ["dice", "tversky"]
WEIGHTS = {2: (0.5, 3.0), 3: (0.25, 2.0, 7.0)}


def built(name: str, classes: int = 3) -> Callable[..., tf.Tensor]:
    return build_loss(name, classes=classes, class_weights=WEIGHTS[classes])


def value(name: str, labels: np.ndarray, logits: np.ndarray) -> float:
    return float(built(name, logits.shape[-1])(labels, logits))


def gradient(name: str, labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = built(name, logits.shape[-1])(labels, variable)
    return tape.gradient(loss, variable).numpy()


def sample(classes: int = 3, shape: tuple[int, ...] = (2, 8, 8), scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(classes)
    labels = draw.integers(0, classes, shape).astype(np.uint8)
    return labels, draw.normal(0, scale, (*shape, classes)).astype(np.float32)


def sure_of(labels: np.ndarray, classes: int = 3, size: float = 40.0) -> np.ndarray:
    """Logits that put all probability on `labels`."""
    return (size * np.eye(classes)[labels]).astype(np.float32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def expected(name: str, labels: np.ndarray, logits: np.ndarray) -> float:
    classes = logits.shape[-1]
    log_p = log_softmax(logits)
    ce = -np.take_along_axis(log_p, labels[..., None].astype(int), -1)[..., 0]
    p, g = np.exp(log_p)[..., 1:], np.eye(classes)[labels][..., 1:]
    tp, fp, fn = (term.sum((0, 1, 2)) for term in (p * g, p * (1 - g), (1 - p) * g))
    dice = 1 - np.mean((2 * tp + 1) / (2 * tp + fp + fn + 1))
    values = {
        "ce": ce.mean(),
        "weighted_ce": (np.array(WEIGHTS[classes])[labels] * ce).mean(),
        "dice": dice,
        "dice_ce": dice + ce.mean(),
        "focal": ((1 - np.exp(-ce)) ** 2 * ce).mean(),
        "tversky": 1 - np.mean((tp + 1) / (tp + 0.3 * fp + 0.7 * fn + 1)),
    }
    return float(values[name])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [2, 3])
def test_equals_the_formula(name: str, classes: int) -> None:
    labels, logits = sample(classes)
    assert value(name, labels, logits) == pytest.approx(expected(name, labels, logits), rel=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_is_one_float32_number_for_logits_of_any_precision(name: str) -> None:
    labels, logits = sample()
    loss = built(name)
    for dtype in (tf.bfloat16, tf.float16, tf.float32):
        cast = tf.cast(logits, dtype)
        got = loss(labels, cast)
        assert (got.shape, got.dtype) == ((), tf.float32)
        assert float(got) == pytest.approx(float(loss(labels, tf.cast(cast, tf.float32))), rel=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_may_have_any_integer_type(name: str, dtype: type) -> None:
    labels, logits = sample()
    assert value(name, labels.astype(dtype), logits) == value(name, labels, logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_costs_nothing(name: str) -> None:
    labels, _ = sample()
    assert value(name, labels, sure_of(labels)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_better_prediction_costs_less(name: str) -> None:
    labels, noise = sample()
    costs = [value(name, labels, noise + sure_of(labels, size=size)) for size in (-4.0, -1.0, 0.0, 1.0, 4.0, 12.0)]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4, 1e30])
def test_gradients_are_finite_for_masks_of_one_label_and_extreme_logits(name: str, label: int, scale: float) -> None:
    _, noise = sample(scale=1.0)
    labels = np.full(noise.shape[:-1], label, np.uint8)
    logits = noise * np.float32(scale)
    assert np.isfinite(value(name, labels, logits))
    assert np.isfinite(gradient(name, labels, logits)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_gradients_reach_16_bit_logits(name: str, dtype: tf.DType) -> None:
    labels, logits = sample()
    got = gradient(name, labels, tf.cast(logits, dtype)).astype(np.float32)
    np.testing.assert_allclose(got, gradient(name, labels, logits), atol=2e-2 * np.abs(got).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_points_to_the_right_class(name: str) -> None:
    labels = np.zeros((1, 4, 4), np.uint8)
    labels[0, 1:3, 1:3] = 2
    slope = gradient(name, labels, np.zeros((1, 4, 4, 3), np.float32))
    assert (slope[0, 1:3, 1:3, 2] < 0).all()
    assert (slope[0, 0, :, 2] > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_nan_logits_are_not_hidden(name: str) -> None:
    labels, logits = sample()
    logits[0, 0, 0, 0] = np.nan
    assert np.isnan(value(name, labels, logits))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_slices_does_not_matter(name: str) -> None:
    labels, logits = sample()
    assert value(name, labels[::-1], logits[::-1]) == pytest.approx(value(name, labels, logits), rel=1e-6)


@pytest.mark.parametrize("name", ["ce", "weighted_ce", "focal"])
def test_pixel_losses_are_means_over_the_batch(name: str) -> None:
    labels, logits = sample(shape=(4, 8, 8))
    halves = [value(name, labels[part], logits[part]) for part in (slice(0, 2), slice(2, 4))]
    assert value(name, labels, logits) == pytest.approx(np.mean(halves), rel=1e-6)


@pytest.mark.parametrize("name", OVERLAP)
def test_overlap_losses_pool_the_batch(name: str) -> None:
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[0] = 1
    logits = sure_of(labels, classes=2)
    logits[1, 0, :4] = (0, 40)
    pooled = value(name, labels, logits)
    assert pooled == pytest.approx(expected(name, labels, logits), rel=1e-6)
    assert pooled < 0.05 < value(name, labels[1:], logits[1:])


@pytest.mark.parametrize(("name", "false_weight"), [("dice", 1.0), ("tversky", 0.3)])
def test_a_class_that_is_absent_costs_its_false_positives(name: str, false_weight: float) -> None:
    labels = np.zeros((1, 8, 8), np.uint8)
    silent, loud = sure_of(labels, classes=2), sure_of(labels, classes=2)
    loud[0, :2, :5] = (0, 40)
    assert value(name, labels, silent) == pytest.approx(0, abs=1e-6)
    assert value(name, labels, loud) == pytest.approx(1 - 1 / (10 * false_weight + 1), rel=1e-5)


def test_tversky_minds_missed_pixels_more_than_false_ones() -> None:
    labels = np.zeros((1, 8, 8), np.uint8)
    labels[0, :4] = 1
    missing, added = labels.copy(), labels.copy()
    missing[0, 3] = 0
    added[0, 4] = 1
    assert value("tversky", labels, sure_of(missing, 2)) > value("tversky", labels, sure_of(added, 2))


def test_focal_discounts_what_is_already_right() -> None:
    labels, noise = sample()
    right, wrong = noise + sure_of(labels, size=9.0), noise - sure_of(labels, size=9.0)
    assert value("focal", labels, right) < 0.2 * value("ce", labels, right)
    assert value("focal", labels, wrong) > 0.9 * value("ce", labels, wrong)


def test_equal_class_weights_give_plain_cross_entropy() -> None:
    labels, logits = sample()
    weighted = build_loss("weighted_ce", classes=3, class_weights=(1, 1, 1))
    assert float(weighted(labels, logits)) == pytest.approx(value("ce", labels, logits), rel=1e-7)


def test_losses_can_be_made_again_from_their_config() -> None:
    labels, logits = sample()
    for name in NAMES:
        loss = built(name)
        assert float(type(loss).from_config(loss.get_config())(labels, logits)) == float(loss(labels, logits))
