from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from liverseg.errors import ConfigError
from liverseg.phantom.config import PhantomConfig


def test_defaults_are_valid_and_frozen() -> None:
    config = PhantomConfig()
    assert (config.cases, config.seed) == (12, 7)
    with pytest.raises(FrozenInstanceError):
        config.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cases", 0),
        ("cases", True),
        ("seed", -1),
        ("seed", 1.5),
        ("matrix_px", (60, 64)),
        ("matrix_px", (128, 64)),
        ("slices", (4, 8)),
        ("slices", (10.0, 12.0)),
        ("field_of_view_mm", (300.0, float("nan"))),
        ("extent_mm", (10.0, 20.0)),
        ("thickness_mm", ()),
        ("thickness_mm", (5.0, 0.0)),
        ("orientations", ("RAR",)),
        ("orientations", ("RA",)),
        ("orientations", ()),
        ("tumour_free_every", 1),
        ("unenhanced_every", 0),
        ("noise_hu", (30.0, 20.0)),
        ("contrast_to_noise", (0.0, 2.0)),
        ("deformation_mm", 9.0),
    ],
)
def test_impossible_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        PhantomConfig(**{name: value})
    assert caught.value.where == name
    assert caught.value.allowed
