"""A section made anywhere is shown by every format, and nothing hostile in it gets through."""

from __future__ import annotations

import pandas as pd
import pytest
from markupsafe import Markup

from results.plots.style import Plot
from results.reports import report_format
from results.reports import sections as sections_module
from results.reports.document import Document, build_document
from results.reports.section import Material, Section
from results.reports.table import Shown, make_table
from tests.results.ledger_factory import realistic
from tests.results.plots.test_plots import folded


def _made(material: Material) -> Section:
    frame = pd.DataFrame({"architecture": ["<b>unet</b>"], "mean": [0.25]})
    table = make_table(frame, [Shown(("architecture",), numeric=False), Shown(("mean",))], key="extra", title="Extra")
    plots = (Plot("extra", "A drawing", "what it shows", '<svg role="img"></svg>'),)
    text = (f"{material.sweep.sweep.name} <script>alert(1)</script>",)
    return Section("further", "Further", "More", text, (table,), lambda: plots, {"answer": 42}, screen=True)


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.setattr(sections_module, "SECTIONS", (_made, lambda material: None))
    return build_document(folded(realistic(4, cases=2, epochs=2)))


@pytest.mark.parametrize("name", ["html", "markdown", "json", "csv", "screen", "latex"])
def test_every_format_shows_it(document: Document, name: str) -> None:
    text = "\n".join(report_format(name).render(document).values())
    assert "0.25" in text
    assert "unet" in text
    if name != "csv":
        assert "alert" in text
    if name in ("html", "markdown"):
        assert "<script>alert" not in text
        assert "<b>unet" not in text


def test_pages_link_to_it_and_draw_it(document: Document) -> None:
    page = report_format("html").render(document)["report.html"]
    assert '<a href="#further">More</a>' in page
    assert '<section id="further">' in page
    assert '<svg role="img"></svg>' in page


def test_programs_get_its_facts_and_its_table(document: Document) -> None:
    assert '"answer": 42' in report_format("json").render(document)["report.json"]
    assert "extra.csv" in report_format("csv").render(document)


def _marked(material: Material) -> Section:
    hostile = Markup("<p id='own'>{}</p>").format("<i>not ours</i>")
    return Section("marked", "Marked", "Marked", markup=lambda: hostile)


def _unmarked(material: Material) -> Section:
    return Section("unmarked", "Unmarked", "Unmarked", markup="<u>plain</u>")


def test_markup_of_our_own_is_put_into_pages_only_and_plain_text_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections_module, "SECTIONS", (_marked, _unmarked))
    document = build_document(folded(realistic(2, cases=2, epochs=2)))
    page = report_format("html").render(document)["report.html"]
    assert "<p id='own'>&lt;i&gt;not ours&lt;/i&gt;</p>" in page
    assert "<u>" not in page and "&lt;u&gt;plain&lt;/u&gt;" in page
    for name in ("markdown", "json", "csv", "screen"):
        assert "not ours" not in "".join(report_format(name).render(document).values())
