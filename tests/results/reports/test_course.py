"""What every format tells of a sweep's course: failures and what to do, resumes, extensions, and what it began from."""

from __future__ import annotations

import json
import re

import pytest

from results.reports import report_format
from results.reports.document import Document, build_document
from tests.results.eventful_ledger import eventful
from tests.results.ledger_factory import realistic, uid_of
from tests.results.plots.test_plots import folded
from tests.results.reports.test_formats import Page, html_of


def shown(name: str, document: Document) -> str:
    """The text of a report without its format's escapes and line breaks."""
    text = "".join(report_format(name).render(document).values())
    if name == "html":
        return Page(text).text
    if name == "json":
        return json.dumps(json.loads(text), ensure_ascii=False)
    return re.sub(r"\s+", " ", text.replace("\\", ""))


@pytest.mark.parametrize("name", ["screen", "markdown", "json", "html", "csv"])
def test_r07_every_format_counts_failures_by_kind_and_says_what_to_do(name: str) -> None:
    document = build_document(folded(eventful()))
    text = shown(name, document)
    for group in document.failure_groups:
        assert group.advice in text
        assert group.example in text
        assert group.again in text
    if name != "csv":
        assert "9 failed (nan 2, oom 2, timeout 2, crash 1, data 1, invalid 1)" in text
    if name in ("markdown", "html"):
        assert "9 of 18 trials failed: nan 2, oom 2" in text
        assert all(failure.log in text for failure in document.failures)


def test_where_none_failed_nothing_is_said_of_failures() -> None:
    document = build_document(folded(realistic(3, cases=2, epochs=2)))
    assert document.failure_groups == ()
    for name in ("screen", "markdown"):
        assert "ailures" not in "".join(report_format(name).render(document).values())
    assert "No trial failed." in Page(html_of(document)).text
    assert report_format("csv").render(document)["failures.csv"].count("\n") == 1
    assert json.loads(report_format("json").render(document)["report.json"])["failure_groups"] == []


@pytest.mark.parametrize("name", ["screen", "markdown", "json", "html"])
def test_a_report_tells_the_history_of_a_sweep(name: str) -> None:
    text = shown(name, build_document(folded(eventful())))
    for sentence in (
        "The sweep was warm-started from liver-first (2 trials), liver-second (1 trial). It was resumed twice and extended "
        "once.",
        "ended by a full disk with 2 trials unfinished (1 stopped, 1 queued)",
        "Make room, then continue with: liversweep resume liver-archs",
        uid_of(3),
    ):
        assert sentence in text
    if name in ("markdown", "html"):
        assert "6 trials more, 18 in all; 1 older trial trained longer; 40 epochs; as the curves still rise" in text
        assert "planned epochs" in text
        assert "continues" in text


def test_a_plain_sweep_has_no_word_of_resumes_and_no_column_for_them() -> None:
    document = build_document(folded(realistic(3, cases=2, epochs=2)))
    assert not {"continues", "planned_epochs"} & set(document.trials.frame.columns)
    assert document.summary[0] == "3 of 3 trials have ended: 3 finished, 0 pruned, none failed."
    assert not {"runs", "extended", "warm-started from"} & {name for name, _ in document.facts}


def test_an_interrupted_sweep_says_how_to_go_on_and_an_open_one_does_not() -> None:
    ledger = realistic(2, cases=2, epochs=2, close=False)
    assert "is not closed" in build_document(folded(ledger)).summary[0]
    assert "resume" not in build_document(folded(ledger)).summary[0]
    ledger.add("closed", reason="interrupted")
    assert build_document(folded(ledger)).summary[0].endswith("Continue with: liversweep resume liver-archs")
