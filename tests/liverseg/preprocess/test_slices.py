from __future__ import annotations

import numpy as np
import pytest

from liverseg.config import SLICES
from liverseg.errors import ConfigError
from liverseg.preprocess import slices_to_keep

LABELLED = np.array([False, True, False])
TISSUE = np.array([0.0, 0.5, 0.01], np.float32)


def test_rules() -> None:
    assert slices_to_keep("all", LABELLED, TISSUE).tolist() == [True, True, True]
    assert slices_to_keep("body", LABELLED, TISSUE).tolist() == [False, True, True]
    assert slices_to_keep("liver", LABELLED, TISSUE).tolist() == [False, True, False]


@pytest.mark.parametrize("rule", SLICES)
def test_every_rule_of_the_catalogue_returns_a_new_bool_array(rule: str) -> None:
    keep = slices_to_keep(rule, LABELLED, TISSUE)
    assert keep.dtype == bool and keep is not LABELLED


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"all \| body \| liver"):
        slices_to_keep("tumour", LABELLED, TISSUE)
