"""Names from outside are shown in one line of visible characters; columns and metrics have titles."""

from __future__ import annotations

import math
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.columns import MISSING, Column, column
from results.metrics import definitions, is_metric, metric
from results.text import printable
from tests.results.ledger_factory import HOSTILE


@given(st.text(st.characters(codec=None)))
def test_shown_text_is_one_line_without_controls(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert "\u202e" not in shown
    shown.encode("utf-8")


def test_ordinary_text_is_left_alone() -> None:
    for text in ("unet_resnet18", "中文 é", HOSTILE[0]):
        assert printable(text) == text


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (None, 3, MISSING),
        (math.nan, 3, MISSING),
        (pd.NA, 3, MISSING),
        ("", 3, MISSING),
        (0.12345, 3, "0.123"),
        (-0.5, 1, "−0.5"),
        (math.inf, 3, "∞"),
        (0.000123456, None, "0.000123"),
        (12, 3, "12"),
        (True, 3, "yes"),
        ("a\nb", 3, "a b"),
    ],
)
def test_cells(value: object, decimals: int | None, expected: str) -> None:
    assert Column("x", "x", decimals).text(value) == expected


def test_titles() -> None:
    assert metric("dice_tumour_mean").title == "Dice tumour"
    assert metric("slice_dice_smooth1_liver_only_sd").title == "SD slice Dice* liver (label 1)"
    assert metric("voe_liver_mean").direction == "minimize"
    failures = metric("hd95_liver_failures")
    assert (failures.title, failures.direction, failures.decimals) == ("failures HD95 liver (mm)", "minimize", 0)
    assert metric("nsd_tumour_mean").direction == "maximize"
    assert metric("lesion_recall_iou50").decimals == 3
    assert metric("own_score").title == "own_score"
    assert not is_metric("own_score")
    assert column("average_dice_liver_mean").head == "average Dice liver"
    assert column("parameters_m").head == "parameters (M)"
    assert all(text for pair in definitions() for text in pair)
