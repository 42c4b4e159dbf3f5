"""The section on time: a picture that says in words what it shows, tables with units, and nothing where nothing is known."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from results.plots.time_bars import time_bars
from results.reports import FORMATS
from results.reports.document import build_document
from results.reports.section import Section
from results.statistics.time_profile import time_profile
from tests.results.ledger_factory import HOSTILE, realistic
from tests.results.plots.test_plots import folded
from tests.results.timed_ledger import TimedLedger, two_runs


def section(ledger: TimedLedger) -> Section:
    return next(part for part in build_document(ledger.sweep()).sections if part.key == "time")


def test_what_it_says() -> None:
    found = section(two_runs())
    assert found.text == (
        "The sweep took 2.4 min of wall time in 2 runs with 1 and 2 slots: 39 % training, 21 % preparation and 14 % tracing "
        "above all.",
    )
    parts, trials = found.tables
    assert parts.heads == ("part", "time (s)", "share (%)")
    assert parts.rows[4] == ("training", "55.5", "39.4")
    assert sum(parts.frame["seconds_of_wall"]) == pytest.approx(found.facts["wall_s"])
    assert trials.rows[1] == ("segnet", "1", "99.0", "18.5", "20.0", "57.0", "1.0", "1.0", "1.5")
    assert not found.screen


def test_a_sweep_that_was_cut_off_says_what_is_not_known() -> None:
    ledger = two_runs()
    del ledger.lines[7:]
    found = section(ledger)
    assert "Of 12 s nobody told: trials were under way, or their worker died." in found.text[0]
    assert found.tables[0].rows[-1][0] == "not told"
    assert "not told" in found.draw()[0].svg


def test_a_run_of_an_older_version_is_named() -> None:
    """It is known that there was one, and nothing of its time."""
    ledger = TimedLedger()
    ledger.begin()
    ledger.close(5, "interrupted")
    ledger.add(3690, "resumed", run=2)
    ledger.ready(3700, run=2)
    ledger.close(3710)
    assert "Of 1 run the ledger does not tell the time." in section(ledger).text[0]


def test_a_ledger_without_times_has_no_such_section() -> None:
    sweep = folded(realistic(4))
    assert "time" not in [part.key for part in build_document(sweep).sections]
    plot = time_bars(sweep, time_profile(sweep))
    assert plot.svg == "" and "does not tell" in plot.caption


def test_the_picture_is_well_formed_says_what_it_shows_and_is_the_same_each_time() -> None:
    sweep = two_runs().sweep()
    plot = time_bars(sweep, time_profile(sweep))
    root = ElementTree.fromstring(plot.svg)
    words = root.attrib["aria-label"]
    assert words.startswith("Wall time of the sweep, 141 s: preparation 21 %, waiting 8 %, start-up 13 %,")
    for text in ("wall time of the sweep (s)", "time of a trial (s)", "start-up", "checkpointing", "39 %", "segnet"):
        assert text in plot.svg
    assert plot.svg == time_bars(sweep, time_profile(sweep)).svg
    assert 'data-of="1"' in plot.svg, "the page hides what is not of the chosen architectures"


def test_names_from_elsewhere_stay_text() -> None:
    ledger = two_runs()
    hostile = TimedLedger(architectures=(HOSTILE[0], HOSTILE[4]))
    hostile.begin(2)
    hostile.ready(0)
    hostile.suggest(1, 0)
    hostile.start(2, 0, start_up=1)
    hostile.close(3)
    ElementTree.fromstring(time_bars(hostile.sweep(), time_profile(hostile.sweep())).svg)
    assert section(ledger).key == "time"


def test_every_format_takes_it() -> None:
    document = build_document(two_runs().sweep())
    for item in FORMATS:
        files = item.render(document)
        assert all(files.values())
        if item.name == "markdown":
            assert "| training | 55.5 | 39.4 |" in files["report.md"]
        if item.name == "csv":
            assert "time.csv" in files and "time-architectures.csv" in files
