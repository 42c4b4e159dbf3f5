"""Selection bias: what the best of many scores owes to having been chosen."""

from __future__ import annotations

import numpy as np
import pytest

from results.statistics import Scores, held_out, selection, selection_optimism
from tests.results.statistics.simulated import scores_of, simulate


def trials(rng: np.random.Generator, effects: np.ndarray, patients: int) -> tuple[Scores, np.ndarray]:
    """Trials on the same patients, and what each would score on all patients there are."""
    base = rng.normal(0.7, 0.1, patients)
    values = base + effects[:, None] + rng.normal(0, 0.05, (len(effects), patients))
    scores = scores_of("liver", **{str(i): row for i, row in enumerate(values)})
    return scores, base.mean() + effects


@pytest.mark.parametrize(("count", "patients"), [(5, 9), (20, 12), (50, 24)])
def test_the_estimate_is_what_selection_is_worth_when_trials_differ_by_chance(count: int, patients: int) -> None:
    estimated, true = [], []
    for seed in range(200):
        scores, truth = trials(np.random.default_rng(seed), np.zeros(count), patients)
        found = selection_optimism(scores, count=300)
        assert found is not None
        estimated.append(found.optimism)
        true.append(found.apparent - truth[int(found.selected)])
    assert np.mean(true) > 0.01
    assert np.mean(estimated) == pytest.approx(np.mean(true), abs=0.002)


def test_a_trial_that_is_clearly_best_owes_little_to_selection() -> None:
    effects = np.zeros(20)
    effects[3] = 0.3
    found = selection_optimism(trials(np.random.default_rng(1), effects, 24)[0])
    assert found is not None
    assert (found.selected, found.again, found.models, found.patients) == ("3", 1.0, 20, 24)
    assert abs(found.optimism) < 0.002
    assert found.low < found.corrected < found.high


def test_the_corrected_score_is_the_mean_over_patients_left_out() -> None:
    """Step by step, with the same resamples."""
    scores = simulate(np.random.default_rng(2), models=4, patients=8, labels=("liver",))
    values = scores.by_patient("liver")
    left_out = []
    for drawn in np.random.default_rng(0).integers(0, 8, (100, 8)):
        best = values[:, drawn].mean(axis=1).argmax()
        rest = np.setdiff1d(np.arange(8), drawn)
        left_out += [values[best, rest].mean()] if rest.size else []
    found = selection_optimism(scores, count=100)
    assert found is not None
    assert found.corrected == pytest.approx(np.mean(left_out))
    assert found.used == len(left_out)


def test_many_trials_are_taken_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = simulate(np.random.default_rng(6), models=5, patients=12)
    whole = selection_optimism(scores, count=200)
    monkeypatch.setattr(selection, "MOST_MEANS", 70)
    assert selection_optimism(scores, count=200) == whole


def test_it_is_selected_on_the_labels_that_are_asked_for() -> None:
    rng = np.random.default_rng(3)
    scores = simulate(rng, models=2, patients=16)
    scores.dice["liver"][0] += 1
    scores.dice["tumour"][1] += 1
    for label, model in (("liver", "model0"), ("tumour", "model1")):
        found = selection_optimism(scores, labels=(label,))
        assert found is not None
        assert found.selected == model
    both = selection_optimism(scores)
    assert both is not None
    assert both.apparent == pytest.approx(
        max(np.mean([np.nanmean(scores.by_patient(label)[i]) for label in scores.labels]) for i in range(2))
    )


def test_resamples_that_leave_out_no_tumour_are_not_used() -> None:
    scores = simulate(np.random.default_rng(4), models=3, patients=4)
    found = selection_optimism(scores, count=400)
    assert found is not None
    assert 0 < found.used < 400
    assert found.underpowered


@pytest.mark.parametrize(
    "values", [{"a": [0.5, 0.6]}, {"a": [0.5], "b": [0.6]}, {"a": [np.nan] * 3, "b": [np.nan] * 3}]
)
def test_one_trial_one_patient_or_no_score_have_no_selection(values: dict[str, list[float]]) -> None:
    assert selection_optimism(scores_of("liver", **values)) is None


def test_validation_stands_beside_test() -> None:
    validation = scores_of("liver", a=[0.8, 0.9, 0.7], b=[0.5, 0.6, 0.7])
    test = scores_of("liver", b=[0.4, 0.5], a=[0.6, 0.8])
    first, second = held_out(validation, test)
    assert (first.model, second.model) == ("a", "b")
    assert (first.validation.n, first.test.n) == (3, 2)
    assert (first.drop, second.drop) == pytest.approx((0.1, 0.15))
    assert first.ci_low < first.drop < first.ci_high


def test_the_drop_of_equally_hard_patients_covers_zero_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(150):
        found = held_out(scores_of("liver", a=rng.normal(0.7, 0.1, 20)), scores_of("liver", a=rng.normal(0.7, 0.1, 20)))
        hits.append(found[0].ci_low <= 0 <= found[0].ci_high)
    assert np.mean(hits) >= 0.9
