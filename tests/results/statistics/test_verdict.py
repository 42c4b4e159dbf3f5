"""Verdicts as sentences: what is shown is said, what is not shown is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from results.statistics import (
    HeldOut,
    Optimism,
    Outcome,
    Pair,
    Plan,
    compare,
    held_out_verdict,
    optimism_verdict,
    overall_verdict,
    pair_verdict,
    summarise,
)
from results.statistics.verdict import listed, p_text
from tests.results.statistics.simulated import scores_of, simulate

PAIR = Pair(
    first="segnet",
    second="unet_resnet50",
    label="liver",
    n=9,
    zeros=0,
    mean=0.012,
    ci_low=-0.004,
    ci_high=0.03,
    rank_biserial=0.4,
    p=0.155,
    p_holm=0.31,
    tests=2,
    hopeless=False,
    seeds=(3, 3),
    seed_margin=0.01,
    plan=Plan(24, 0, 3, True),
)
BETTER = replace(PAIR, n=24, mean=0.021, ci_low=0.008, ci_high=0.034, p_holm=0.012, plan=None)


def test_a_pair_that_cannot_be_told_apart() -> None:
    assert PAIR.outcome == "not told apart"
    assert pair_verdict(PAIR) == (
        "segnet and unet_resnet50 cannot be told apart for liver on these 9 patients (p = 0.31 after Holm); about 24 patients or 3 "
        "more seeds would be needed for 80 % power if the observed +0.012 were the truth."
    )


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            Plan(24, 0, 1, True),
            "about 24 patients or 1 more seed would be needed for 80 % power if the observed +0.012",
        ),
        (Plan(24, 2, 5, True), "about 24 patients with 2 more seeds or 5 more seeds would be needed"),
        (Plan(24, 3, 3, True), "; 3 more seeds would be needed"),
        (Plan(None, 0, 4, True), "; 4 more seeds would be needed"),
        (Plan(418, 0, None, True), "about 420 patients would be needed for 80 % power"),
        (Plan(24, 0, None, True), "were the truth (more seeds alone would not do)."),
        (Plan(24), "were the truth (one seed cannot tell whether more seeds would do)."),
        (
            Plan(None),
            "; no number of patients is worth planning for: the observed +0.012 is too small beside the spread.",
        ),
        (Plan(None, seeds_known=True), "; no number of patients or seeds is worth planning for"),
        (None, "cannot be told apart for liver on these 9 patients (p = 0.31 after Holm)."),
    ],
)
def test_what_it_would_take_is_said_as_far_as_it_is_known(plan: Plan | None, words: str) -> None:
    assert words in pair_verdict(replace(PAIR, plan=plan))


def test_a_model_that_is_better_is_named_first_either_way() -> None:
    sentence = "segnet is better than unet_resnet50 for liver on these 24 patients: +0.021 (95 % CI +0.008 to +0.034), "
    sentence += "p = 0.012 after Holm."
    assert pair_verdict(BETTER) == pair_verdict(BETTER.turned) == sentence


def test_tumours_are_counted_in_patients_with_tumour() -> None:
    text = pair_verdict(replace(PAIR, label="tumour"))
    assert "for tumour on these 9 patients with tumour (p = 0.31" in text
    assert "about 24 patients with tumour or 3 more seeds" in text


def test_few_patients_are_underpowered_without_a_p_value() -> None:
    pair = replace(PAIR, n=4, p=math.nan, p_holm=math.nan, tests=20)
    assert pair_verdict(pair) == (
        "segnet and unet_resnet50 are not compared for liver: 4 patients are fewer than 6 (underpowered); below 10 not even the "
        "clearest difference would show among 20 tests."
    )
    assert ": 1 patient is fewer than 6" in pair_verdict(replace(pair, n=1))


def test_a_hopeless_comparison_says_that_it_was() -> None:
    text = pair_verdict(replace(PAIR, n=6, hopeless=True, tests=6))
    assert text.endswith("With 6 patients not even the clearest difference would show among 6 tests.")


def test_a_mean_that_does_not_follow_the_ranks_makes_neither_better() -> None:
    pair = replace(BETTER, ci_low=-0.01)
    assert pair.outcome == "mixed"
    assert pair_verdict(pair) == pair_verdict(pair.turned)
    assert pair_verdict(pair) == (
        "segnet scores higher than unet_resnet50 for liver in most of these 24 patients (p = 0.012 after Holm), but the mean "
        "difference, +0.021 (95 % CI −0.010 to +0.034), does not confirm it: neither is called better."
    )


def test_a_difference_within_the_spread_of_seeds_makes_neither_better() -> None:
    pair = replace(BETTER, seed_margin=0.03, plan=Plan(None, seeds=4, seeds_known=True))
    assert pair_verdict(pair) == pair_verdict(pair.turned)
    assert pair_verdict(pair) == (
        "As trained, segnet scores higher than unet_resnet50 for liver on these 24 patients, +0.021 (95 % CI +0.008 to +0.034), "
        "p = 0.012 after Holm, but chance of training may put them ±0.030 apart: neither is called better; about 4 more seeds "
        "would be needed to tell."
    )
    assert pair_verdict(replace(pair, plan=None)).endswith("neither is called better.")


OUTCOMES: dict[Outcome, Pair] = {
    "underpowered": replace(PAIR, p_holm=math.nan),
    "not told apart": PAIR,
    "within seeds": replace(BETTER, seed_margin=0.03),
    "mixed": replace(BETTER, ci_low=-0.01),
    "first better": BETTER,
    "second better": BETTER.turned,
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_what_is_better_is_called_better(outcome: Outcome) -> None:
    assert OUTCOMES[outcome].outcome == outcome
    assert ("is better than" in pair_verdict(OUTCOMES[outcome])) == (outcome in ("first better", "second better"))


def test_names_are_shown_as_text() -> None:
    text = pair_verdict(replace(PAIR, first="\x1b[31mred", second="a\u202eb"))
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.31, "p = 0.31"),
        (1.0, "p = 1.00"),
        (0.0999, "p = 0.10"),
        (0.012, "p = 0.012"),
        (0.0499, "p = 0.050"),
        (0.0501, "p = 0.0501"),
        (0.0004, "p < 0.001"),
    ],
)
def test_a_p_value_is_not_rounded_across_the_level(p: float, text: str) -> None:
    assert p_text(p) == text


def test_names_are_listed() -> None:
    assert (listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == (
        "",
        "a",
        "a and b",
        "a, b and c",
    )


def test_the_whole_field_is_put_into_words() -> None:
    scores = simulate(np.random.default_rng(0), models=3, patients=40, effects=(0.0, 0.1, 0.101))
    text = " ".join(overall_verdict(compare(scores), "model1"))
    assert text.startswith("model1 ranks first in ")
    assert " of resamples of 40 patients, model2 in " in text
    assert "Liver: it is better than model0; it cannot be told apart from model2." in text
    assert "Tumour: it is better than model0; it cannot be told apart from model2." in text
    assert text.endswith("Each was trained with one seed: what another seed would change is not known.")
    assert "No model is shown to be better" not in text


def test_where_nothing_is_shown_it_says_so() -> None:
    scores = simulate(np.random.default_rng(1), models=3, patients=12, seeds=3)
    sentences = overall_verdict(compare(scores))
    assert "No model is shown to be better than another." in sentences
    assert "Liver: it cannot be told apart from any of the 2 others." in sentences
    assert sentences[-1].startswith("Scores are means over 3 seeds; between seeds they differ by an SD of up to 0.0")


def test_a_model_of_which_nothing_is_left_is_said_to_be_worse() -> None:
    scores = simulate(np.random.default_rng(2), models=2, patients=40, effects=(0.2, 0))
    sentences = overall_verdict(compare(scores), "model1")
    assert "Liver: it is worse than model0." in sentences
    assert sentences[0].startswith("model1 ranks first in 0 % of resamples")


def test_one_model_alone_or_no_common_patient_leaves_nothing_to_say() -> None:
    assert overall_verdict(compare(scores_of("liver", a=[0.5, 0.6]))) == ()
    apart = compare(scores_of("liver", a=[0.5, math.nan], b=[math.nan, 0.5]))
    assert overall_verdict(apart) == ("The models have no patient in common, so nothing can be compared.",)
    some = compare(scores_of("liver", a=[0.5, 0.6, math.nan], b=[math.nan, 0.5, 0.6], c=[0.1, math.nan, 0.2]))
    assert overall_verdict(some)[0] == "Liver: there are too few patients to compare it with any of the 2 others."


OPTIMISM = Optimism(20, 12, "t3", 0.74, 0.712, 0.6, 0.8, 0.61, 2000)


def test_selection_is_put_into_words() -> None:
    assert optimism_verdict(OPTIMISM) == (
        "The best of 20 trials is optimistic, for it was chosen on the patients that scored it. Chosen anew on resampled patients "
        "and scored on those left out, the best has a mean Dice of 0.712 instead of 0.740: selection is worth about 0.028. "
        "The same is chosen in 61 % of the resamples."
    )
    assert optimism_verdict(replace(OPTIMISM, patients=4)).endswith("How much, 4 patients cannot tell.")
    assert "is worth" not in optimism_verdict(replace(OPTIMISM, corrected=0.745))
    assert "in over 99 % of" in optimism_verdict(replace(OPTIMISM, again=0.999))


def test_validation_beside_test_is_put_into_words() -> None:
    found = HeldOut("unet", "liver", summarise([0.9] * 8), summarise([0.8] * 7), 0.1, 0.05, 0.15)
    assert held_out_verdict(found) == (
        "unet, liver: 0.900 on 8 validation patients, 0.800 on 7 test patients; drop +0.100 (95 % CI +0.050 to +0.150)."
    )
    few = replace(found, test=summarise([0.8] * 3))
    assert held_out_verdict(few).endswith("0.800 on 3 test patients (underpowered).")
