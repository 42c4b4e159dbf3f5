"""What reports say of test patients and of selection: locked, opened, opened again, and never less than that later."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest

from results.records import Sweep
from results.reports import FORMATS
from results.reports.document import build_document
from results.reports.json import as_json, section_as_json
from results.reports.screen import render_text
from results.reports.section import Section
from tests.results.ledger_factory import HOSTILE, finished_payload, realistic, suggested_payload, uid_of
from tests.results.opened_ledger import add_opening, add_scores, opened_sweep, selected
from tests.results.plots.test_plots import folded


def section(sweep: Sweep, key: str) -> Section:
    return next(part for part in build_document(sweep).sections if part.key == key)


def words(sweep: Sweep, key: str = "test-patients") -> str:
    return " ".join(section(sweep, key).text)


def rows(found: Section, key: str) -> list[dict[str, Any]]:
    return list(section_as_json(found)["tables"][key])


def test_locked_patients_are_locked_and_the_command_is_named() -> None:
    found = section(folded(realistic(6, cases=3, epochs=2)), "test-patients")
    assert found.tables == () and not found.screen
    assert found.text == (
        "The 2 test patients are locked: nothing of them was prepared, trained on or scored. Once the search is over, open "
        "them with: liversweep test liver-archs",
    )
    summary = " ".join(build_document(folded(realistic(6, cases=3, epochs=2))).summary)
    assert "2 test patients are held back and played no part." in summary


def test_a_sweep_without_test_patients_says_so() -> None:
    split = {"fingerprint": "0", "train": ["a"], "validation": ["b"], "test": []}
    sweep = folded(realistic(6, cases=3, epochs=2, sweep={"split": split}))
    assert words(sweep).startswith("No patients were held back for a test")
    assert "there are no test patients" in words(sweep, "selection")


def test_an_opening_says_when_for_what_and_what_came_of_it() -> None:
    sweep = opened_sweep(12)
    text, opening = words(sweep), sweep.sweep.openings[0]
    assert "The 2 test patients were opened once, on 2026-03-01. Split fingerprint 4be1c0ffee5eed01." in text
    assert f"for 5 trials of 5 architectures, selected on validation patients ({', '.join(opening.trials)})" in text
    assert "when 12 trials had ended" in text and "locked" not in text and "went on" not in text
    summary = " ".join(build_document(sweep).summary)
    assert "were opened once, on 2026-03-01." in summary and "held back" not in summary


def test_validation_stands_beside_test_for_the_trials_that_were_opened_for() -> None:
    sweep = opened_sweep(12)
    found = rows(section(sweep, "test-patients"), "held-out")
    assert [(row["architecture"], row["label"]) for row in found[:2]] == [
        (found[0]["architecture"], label) for label in ("liver", "tumour")
    ]
    assert len(found) == 10 and all(row["trials"] == 1 and row["underpowered"] for row in found)
    for row in found:
        trial = next(
            sweep.trial(uid)
            for uid in sweep.sweep.openings[0].trials
            if sweep.trial(uid).architecture == row["architecture"]
        )
        value = {"liver": "dice_liver", "tumour": "dice_tumour"}[row["label"]]
        numbers = [getattr(case, value) for case in trial.tests[0].cases if row["label"] == "liver" or case.has_tumour]
        assert row["test_mean"] == pytest.approx(np.mean(numbers)) and row["test_n"] == len(numbers)
        assert row["validation_mean"] == pytest.approx(trial.metric(f"dice_{row['label']}_mean"))
        assert row["drop"] == pytest.approx(row["validation_mean"] - row["test_mean"])
    pairs = rows(section(sweep, "test-patients"), "test-pairs")
    assert len(pairs) == 20 and {row["n"] for row in pairs if row["label"] == "liver"} == {2}


def test_programs_get_every_test_case_with_all_its_scores() -> None:
    facts = section_as_json(section(opened_sweep(12), "test-patients"))
    assert len(facts["openings"]) == 1 and len(facts["cases"]) == 10 and facts["missing"] == []
    assert {"opening", "trial", "patient", "dice_liver", "hd95_liver"} <= set(facts["cases"][0])
    trial = next(row for row in as_json(build_document(opened_sweep(12)))["trials"] if row["tests"])
    assert trial["tests"][0]["opening"] == 1 and trial["tests"][0]["metrics"]["test_dice"] > 0


def test_a_second_opening_stands_there_for_good_with_its_date_and_note() -> None:
    sweep = opened_sweep(12, times=2)
    text = words(sweep)
    assert "opened 2 times, first on 2026-03-01, last on 2026-03-01" in text
    assert "Opening 2, 2026-03-01" in text and "Note: the weights were mended." in text
    assert "Only the first opening found patients that nothing was decided on." in text
    found = section(sweep, "test-patients")
    assert [row["note"] for row in rows(found, "openings")] == ["", "the weights were mended"]
    assert {row["opening"] for row in rows(found, "held-out")} == {1, 2}
    for item in FORMATS:
        shown = "\n".join(item.render(build_document(sweep)).values())
        assert "the weights were mended" in shown, item.name


def test_an_opening_that_was_cut_off_says_what_is_missing() -> None:
    sweep = opened_sweep(12, scored=2)
    text = words(sweep)
    assert (
        f"Not scored: {', '.join(sweep.sweep.openings[0].trials[2:])}. Go on with: liversweep test liver-archs" in text
    )
    assert len(rows(section(sweep, "test-patients"), "held-out")) == 4
    nothing = opened_sweep(12, scored=0)
    assert rows(section(nothing, "test-patients"), "held-out") == []
    assert all(text for item in FORMATS for text in item.render(build_document(nothing)).values())


@pytest.mark.parametrize("later", [1, 2])
def test_that_the_search_went_on_is_said_for_good(later: int) -> None:
    ledger, rng = realistic(12, cases=7, epochs=2), np.random.default_rng(3)
    chosen = selected(ledger)
    add_opening(ledger, chosen)
    add_scores(ledger, chosen)
    ledger.add("extended", trials=12 + later)
    for number in range(12, 12 + later):
        ledger.add("suggested", **suggested_payload(number, "unet", rng))
        ledger.add("finished", **finished_payload(uid_of(number), "unet", rng, cases=7, epochs=2))
    ledger.add("closed", reason="finished")
    for again in (False, True):
        if again:
            add_opening(ledger, selected(ledger), 2)
            add_scores(ledger, selected(ledger), 2)
        sweep, count = folded(ledger), {1: "1 trial has ended", 2: "2 trials have ended"}[later]
        for text in (words(sweep), " ".join(build_document(sweep).summary)):
            assert f"The search went on after they had been opened: {count} since" in text


def test_selection_bias_is_stated_and_the_test_patients_stand_beside_it() -> None:
    locked = folded(realistic(12, cases=7, epochs=2))
    assert "the test patients would tell, which are locked" in words(locked, "selection")
    assert [row["estimate"] for row in rows(section(locked, "selection"), "selection")] == [
        "as selected",
        "selected anew, on patients left out",
    ]
    sweep = opened_sweep(12)
    document = build_document(sweep)
    optimism = document.optimism
    assert optimism is not None
    apparent, corrected, test = rows(section(sweep, "selection"), "selection")
    assert (apparent["mean"], corrected["mean"]) == (optimism.apparent, optimism.corrected)
    assert corrected["difference"] == pytest.approx(-optimism.optimism)
    best = sweep.trial(optimism.selected)
    values = best.tests[0].cases
    liver = np.mean([case.dice_liver for case in values])
    tumour = np.mean([case.dice_tumour for case in values if case.has_tumour])
    assert test["mean"] == pytest.approx((liver + tumour) / 2) and test["patients"] == 2
    assert test["difference"] == pytest.approx(test["mean"] - apparent["mean"])
    assert f"have told: a mean Dice of {test['mean']:.3f} on 2 patients" in words(sweep, "selection")
    assert section(sweep, "selection").text[0] in " ".join(document.summary), "the summary says the same"


def test_where_nothing_can_be_estimated_the_section_says_no_number() -> None:
    objective = [{"metric": "gflops", "direction": "minimize"}]
    sweep = folded(realistic(12, cases=7, epochs=2, sweep={"objective": objective}))
    found = section(sweep, "selection")
    assert found.tables == () and "is optimistic" in found.text[0]
    one = folded(realistic(1, cases=7, epochs=2))
    assert "selection" not in [part.key for part in build_document(one).sections]


def test_a_sweep_that_began_from_one_that_had_opened_them_says_so_for_good() -> None:
    parents = [{"name": "<b>old</b>", "trials": 3, "opened": 2}, {"name": "other", "trials": 1}]
    locked = folded(realistic(6, cases=3, epochs=2, sweep={"parents": parents}))
    said = "test patients of it had been opened in <b>old</b> (2 patients), from which it was started"
    assert said in words(locked)
    assert said in " ".join(build_document(locked).summary)
    none = folded(realistic(6, cases=3, epochs=2, sweep={"parents": [{"name": "other", "trials": 1}]}))
    assert "had been opened" not in words(none)


def test_what_users_write_into_a_note_stays_text() -> None:
    ledger = realistic(6, cases=3, epochs=2)
    chosen = selected(ledger)
    add_opening(ledger, chosen)
    for number, note in enumerate(HOSTILE, start=2):
        add_opening(ledger, chosen, number, note=note)
    document = build_document(folded(ledger))
    page, text = FORMATS_BY_NAME["html"].render(document)["report.html"], render_text(document)
    assert "<script>alert(1)" not in page and "<img src=x" not in page and "\x1b" not in page + text
    table = FORMATS_BY_NAME["csv"].render(document)["openings.csv"]
    notes = [row["note"] for row in csv.DictReader(io.StringIO(table))]
    assert len(notes) == len(HOSTILE) + 1 and not [note for note in notes if note[:1] in tuple("=+-@\t")]
    json.loads(FORMATS_BY_NAME["json"].render(document)["report.json"])


FORMATS_BY_NAME = {item.name: item for item in FORMATS}
