"""Report formats: the same numbers in each, nothing hostile gets through, the same bytes each time."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from results.errors import ResultsError
from results.pictures import Pictures
from results.ranking import best_by_architecture
from results.reports import (
    FORMATS,
    ReportFormat,
    json_document,
    report_format,
    report_formats,
    screen_tables,
    write_reports,
)
from results.reports.assets import SCRIPTS, content_policy
from results.reports.csv import cell
from results.reports.document import Document, build_document
from results.reports.markdown import escape
from results.reports.screen import render_text
from tests.results.ledger_factory import HOSTILE, FakeLedger, realistic
from tests.results.ledger_factory import hostile as hostile_ledger
from tests.results.plots.test_plots import all_failed, folded


def document_of(ledger: FakeLedger) -> Document:
    sweep = folded(ledger)
    plane = np.zeros((2, 40, 40), np.uint8)
    plane[:, 10:30, 10:30] = 1
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives).values()
    pictures = {trial.uid: Pictures(("<b>", "c"), (1, 2), plane, plane, plane) for trial in best if trial}
    return build_document(sweep, pictures)


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(realistic(16, cases=4, epochs=4))


@pytest.fixture(scope="module")
def hostile() -> Document:
    return document_of(hostile_ledger())


class Page(HTMLParser):
    """What a browser would take a page to be: its tags with attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def html_of(document: Document) -> str:
    return report_format("html").render(document)["report.html"]


def test_the_built_in_formats() -> None:
    assert [item.name for item in FORMATS] == ["screen", "csv", "markdown", "json", "html", "latex"]
    assert set(report_formats()) >= {item.name for item in FORMATS}
    with pytest.raises(ResultsError, match="screen, csv, markdown, json, html, latex"):
        report_format("pdf")


@pytest.mark.parametrize("item", FORMATS, ids=lambda item: item.name)
def test_every_format_renders_files_of_its_kind_the_same_each_time(item: ReportFormat, document: Document) -> None:
    files = item.render(document)
    assert files
    assert all(name.endswith(item.suffix) and text.endswith("\n") for name, text in files.items())
    assert item.render(document) == files


@pytest.mark.parametrize("item", FORMATS, ids=lambda item: item.name)
@pytest.mark.parametrize(
    "ledger",
    [all_failed(), realistic(0, cases=0), realistic(1, cases=1, epochs=1, tumour=False, sweep={"baseline": {}})],
    ids=["all failed", "no trials", "one trial"],
)
def test_every_format_renders_what_has_little_in_it(item: ReportFormat, ledger: FakeLedger) -> None:
    sweep = folded(ledger)
    assert all(text for text in item.render(build_document(sweep)).values())


def test_all_formats_show_the_same_best_score(document: Document) -> None:
    sweep = document.sweep
    best = next(trial for trial in best_by_architecture(sweep.trials, sweep.sweep.objectives).values() if trial)
    shown = f"{best.metric('val_dice'):.3f}"
    for name in ("screen", "markdown", "html"):
        text = "".join(report_format(name).render(document).values())
        assert shown in text
        assert "t0" in text
    content = json.loads(report_format("json").render(document)["report.json"])
    assert content["schema_version"] == 1
    assert content["trials"][0]["metrics"]["val_dice"] == best.metric("val_dice")
    rows = list(csv.DictReader(io.StringIO(report_format("csv").render(document)["trials.csv"])))
    assert float(rows[0]["val_dice"]) == best.metric("val_dice")
    assert rows[0]["trial"] == best.uid


def test_json_has_null_for_what_is_no_number(document: Document) -> None:
    text = report_format("json").render(document)["report.json"]
    assert "NaN" not in text
    assert "Infinity" not in text
    trials = {item["number"]: item for item in json.loads(text)["trials"]}
    assert trials[8]["metrics"]["val_dice"] is None
    assert trials[8]["rank"] is None
    assert trials[5]["failure"] == "oom"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1+1", "' =1+1"),
        ("＝1", "'＝1"),
        ("-0.5", "-0.5"),
        ("+1e-05", "+1e-05"),
        (-0.5, "-0.5"),
        (-3, "-3"),
        (1e-05, "1e-05"),
        (None, ""),
        (float("nan"), ""),
        ("unet", "unet"),
    ],
)
def test_s06_cells_that_look_like_formulas_are_neutralised_and_numbers_are_not(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_s06_no_hostile_cell_is_a_formula(hostile: Document) -> None:
    for text in report_format("csv").render(hostile).values():
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1
        for content in (content for row in rows for content in row):
            assert not content.lstrip().startswith(("=", "@"))
            if content.lstrip().startswith(("+", "-")):
                float(content)


def test_s06_hostile_names_are_only_text_in_html(hostile: Document, document: Document) -> None:
    text = html_of(hostile)
    page, plain = Page(text), Page(html_of(document))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags}
    assert sum(tag == "script" for tag, _ in page.tags) == len(SCRIPTS)
    attributes = {name for _, found in page.tags for name in found}
    assert not [name for name in attributes if name.startswith("on")]
    for name in HOSTILE[:3]:
        assert name in page.text
        assert name not in text
    for _, found in page.tags:
        for name in ("src", "href", "xlink:href"):
            address = found.get(name)
            assert address is None or address.startswith(("data:image/png;base64,", "#"))


