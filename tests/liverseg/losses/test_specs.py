"""Names of losses, building them, and class weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg import config
from liverseg.errors import ConfigError
from liverseg.losses import LOSSES, build_loss, inverse_frequency_weights, loss, losses

COUNTS = st.lists(st.integers(0, 10**12), min_size=2, max_size=4).filter(any)


def test_names_are_those_that_the_spec_file_accepts() -> None:
    assert tuple(spec.name for spec in LOSSES) == config.LOSSES
    assert losses()[: len(LOSSES)] == LOSSES
    assert all(spec.doc and "\n" not in spec.doc for spec in LOSSES)


@pytest.mark.parametrize("name", config.LOSSES)
def test_every_loss_carries_its_name(name: str) -> None:
    assert build_loss(name, classes=2, class_weights=(1.0, 2.0)).name == name


def test_unknown_loss_comes_with_the_closest_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown loss.*weighted_ce.*did you mean `dice_ce`"):
        loss("dicece")


def test_weighted_cross_entropy_cannot_do_without_weights() -> None:
    with pytest.raises(ConfigError, match="inverse_frequency_weights"):
        build_loss("weighted_ce", classes=3)


@pytest.mark.parametrize("weights", [(1, 2), (1, -1, 1), (0, 0, 0), (1, float("nan"), 1), (1, float("inf"), 1)])
def test_unusable_class_weights(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="unusable class weights"):
        build_loss("weighted_ce", classes=3, class_weights=weights)


def test_one_class_cannot_be_learned() -> None:
    with pytest.raises(ConfigError, match="classes"):
        build_loss("ce", classes=1)


def test_weights_are_inverse_to_frequency() -> None:
    background, liver, tumour = inverse_frequency_weights([900, 90, 30])
    assert liver == pytest.approx(10 * background)
    assert tumour == pytest.approx(30 * background)


def test_rare_and_absent_classes_stop_at_the_cap() -> None:
    background, rare, absent = inverse_frequency_weights([10**9, 1, 0], cap=20)
    assert rare == absent == pytest.approx(20 * background)


@given(COUNTS, st.floats(1, 1e4))
def test_the_mean_weight_of_a_pixel_is_one(counts: list[int], cap: float) -> None:
    weights = inverse_frequency_weights(counts, cap=cap)
    assert sum(w * n for w, n in zip(weights, counts, strict=True)) / sum(counts) == pytest.approx(1)
    assert 0 < max(weights) <= min(weights) * cap * (1 + 1e-9)


@pytest.mark.parametrize(
    ("counts", "cap"), [([], 50), ([0, 0], 50), ([5, -1], 50), ([5, 1], 0.5), ([5, 1], float("nan"))]
)
def test_weights_need_pixels(counts: list[int], cap: float) -> None:
    with pytest.raises(ConfigError):
        inverse_frequency_weights(counts, cap=cap)
