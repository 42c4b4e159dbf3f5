"""The section in which scans are looked at slice by slice."""

from __future__ import annotations

import json
from html import unescape

import pytest

from results.overlays import Overlays
from results.records import Sweep
from results.reports import report_format
from results.reports.document import build_document
from results.tables.disagreement import cases_to_look_at, selected_trials
from tests.results.ledger_factory import FakeLedger, realistic, sweep_payload
from tests.results.overlay_files import noisy_overlays
from tests.results.plots.test_plots import folded
from tests.results.test_disagreement import DICE, swept

MOST_BYTES = 2_500_000


def viewers_of(sweep: Sweep, overlays: Overlays) -> str:
    document = build_document(sweep, overlays=lambda cases: overlays)
    return str(next(section for section in document.sections if section.key == "disagreement").html)


def overlays_of(sweep: Sweep, **shape: int) -> Overlays:
    cases = tuple(item.case for item in cases_to_look_at(sweep))
    uids = tuple(trial.uid for trials in selected_trials(sweep).values() for trial in trials)
    return noisy_overlays(cases, uids, **shape)


def test_five_architectures_on_four_scans_of_the_largest_size_stay_small() -> None:
    sweep = folded(realistic(20, cases=6, epochs=2))
    assert len(selected_trials(sweep)) == 5 and len(cases_to_look_at(sweep)) == 4
    section = viewers_of(sweep, overlays_of(sweep))
    assert section.count('class="viewer"') == 4 and section.count("data:image/jpeg") == 4
    assert section.count("data:image/png") == 4 * (1 + 1 + 5)
    assert 500_000 < len(section) < MOST_BYTES


def test_a_viewer_says_what_it_shows() -> None:
    sweep = swept(DICE)
    section = unescape(viewers_of(sweep, overlays_of(sweep, count=5, side=24)))
    for words in ("slice ", " of 5 ", "every slice", "Dice liver 0.90, tumour 0.50", "the worst case of unet"):
        assert words in section, words
    assert "Dice liver 0.70\n" in section or "Dice liver 0.70<" in section, "no tumour, no tumour Dice"


def test_the_same_gives_the_same_bytes() -> None:
    sweep = swept(DICE)
    first, second = (viewers_of(sweep, overlays_of(sweep, count=5, side=24)) for _ in range(2))
    assert first == second


def test_what_was_not_kept_is_named() -> None:
    sweep = swept(DICE)
    kept = overlays_of(sweep, count=2, side=16)
    few = Overlays(
        {"a": kept.scans["a"]}, {next(iter(kept.predictions)): kept.predictions[next(iter(kept.predictions))]}
    )
    section = viewers_of(sweep, few)
    assert section.count('class="viewer"') == 1 and section.count("no slices were kept") == 2
    assert "No slices were kept of b, c, d." in section
    assert 'class="viewer"' not in viewers_of(sweep, Overlays())


def test_every_format_has_the_table_and_programs_get_the_choice() -> None:
    document = build_document(swept(DICE))
    found = json.loads(report_format("json").render(document)["report.json"])["sections"]["disagreement"]
    assert [item["case"] for item in found["chosen"]] == ["a", "b", "c", "d"] and found["chosen"][2]["reasons"]
    assert [row["case"] for row in found["tables"]["disagreement"]] == ["a", "b", "d", "c", "e"]
    assert "tumour Dice from 0.10" in report_format("csv").render(document)["disagreement.csv"]
    assert "tumour Dice from 0.10" in report_format("markdown").render(document)["report.md"]


@pytest.mark.parametrize("name", ["markdown", "json", "csv"])
def test_formats_without_pictures_read_none(name: str) -> None:
    def read(cases: tuple[str, ...]) -> Overlays:
        raise AssertionError(cases)

    assert report_format(name).render(build_document(swept(DICE), overlays=read))


def test_a_sweep_without_scores_of_cases_has_no_such_section() -> None:
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(2))
    assert "disagreement" not in {section.key for section in build_document(folded(ledger)).sections}
