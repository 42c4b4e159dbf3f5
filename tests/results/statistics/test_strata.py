"""Classes of patients: their edges, that they hold everyone once, and where an architecture is said to fail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.statistics.casewise import PatientFigures
from results.statistics.strata import SIZES_ML, Strata, size_bounds, size_strata, thickness_strata, weaknesses

NAN = math.nan


def figures(
    tumours: Sequence[float] = (), thicknesses: Sequence[float] = (), dice: Sequence[float] = ()
) -> dict[str, tuple[PatientFigures, ...]]:
    count = max(len(tumours), len(thicknesses))
    rows = []
    for i in range(count):
        volume = tumours[i] if tumours else 1.0
        scores = {"dice_tumour": dice[i]} if dice else {}
        thickness = thicknesses[i] if thicknesses else 1.0
        rows.append(PatientFigures(f"p{i:03d}", volume > 0 or math.isnan(volume), volume, thickness, scores))
    return {"unet": tuple(rows)}


def sizes(strata: Strata) -> list[int]:
    return [len(found.patients) for found in strata.classes]


def test_edges_of_the_sizes() -> None:
    found = size_strata(figures(tumours=[0, 0.01, 4.999, 5, 50, 50.001, NAN]))
    assert [stratum.name for stratum in found.classes] == ["under 5 mL", "5 to 50 mL", "over 50 mL"]
    assert [stratum.patients for stratum in found.classes] == [("p001", "p002"), ("p003", "p004"), ("p005",)]
    assert found.unknown == ("p006",) and not found.own


def test_edges_of_the_thicknesses() -> None:
    found = thickness_strata(figures(thicknesses=[0.7, 2.5, 2.501, 5.0, 5.001, NAN]))
    assert [stratum.name for stratum in found.classes] == ["up to 2.5 mm", "2.5 to 5 mm", "over 5 mm"]
    assert sizes(found) == [2, 2, 1] and found.unknown == ("p005",)


@given(st.lists(st.one_of(st.just(0.0), st.floats(0.001, 2000), st.just(NAN)), max_size=40))
def test_every_patient_with_tumour_is_in_one_class_or_unknown(volumes: list[float]) -> None:
    found = size_strata(figures(tumours=volumes))
    named = [*found.unknown, *(name for stratum in found.classes for name in stratum.patients)]
    assert sorted(named) == [f"p{i:03d}" for i, value in enumerate(volumes) if value != 0]


def test_terciles_only_where_one_class_holds_enough_patients() -> None:
    assert size_bounds(np.linspace(0.1, 3.0, 18)) == (1.1, 2.0)
    assert size_bounds(np.linspace(0.1, 3.0, 17)) == SIZES_ML, "terciles of 17 cannot all have 6"
    assert size_bounds(np.append(np.linspace(0.1, 3.0, 18), 6.0)) == SIZES_ML, "two classes are filled"
    assert size_bounds(np.full(30, 2.0)) == SIZES_ML, "equal values have no terciles"
    assert size_bounds(np.array([])) == SIZES_ML
    own = size_strata(figures(tumours=np.linspace(0.1, 3.0, 18).tolist()))
    assert own.own and sizes(own) == [6, 6, 6] and own.classes[1].name == "1.1 to 2 mL"


def test_a_class_that_differs_is_named_with_its_numbers() -> None:
    dice = [0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.60, 0.62, 0.64, 0.66, 0.68, 0.70]
    found = figures(tumours=[1.0] * 6 + [10.0] * 6, dice=dice)
    (one,) = weaknesses(found, size_strata(found), "dice_tumour")
    assert (one.stratum, one.n, one.others, one.clear) == ("under 5 mL", 6, 6, True)
    assert one.mean == pytest.approx(0.15) and one.other_mean == pytest.approx(0.65)
    assert one.p == pytest.approx(stats.kruskal(dice[:6], dice[6:]).pvalue)


def test_below_six_patients_there_is_nothing_to_say() -> None:
    found = figures(tumours=[1.0] * 5 + [10.0] * 20, dice=[0.0] * 5 + [0.9] * 20)
    assert weaknesses(found, size_strata(found), "dice_tumour") == ()
    without = figures(tumours=[1.0] * 6 + [10.0] * 20, dice=[NAN] + [0.0] * 5 + [0.9] * 20)
    assert weaknesses(without, size_strata(without), "dice_tumour") == (), "a patient without a score is none"


def test_what_is_equal_everywhere_is_no_weakness() -> None:
    found = figures(tumours=[1.0] * 6 + [10.0] * 6, dice=[0.5] * 12)
    (one,) = weaknesses(found, size_strata(found), "dice_tumour")
    assert math.isnan(one.p) and not one.clear


def test_p_is_adjusted_over_architectures() -> None:
    dice = [0.3, 0.4, 0.5, 0.2, 0.35, 0.45, 0.55, 0.6, 0.42, 0.7, 0.65, 0.48]
    one = figures(tumours=[1.0] * 6 + [10.0] * 6, dice=dice)
    both = {"unet": one["unet"], "segnet": one["unet"]}
    (alone,) = weaknesses(one, size_strata(one), "dice_tumour")
    assert alone.clear and alone.p < 0.05
    assert [found.p for found in weaknesses(both, size_strata(both), "dice_tumour")] == [pytest.approx(2 * alone.p)] * 2


def test_no_class_is_blamed_by_chance_more_often_than_allowed() -> None:
    """Under the null five architectures together name a class in at most 5 % of cohorts, within the binomial bounds."""
    rng, named = np.random.default_rng(0), 0
    for _ in range(300):
        rows = {
            f"m{i}": figures(tumours=[1.0] * 8 + [10.0] * 8, dice=rng.beta(4, 2, 16).tolist())["unet"] for i in range(5)
        }
        named += any(one.clear for one in weaknesses(rows, size_strata(rows), "dice_tumour"))
    assert named <= stats.binom(300, 0.05).ppf(0.999)