def test_s06_the_page_allows_no_request_and_only_its_own_script(document: Document) -> None:
    text = html_of(document)
    policy = next(found["content"] for tag, found in Page(text).tags if found.get("http-equiv"))
    assert policy == content_policy()
    assert "default-src 'none'" in str(policy)
    assert "'unsafe-inline'" not in str(policy).split("script-src")[1].split(";")[0]
    found = [part.split("</script>")[0] for part in text.split("<script>")[1:]]
    assert len(found) == len(SCRIPTS)
    assert content_policy(found) == policy


def test_s06_hostile_names_are_only_text_in_markdown(hostile: Document) -> None:
    text = report_format("markdown").render(hostile)["report.md"]
    assert not re.search(r"<\w", text)
    assert "](" not in text
    assert "://" not in text
    for block in text.strip().split("\n\n"):
        if block.startswith("| "):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.split("\n")}) == 1


def test_markdown_leaves_names_readable() -> None:
    assert escape("unet_resnet18") == "unet_resnet18"
    assert escape("a|b") == "a\\|b"
    assert escape("- item") == "\\- item"
    assert escape("_x_") == "\\_x\\_"


def test_s06_the_terminal_gets_no_escape_sequences_and_no_markup(hostile: Document) -> None:
    text = render_text(hostile, width=220)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]rich[/bold]" in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_screen_leaves_columns_out_rather_than_break_them(document: Document, width: int) -> None:
    table = document.trials
    keep = table.fitting(width)
    heads = [table.heads[i] for i in keep]
    assert {"rank", "no.", "architecture", "validation Dice"} <= set(heads)
    text = render_text(document, width=width)
    assert all(len(line) <= width for line in text.splitlines())
    if width >= 80:
        rows = [line for line in text.splitlines() if re.match(r"\s+\d+\s+\d+\s", line)]
        assert rows
        assert not [line for line in rows if "…" in line]


def test_the_page_says_what_it_must(document: Document) -> None:
    text = Page(html_of(document)).text
    for sentence in (
        "Research software, not for clinical use.",
        "underpowered",
        "optimistic",
        document.sweep.sweep.split.fingerprint,
        "(all background)",
        "never ranked on",
        "is best on these validation patients",
        "lower either",
        "3.15.0",
    ):
        assert sentence in text


def test_the_shortcuts_of_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    realistic(3, cases=2, epochs=2).write(folder)
    names = {path.name for path in write_reports(folder)}
    assert names >= {"report.html", "report.md", "report.json", "trials.csv"}
    assert "report.txt" not in names
    assert json_document(folder) == json.loads((folder / "report" / "report.json").read_text())
    console = Console(file=io.StringIO(), width=90, record=True)
    for part in screen_tables(folder, width=90):
        console.print(part)
    assert "is best on these validation patients" in console.export_text().replace("\n", " ")


def test_an_unknown_format_writes_nothing(tmp_path: Path) -> None:
    realistic(1, cases=1, epochs=1).write(tmp_path / "s")
    with pytest.raises(ResultsError, match="unknown report format"):
        write_reports(tmp_path / "s", ["json", "pdf"])
    assert not (tmp_path / "s" / "report").exists()


def test_listing_formats_and_reading_ledgers_load_nothing_heavy() -> None:
    code = (
        "import sys; import results.reports, results.ledger, results.lock, results.fold;"
        "heavy = {'pandas', 'matplotlib', 'jinja2', 'rich', 'ray', 'keras', 'tensorflow', 'optuna', 'numpy'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
