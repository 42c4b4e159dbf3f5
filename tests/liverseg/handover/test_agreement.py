"""Two programs on fixed slices: rounding passes, anything else does not."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.handover.agreement import (
    BATCHES,
    MARGIN,
    UNIT_ROUNDOFF,
    agreement,
    fixed_slices,
    logits_of,
    rounding_share,
)
from tests.liverseg.handover.livened import livened

SHAPE = (32, 32, 1)


@pytest.fixture(scope="module")
def network():
    image = keras.Input(SHAPE)
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", bias_initializer="ones")(image))


def changed(network, change):
    return lambda slices: change(logits_of(network, slices))


def test_a_network_agrees_with_itself(network):
    found = agreement(network, lambda slices: logits_of(network, slices))
    assert found.holds and found.difference == 0.0 and found.largest > 1.0 and found.allowed > 0.0
    assert "within" in found.in_words()


def test_the_limit_is_that_of_the_formula(network):
    # One kernel of 3 × 3 × 1 products a sum; the bias is no sum.
    assert rounding_share(network) == pytest.approx(MARGIN * math.sqrt(9) * UNIT_ROUNDOFF)


@settings(max_examples=25)
@given(share=st.floats(0.0, 100.0), sign=st.sampled_from((-1.0, 1.0)))
def test_one_logit_decides(network, share, sign):
    allowed = agreement(network, lambda slices: logits_of(network, slices)).allowed

    def nudge(logits):
        logits = logits.copy()
        logits[-1, 5, 7, 2] += sign * share * allowed
        return logits

    found = agreement(network, changed(network, nudge))
    if not 0.9 < share < 1.1:
        assert found.holds == (share < 1.0)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda logits: logits * np.nan, id="nan"),
        pytest.param(lambda logits: np.where(logits == logits.max(), np.inf, logits), id="infinity"),
        pytest.param(lambda logits: logits[..., :2], id="a channel less"),
        pytest.param(lambda logits: logits[:1], id="frozen at one slice"),
        pytest.param(lambda logits: logits.astype(np.float64), id="another type"),
        pytest.param(lambda logits: logits[:, :, ::-1], id="left and right swapped"),
        pytest.param(lambda logits: logits[:, ::-1], id="top and bottom swapped"),
        pytest.param(lambda logits: logits.transpose(0, 2, 1, 3), id="rows and columns swapped"),
        pytest.param(lambda logits: np.roll(logits, 1, axis=1), id="shifted by a pixel"),
        pytest.param(lambda logits: logits[::-1] if len(logits) > 1 else logits + 1, id="slices in another order"),
        pytest.param(lambda logits: logits * np.float32(1.001), id="a thousandth"),
    ],
)
def test_what_is_no_rounding_is_found(network, change):
    found = agreement(network, changed(network, change))
    assert not found.holds
    assert "beyond" in found.in_words()


def test_a_network_that_gives_nan_agrees_with_nothing(network):
    broken = keras.models.clone_model(network)
    broken.layers[-1].bias.assign([math.nan] * 3)
    assert not agreement(broken, lambda slices: logits_of(broken, slices)).holds


@pytest.mark.parametrize("architecture", ["unet", "encoder_decoder"])
def test_bfloat16_is_no_rounding_in_32_bits(architecture):
    wide, narrow = livened(architecture), livened(architecture, mixed_precision=True)
    found = agreement(wide, lambda slices: logits_of(narrow, slices))
    assert not found.holds and found.share < 0.1


def test_slices_are_fixed_and_no_two_alike():
    for batch in BATCHES:
        slices = fixed_slices(batch, SHAPE)
        assert slices.shape == (batch, *SHAPE) and slices.dtype == np.float32
        assert np.array_equal(slices, fixed_slices(batch, SHAPE))
        assert len({each.tobytes() for each in slices}) == batch
