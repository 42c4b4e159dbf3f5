from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from liverseg.handover.card import (
    DataFacts,
    FreeFacts,
    NetworkFacts,
    PatientScores,
    ScoreFacts,
    card_markdown,
    model_card,
)
from liverseg.handover.description import NOTICE, read_description
from liverseg.handover.postprocess import NONE
from tests.liverseg.handover.card.samples import CHOICE, described, facts, member, network, opened


def section(card: dict[str, Any], key: str) -> str:
    """All text of a section."""
    (found,) = (item for item in card["sections"] if item["key"] == key)
    cells = [cell for table in found["tables"] for row in (table["heads"], *table["rows"]) for cell in row]
    return "\n".join([*found["text"], *found["points"], *cells, *found["notes"]])


def rows(card: dict[str, Any], key: str, table: int = 0) -> list[list[str]]:
    (found,) = (item for item in card["sections"] if item["key"] == key)
    return [list(row) for row in found["tables"][table]["rows"]]


def test_the_card_is_json_and_says_the_same_as_text() -> None:
    card = model_card(described(), facts())
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    text = card_markdown(card)
    assert text.startswith("# Model card: liver-v1\n\n*Research software, not for clinical use.*\n")
    assert text.count(NOTICE) == 2 and card["notice"] == NOTICE
    for item in card["sections"]:
        assert f"\n## {item['title']}\n" in text
    assert [item["key"] for item in card["sections"]][:4] == ["use", "limits", "validation", "test"]


def test_the_summary_is_enough_for_those_who_read_nothing_else() -> None:
    does, made, good = model_card(described(), facts())["summary"]
    assert "1 is liver, 2 is tumour" in does
    assert "trained on 20 patients" in made and "among 9 trained networks of 2 architectures" in made
    assert (
        "0.951 for liver (8 patients, 95 % interval 0.940 to 0.960)" in good and "0.612 for tumour (7 patients" in good
    )
    assert "helped to choose it" in good and "expect less than this on new patients" in good


def test_scores_on_test_patients_stand_beside_those_on_validation() -> None:
    card = model_card(described(), opened())
    good = card["summary"][2]
    assert "who were kept apart, that of its best network, as trained, is 0.910 for liver (6 patients" in good
    assert "expect less" not in good
    alone = model_card(described(postprocess=NONE), opened())
    assert "who were kept apart, it is 0.910 for liver" in alone["summary"][2]
    assert "opened once, on 2026-11-23" in section(card, "test")
    assert "without post-processing" in section(card, "test")
    assert rows(card, "test")[1][:4] == ["trial t0000-aa", "tumour", "4 (too few)", "0.400"]
    assert not any("played no part" in point for point in card["sections"][1]["points"])


def test_locked_test_patients_are_a_limit() -> None:
    card = model_card(described(), facts())
    assert "The 6 test patients are locked." in section(card, "test") and "too good" in section(card, "limits")


def test_an_opening_in_which_the_model_was_not_scored_says_nothing_of_it() -> None:
    card = model_card(described(), opened(networks=(network(),)))
    assert "No network of this model was scored then" in section(card, "test")
    assert "expect less" in card["summary"][2]


def test_notes_of_openings_and_several_openings_are_told_apart() -> None:
    first = opened()
    again = replace(first.openings[0], number=2, note="the weights were mended")
    tests = (*first.networks[0].tests, replace(first.networks[0].tests[0], opening=2))
    card = model_card(described(), replace(first, openings=(*first.openings, again), networks=(network(tests=tests),)))
    assert "Note of opening 2: the weights were mended" in section(card, "test")
    assert "Only the first opening" in section(card, "test") and "Only the first" not in section(
        model_card(described(), first), "test"
    )
    late = model_card(described(), replace(first, networks=(network(tests=tests[1:]),)))
    assert "had been opened before" in late["summary"][2] and "had been opened" not in card["summary"][2]
    assert [row[0] for row in rows(card, "test")] == [f"trial t0000-aa, opening {n}" for n in (1, 1, 2, 2)]


