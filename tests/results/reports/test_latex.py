"""LaTeX: what is escaped, what compiles, and that the numbers are those of Markdown."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.reports import report_format
from results.reports.document import Document, build_document
from results.reports.latex import listing, page, paragraph
from results.reports.latex_table import LONG, PORTRAIT, fragment
from results.reports.latex_text import escape
from tests.promises.hostile import HARMLESS, ledger_of
from tests.promises.hostile import HOSTILE as MISCHIEF
from tests.results.ledger_factory import HOSTILE, realistic
from tests.results.ledger_factory import hostile as hostile_ledger
from tests.results.plots.test_plots import all_failed, folded

PDFLATEX = shutil.which("pdflatex")
# Our own escapes. When they are taken away, no command, brace or special sign may be left.
OURS = re.compile(
    r"\\(textbackslash|textasciicircum|textasciitilde|textasciigrave|textless|textgreater|textbar|char34|ldots|ss|ae|AE|oe|OE"
    r"|o|O|l|L|i)\{\}|\\[{}#$%&_,]|\$\\?[A-Za-z]+\$|\$-\$|\$\^\{(\d|\\circ)\}\$|\{[\[\]*]\}|\\[`'^~=.\"uHvrc]\{[A-Za-z]\}|[-',`]\{\}"
)


def document_of(name: str) -> Document:
    ledgers = {
        "realistic": lambda: realistic(50, cases=12, epochs=2),
        "hostile": hostile_ledger,
        "mischief": lambda: ledger_of(MISCHIEF),
        "harmless": lambda: ledger_of(HARMLESS),
        "all failed": all_failed,
    }
    return build_document(folded(ledgers[name]()))


def files_of(name: str) -> dict[str, str]:
    return dict(report_format("latex").render(document_of(name)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unet_resnet18", r"unet\_resnet18"),
        ("50 % & $x$ #1 {y}", r"50 \% \& \$x\$ \#1 \{y\}"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a^b~c", r"a\textasciicircum{}b\textasciitilde{}c"),
        ("[0.5] *", r"{[}0.5{]} {*}"),
        ("-- ''", r"-{}- '{}'"),
        ("0.80 ± 0.10, −0.2 … 0.3 – ∞", r"0.80 $\pm$ 0.10, $-$0.2 \ldots{} 0.3 -- $\infty$"),
        ("é ǎ ß ł Ç", r"\'{e} \v{a} \ss{} \l{} \c{C}"),
        ("e\u0301", r"\'{e}"),
        ("中🧪", "{[}U+4E2D{]}{[}U+1F9EA{]}"),
        ("\x1b[31m\n", "{[}U+FFFD{]}{[}31m "),
        ("", ""),
    ],
)
def test_s06_text_stays_text(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.text(st.characters(codec="utf-8")))
def test_s06_whatever_the_text_no_command_of_it_is_left(text: str) -> None:
    found = escape(text)
    assert found.isascii()
    assert not re.search(r"[\\{}$#%&_^~\"<>|`\[\]*]", re.sub(OURS, "", found).replace("~", "")), found


def test_a_document_and_a_file_for_each_table() -> None:
    files = files_of("realistic")
    assert {"report.tex", "architectures.tex", "trials.tex", "patients.tex", "pairs.tex", "ranks.tex"} <= set(files)
    for name, text in files.items():
        if name != "report.tex":
            assert text in files["report.tex"]
            assert f"\\label{{tab:{name.removesuffix('.tex')}}}" in text
            assert r"\toprule" in text and r"\bottomrule" in text
    assert r"\begin{table}" in files["pairs.tex"]
    assert r"\begin{longtable}" in files["trials.tex"]
    assert "\\midrule\n(all background)" in files["architectures.tex"]


def test_the_cells_are_those_of_markdown() -> None:
    document = document_of("realistic")
    text = report_format("latex").render(document)["patients.tex"]
    page_of_markdown = report_format("markdown").render(document)["report.md"]
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")][-10:]
    assert len(rows) == 10
    for cells in rows:
        plain = [cell.replace(r"$\pm$", "±").replace(r"\ldots{}", "…").replace("$-$", "−") for cell in cells]
        assert "| " + " | ".join(plain).replace("\\_", "_") in page_of_markdown.replace("\\_", "_")


def test_columns_that_do_not_fit_are_named() -> None:
    table = document_of("realistic").trials
    text = fragment(table, "trials", width=PORTRAIT)
    assert "% Left out for want of room: " in text and "GFLOPs" in text.splitlines()[1]
    assert len(table.rows) > LONG
    assert "Left out" not in fragment(table, "trials", width=1000)


def test_s06_hostile_words_change_nothing_but_words() -> None:
    def shape(name: str) -> list[tuple[str, list[str], bool]]:
        files = {key: text for key, text in files_of(name).items() if key.startswith(("arch", "patients", "pairs"))}
        return [
            (key, re.findall(r"\\(?:begin|end)\{\w+\}|\\\w+rule", text), "\\input" in text)
            for key, text in files.items()
        ]

    hostile, harmless = shape("mischief"), shape("harmless")
    assert [(key, sorted(set(found)), bad) for key, found, bad in hostile] == [
        (key, sorted(set(found)), bad) for key, found, bad in harmless
    ]


def compile_text(text: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    for name, content in {"report.tex": text, **more}.items():
        (folder / name).write_text(content)
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="latin-1", check=False, timeout=120
    )


needs_pdflatex = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex here: make latex installs one on Debian")


@needs_pdflatex
@pytest.mark.parametrize("name", ["realistic", "hostile", "mischief", "all failed"])
def test_the_report_compiles(tmp_path: Path, name: str) -> None:
    done = compile_text(files_of(name)["report.tex"], tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "Missing character" not in done.stdout
    if name == "realistic":
        assert "Overfull" not in done.stdout, "a table is wider than the page"


@needs_pdflatex
def test_each_table_can_be_put_into_a_paper(tmp_path: Path) -> None:
    files = {name: text for name, text in files_of("realistic").items() if name != "report.tex"}
    inputs = "\n".join(f"\\input{{{name.removesuffix('.tex')}}}" for name in files)
    paper = (
        "\\documentclass{article}\\usepackage{array,booktabs,longtable}\\begin{document}" + inputs + "\\end{document}"
    )
    (tmp_path / "more").mkdir()
    done = compile_text(paper, tmp_path, **files)
    assert done.returncode == 0, done.stdout[-2000:]


@needs_pdflatex
def test_every_sign_compiles_in_either_font_encoding(tmp_path: Path) -> None:
    words = ["".join(chr(code) for code in range(start, start + 64)) for start in range(0x20, 0x500, 64)]
    words += [*HOSTILE, *MISCHIEF, "± × · − – … ∞ ∩ ∪ ≤ ≥ → ² ³ ° µ α σ τ Δ ‘ ’ “ ” — \u202f"]
    text = page("signs", [*map(paragraph, words), listing(("a", "b"), [(word, word) for word in words])])
    assert compile_text(text, tmp_path).returncode == 0
    plain = re.sub(r"\\IfFileExists.*", "", text)
    assert compile_text(plain, tmp_path).returncode == 0
