"""What the section on budgets says: every rule from a race done by hand."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest

from results.records import Sweep
from results.reports import FORMATS
from results.reports.document import build_document
from results.reports.fair_fight import amount, between
from results.reports.section import Section
from results.tables.budget import budget_table
from tests.results.plots.test_plots import folded
from tests.results.race_ledger import Run, race

WINNER = [Run("segnet", score) for score in (0.50, 0.60, 0.62, 0.70)]


def section(*runs: Run, **changes: object) -> Section:
    return _section(folded(race(runs, **changes)))


def _section(sweep: Sweep) -> Section:
    return next(part for part in build_document(sweep).sections if part.key == "budget")


def said(*runs: Run, **changes: object) -> str:
    return " ".join(section(*runs, **changes).text)


def unet(*scores: float | None, **cost: float) -> list[Run]:
    return [Run("unet", score, **cost) for score in scores]  # type: ignore[arg-type]


SENTENCES = {
    "less": (
        unet(0.55, 0.61),
        "unet lost because it got less: it got 50 % of segnet's trials (2 of 4), with which segnet had reached 0.600; it "
        "got 50 % of segnet's updates (200 of 400), with which segnet had reached 0.600; it got 50 % of segnet's time "
        "(20 of 40 s), with which segnet had reached 0.600. unet itself reached 0.610, so the final gap of 0.090 is explained by "
        "budget. In any order, 2 finished trials of segnet would have reached 0.644 on average.",
    ),
    "part": (unet(0.55, 0.57), "That unet got less explains part of the final gap of 0.130: "),
    "despite": (unet(0.30, 0.35), "unet got less, but did not lose because of it: "),
    "as much": (
        unet(0.55, 0.61, 0.5, 0.5),
        "unet lost although it got as much (100 % of the trials, 100 % of the updates and 100 % of the time of segnet): it "
        "reached 0.610 and segnet 0.700.",
    ),
    "cheaper": (
        unet(0.55, 0.61, 0.5, 0.5, seconds=5),
        "Its trials took less time; in as much, segnet had reached 0.600: for its time unet was not worse.",
    ),
    "mixed": (
        unet(0.55, 0.61, updates=200),
        "The smaller budget of trials and time explains the final gap of 0.090; it got as much updates.",
    ),
    "unscored": (
        unet(None, None),
        "unet has no finished trial with a score (2 of 2 failed): nothing is known of how good it is.",
    ),
    "failures": (unet(None, None, 0.6), "2 of 3 trials of unet failed (oom 2) and took 67 % of its time."),
    "late": (
        unet(0.5, 0.5, 0.5, 0.61),
        "It was still improving: the last quarter of its trials raised its best by 0.110.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_rule_has_its_words(name: str) -> None:
    runs, words = SENTENCES[name]
    assert words in said(*WINNER, *runs)


@pytest.mark.parametrize("name", [name for name in SENTENCES if name not in ("failures", "unscored")])
def test_no_other_rule_speaks(name: str) -> None:
    text = said(*WINNER, *SENTENCES[name][0])
    assert ("because it got less: " in text) == (name == "less")
    assert ("although it got as much" in text) == (name in ("as much", "cheaper", "late"))
    assert ("failed" in text, "still improving" in text) == (False, name == "late")


def test_those_that_had_as_much_share_a_paragraph() -> None:
    text = said(*WINNER, *unet(0.6, 0.6, 0.6, 0.6), *[Run("fcn", 0.5, updates=90)] * 4)
    words = (
        "unet (0.600) and fcn (0.500) lost to segnet (0.700) although they got as much: at least 90 % of every budget."
    )
    assert words in text


def test_an_architecture_that_has_not_begun() -> None:
    assert "Of unet no trial has ended" in said(*WINNER, architectures=["segnet", "unet"])


def test_one_architecture_fights_nobody() -> None:
    assert "nothing to share a budget with" in said(*WINNER)
    assert [table.key for table in section(*WINNER).tables] == ["budget"]


def test_before_the_first_end_there_is_no_section() -> None:
    sweep = folded(race([], architectures=["unet"]))
    assert "budget" not in [part.key for part in build_document(sweep).sections]


def test_repetitions_are_told_of_and_not_counted() -> None:
    found = section(*WINNER, Run("segnet", 0.7, replicates=3), *unet(0.6))
    assert "1 repetition of settings on other folds or with other seeds came after the search." in " ".join(found.text)
    assert found.tables[0].frame["trials"].tolist() == [4, 1]
    assert found.tables[0].frame["replicates"].tolist() == [1, 0]


def test_what_the_ledger_does_not_tell_is_said() -> None:
    old = [Run(name, 0.5, updates=0, seconds=math.nan) for name in ("segnet", "unet")]
    text = said(*old)
    assert "The ledger does not tell the updates and time of trials, so those are not compared." in text
    assert section(*old).tables[1].frame["budget"].tolist() == ["trials"]


def test_the_table_counts_by_hand() -> None:
    runs = [*WINNER, *unet(None, 0.6, updates=50, seconds=5), Run("unet", 0.1, updates=10, seconds=1, state="pruned")]
    segnet, other = budget_table(folded(race(runs))).to_dict("records")
    assert (other["trials"], other["finished"], other["pruned"], other["failed"]) == (3, 1, 1, 1)
    assert (other["updates"], other["seconds"], segnet["updates"]) == (60, 11.0, 400)
    assert other["share_updates"] == pytest.approx(60 / 460) and segnet["share_seconds"] == pytest.approx(40 / 51)
    assert other["failed_seconds"] == pytest.approx(5 / 11) and segnet["failed_seconds"] == 0
    assert (other["best"], other["best_came"], segnet["best_came"]) == (0.6, 2, 4)
    assert (segnet["common"], segnet["expected_best"]) == (1, pytest.approx((0.5 + 0.6 + 0.62 + 0.7) / 4))
    assert (segnet["improving"], segnet["late_trials"]) == ("trials", pytest.approx(0.08))


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("trials", 1, "1 trial"),
        ("trials", 12, "12 trials"),
        ("updates", 7200, "7,200 updates"),
        ("seconds", 40.0, "40 s"),
        ("seconds", 150.0, "2.5 min"),
        ("seconds", 9000.0, "2.5 h"),
    ],
)
def test_amounts_are_easy_to_read(measure: str, value: float, text: str) -> None:
    assert amount(measure, value) == text  # type: ignore[arg-type]


def test_a_unit_is_said_once_where_it_is_the_same() -> None:
    assert between("trials", 1, "of", 4) == "1 of 4 trials"
    assert between("seconds", 40, "to", 9000) == "40 s to 2.5 h"
    assert between("seconds", 7200, "to", 9000) == "2.0 to 2.5 h"


def test_the_summary_speaks_up_only_for_an_unfair_fight() -> None:
    def unfair(*runs: Run, close: bool = True, **changes: object) -> list[str]:
        text = build_document(folded(race(runs, close=close, **changes))).summary
        return [paragraph for paragraph in text if "fair fight" in paragraph]

    assert unfair(*WINNER, *SENTENCES["less"][0]) == [
        "This was not a fair fight: unet got 50 % of segnet's trials, and with as much segnet was not ahead."
    ]
    assert unfair(*WINNER, *SENTENCES["part"][0]) == [
        "This was not a fair fight: unet got 50 % of segnet's trials, and with as much segnet was ahead by less than half as much."
    ]
    assert unfair(*WINNER, *SENTENCES["unscored"][0]) == [
        "This was not a fair fight: unet has no finished trial with a score (2 of 2 failed)."
    ]
    for name in ("as much", "cheaper", "despite"):
        assert unfair(*WINNER, *SENTENCES[name][0]) == []
    waiting = {"architectures": ["segnet", "unet"]}
    assert unfair(*WINNER, close=False, **waiting) == [], "its turn may yet come"
    assert len(unfair(*WINNER, **waiting)) == 1


def test_the_plot_has_a_panel_for_each_budget() -> None:
    def axes(*runs: Run) -> str:
        (plot,) = section(*runs).draw()
        return "".join(ElementTree.fromstring(plot.svg).itertext())

    text = axes(*WINNER, *unet(0.5))
    assert all(word in text for word in ("trials ended", "gradient updates", "time in trials (s)", "in any order"))
    old = axes(*[Run("unet", 0.5, updates=0, seconds=math.nan)] * 2)
    assert "epochs" in old and "time in trials" not in old


def test_every_format_shows_it() -> None:
    document = build_document(folded(race([*WINNER, *unet(0.55, 0.61)])))
    texts = {item.name: "\n".join(item.render(document).values()) for item in FORMATS}
    assert all("because it got less" in texts[name] for name in ("html", "markdown", "json"))
    assert '"outcomes": {' in texts["json"] and "budget-gaps" in texts["json"]