def test_validation_shows_the_model_and_its_networks_and_that_both_are_optimistic() -> None:
    card = model_card(described(), facts())
    text = section(card, "validation")
    assert "These scores are optimistic" in text and "The best of 9 trials is optimistic." in text
    found = rows(card, "validation")
    assert found[0] == ["the model as handed over", "liver", "8", "0.951", "0.940 to 0.960", "0.960", "0 patients", "—"]
    assert found[2][-1] == "7.5 mm" and found[3][-2:] == ["2 patients", "—"]
    assert rows(card, "validation", 1) == [
        ["the model as handed over", "1", "1", "—"],
        ["trial t0000-aa", "1", "0", "4.2 mL"],
    ]


def test_without_intervals_the_means_of_the_choice_are_shown() -> None:
    choice = {key: value for key, value in CHOICE.items() if key != "scores"}
    card = model_card(described(choice=choice), facts())
    assert rows(card, "validation")[1][:5] == ["the model as handed over", "tumour", "7", "0.612", "—"]


def test_weaknesses_are_said_among_the_limits() -> None:
    text = section(model_card(described(), facts()), "limits")
    assert "In 2 of 7 validation patients with tumour it found nothing of it." in text
    assert "called something tumour" not in text, "post-processing mended that"
    assert "96 × 96 pixels" in text and "underpowered" not in text


def test_without_scores_of_the_model_the_limits_are_those_of_its_best_network() -> None:
    text = section(model_card(described(choice={}), facts()), "limits")
    assert "In 1 of 1 validation patient without tumour it called something tumour." in text
    assert "In 2 of 7 validation patients with tumour it found nothing of it." in text


def test_few_patients_are_too_few() -> None:
    few = {**CHOICE["scores"], "tumour": {**CHOICE["scores"]["tumour"], "patients": 3}}
    text = section(model_card(described(choice={**CHOICE, "scores": few}), facts()), "limits")
    assert "Its Dice for tumour comes from 3 validation patients, and with fewer than 6" in text
    assert "Its Dice for liver" not in text


def test_the_licence_is_given_or_said_to_be_missing() -> None:
    assert "not stated" in section(model_card(described(), facts()), "data")
    assert model_card(described(), facts())["facts"]["license"] is None
    card = model_card(described(), facts(data={"license": " CC BY 4.0 "}))
    assert ["licence of the scans", "CC BY 4.0"] in rows(card, "data") and "not stated" not in section(card, "data")
    assert card["facts"]["license"] == "CC BY 4.0"
    assert model_card(described(), facts(data={"license": "  "}))["facts"]["license"] is None


def test_a_model_that_knows_no_tumours_says_nothing_of_them() -> None:
    card = model_card(described(labels=("liver",)), facts())
    assert "does not mark tumours" in card["summary"][0]
    assert "kinds of tumours" not in section(card, "limits")
    assert "tumour" not in section(card, "split") and "tumour" not in section(card, "data")


def test_an_ensemble_names_its_networks_and_in_what_they_differ() -> None:
    members = (member(), member("t0001-bb", "segnet", learning_rate=2e-3))
    choice = CHOICE | {"ensemble": {"sentence": "So the single model is taken.", "verdict": "single", "insisted": True}}
    networks = (network(), network("t0001-bb", rank=2))
    card = model_card(described(*members, choice=choice), facts(networks=networks))
    assert "an ensemble of 2 networks (unet, segnet)" in card["summary"][1]
    assert rows(card, "training", 2) == [["t0000-aa", "0.001", "—"], ["t0001-bb", "0.002", "0.9"]]
    assert "learning_rate" not in [row[0] for row in rows(card, "training", 1)]
    assert "exported all the same, because it was asked for" in section(card, "decisions")


def test_training_parameters_are_all_there_with_what_they_mean() -> None:
    card = model_card(described(), facts())
    shown = {name: (value, meaning) for name, value, meaning in rows(card, "training", 1)}
    assert shown["learning_rate"] == ("0.001", "initial learning rate") and shown["base_filters"][0] == "8"
    assert shown["optimizer"][0] == "adam", "also those that were left at their default"
    assert shown["window"][0] == "liver: -21 to 189 HU"
    trained = rows(card, "training")[0]
    assert trained == [
        "t0000-aa",
        "unet",
        "540,091",
        "12 of 12",
        "7",
        "732",
        "3 min",
        "ran to its end",
        "1 of 9",
        "10 ms",
    ]


