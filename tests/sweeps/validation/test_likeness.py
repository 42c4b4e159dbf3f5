"""How much labelled scans are like those of a model's training: counted by patient, and said in a sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sweeps.validation.likeness import Likeness
from sweeps.validation.seen import Refusal, SeenScore
from tests.sweeps.validation.validation_models import warning

SPACING, AIR = "voxel spacing in plane", "share of air"


def one(patient: int, *features: str, rule: str | None = None) -> SeenScore:
    score: Any = SimpleNamespace(name=f"case-{patient}", score=SimpleNamespace(case=SimpleNamespace(patient=patient)))
    return SeenScore(score, tuple(map(warning, features)), Refusal(rule, "so") if rule else None)


def test_patients_are_counted_once_and_features_from_the_commonest_on() -> None:
    found = Likeness.of([one(1, AIR, SPACING), one(1, SPACING), one(2, SPACING), one(3), one(4)])
    assert (found.patients, found.unlike, dict(found.features)) == (4, 2, {SPACING: 2, AIR: 1})
    assert list(found.features) == [SPACING, AIR] and found.new_kind
    assert found.unlike_sentence("new") == (
        "2 of 4 patients are unlike the training scans of new: voxel spacing in plane (2), share of air (1): "
        "read the scores as those of a new kind of data."
    )


@pytest.mark.parametrize(("unlike", "patients", "new"), [(1, 4, False), (1, 3, True), (2, 4, True), (0, 4, False)])
def test_few_may_be_chance_and_many_are_a_new_kind_of_data(unlike: int, patients: int, new: bool) -> None:
    found = Likeness.of([one(index, *[AIR] * (index < unlike)) for index in range(patients)])
    said = found.unlike_sentence("new") or ""
    assert found.new_kind is new and ("a new kind of data" in said) is new
    assert bool(said) is bool(unlike) and ("by themselves" in said) is (unlike > 0 and not new)


def test_an_odd_volume_of_what_was_found_says_nothing_of_the_scan() -> None:
    found = Likeness.of([one(1, "liver volume"), one(2)])
    assert found.unlike == 0 and found.unlike_sentence("new") is None and found.features == {}


def test_refused_cases_are_counted_by_rule_with_the_mean_of_the_others() -> None:
    found = Likeness.of([one(1), one(2, rule="P1"), one(3, rule="F1"), one(4, rule="F1")])
    assert found.refused == {"F1": ("case-3", "case-4"), "P1": ("case-2",)} and len(found.refused_cases) == 3
    assert found.refused_sentence("new", 4, {"liver": 0.91234, "tumour": None}) == (
        "3 of 4 cases were refused by new, as predict refuses them (rule F1: 2, P1: 1), and count as cases in which nothing "
        "was found: Dice 0; without them the mean Dice is 0.912 for liver."
    )
    assert Likeness.of([one(1)]).refused_sentence("new", 1, {}) is None


def test_a_name_cannot_steer_the_terminal() -> None:
    found = Likeness.of([one(1, AIR, rule="P1")])
    name = "a\x1b[2J"
    assert "\x1b" not in f"{found.unlike_sentence(name)}{found.refused_sentence(name, 1, {})}"