def test_a_pruned_network_was_ended_by_the_search() -> None:
    card = model_card(described(), facts(networks=(network(state="pruned", rank=None),)))
    assert rows(card, "training")[0][-3:-1] == ["ended early by the search: it fell behind", "none"]


def test_an_architecture_of_a_plug_in_that_is_not_there_is_described_as_far_as_it_goes() -> None:
    card = model_card(described(member(architecture="mine")), facts())
    assert "mine: an architecture of a plug-in." in section(card, "training")
    assert ["base_filters", "8", ""] in rows(card, "training", 1)


def test_what_scans_it_knows_is_told_in_words() -> None:
    card = model_card(described(), facts())
    found = {row[0]: row[1:] for row in rows(card, "familiar")}
    assert found["voxel spacing between slices"][0] == "2.5 mm" and found["share of air"][0] == "50%"
    assert "900 to 2100 mL" in section(card, "familiar")


@pytest.mark.parametrize("familiar", [{}, {"schema_version": 1, "scans": 0, "ranges": {}}, {"schema_version": 9}])
def test_ranges_that_are_not_there_are_said_not_to_be(familiar: dict[str, Any]) -> None:
    assert "not recorded" in section(model_card(described(familiar=familiar, origin={}), facts()), "familiar")


def test_what_nobody_recorded_is_left_open() -> None:
    bare = facts(networks=(), data={"parts": (), "fingerprints": {}}, test="", selection="", versions={})
    card = model_card(described(choice={}, familiar={}, origin={}), bare)
    assert "was not measured" in card["summary"][2]
    assert "not recorded" in section(card, "test") and "not recorded" in section(card, "training")
    assert card_markdown(card)


def test_undefined_numbers_are_null_for_programs() -> None:
    scores = PatientScores((ScoreFacts("liver", 1, 0.9, hd95_mm=math.inf),), FreeFacts(1, 1))
    card = model_card(described(choice={}), facts(networks=(NetworkFacts("t0000-aa", validation=scores),)))
    (score,) = card["facts"]["sweep"]["networks"][0]["validation"]["scores"]
    assert score["low"] is None and score["hd95_mm"] is None and score["mean"] == 0.9
    json.dumps(card, allow_nan=False)


@pytest.mark.parametrize(("hd95_mm", "told"), [(math.nan, False), (math.inf, True), (4.0, True)])
def test_distances_are_explained_where_there_are_any(hd95_mm: float, told: bool) -> None:
    scores = PatientScores((ScoreFacts("liver", 6, 0.9, hd95_mm=hd95_mm),))
    card = model_card(described(), facts(networks=(NetworkFacts("t0000-aa", validation=scores),)))
    assert ("HD95" in section(card, "validation")) == told


def test_what_switches_something_on_is_not_called_more_than_chance() -> None:
    text = section(model_card(described(), facts()), "decisions")
    assert (
        "one standard error of the difference" in text and "chance alone brings in about one comparison of six" in text
    )


def test_corrected_cases_and_folds_are_said() -> None:
    card = model_card(described(), facts(data={"reviewed": 2, "fold": 1, "folds": 5}))
    assert ["of these with a mask that a reviewer corrected", "2"] in rows(card, "data")
    assert "fold 2 of 5" in section(card, "split") and "joined the training patients" in section(card, "split")


def test_no_case_is_named() -> None:
    origin = {"cases": {"train": ["case-11111111"], "validation": ["case-22222222"], "test": []}}
    card = model_card(described(origin=origin), facts())
    assert "case-1" not in json.dumps(card) + card_markdown(card)


def test_a_description_that_was_read_back_gives_the_same_card() -> None:
    first = described()
    again = read_description(json.loads(json.dumps(first.as_json())), "model.json")
    assert model_card(again, facts()) == model_card(first, facts())


def test_facts_without_anything_are_enough() -> None:
    assert DataFacts().part("train") is None and facts().network("t9").trial == "t9"
