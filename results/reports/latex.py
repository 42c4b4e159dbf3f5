"""The report for papers: `report.tex`, which compiles by itself, and each of its tables as a file put into a paper.

Plain ASCII, for pdfLaTeX and the packages of a small TeX installation. Every text from outside is escaped; numbers are those of
the Markdown report, digit by digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from results.reports.document import Document
from results.reports.failure_table import GROUP_HEADS, counts_sentence, group_cells
from results.reports.latex_table import LANDSCAPE, PORTRAIT, fragment
from results.reports.latex_text import escape
from results.reports.table import Table

PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
\usepackage[margin=22mm]{geometry}
\usepackage{array,booktabs,longtable,pdflscape}
\usepackage[font=footnotesize,justification=justified,singlelinecheck=false]{caption}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6\baselineskip}
\AtBeginDocument{\setlength{\LTcapwidth}{\textwidth}}
% Tables stay where the text speaks of them.
\makeatletter
\renewenvironment{table}[1][]{\par\medskip\noindent\begin{minipage}{\linewidth}\def\@captype{table}}{\end{minipage}\par\medskip}
\makeatother
\emergencystretch=3em
"""


def render(document: Document) -> dict[str, str]:
    """`report.tex`, and a `.tex` file named after each table: `architectures.tex`, `patients.tex`, `pairs.tex`, …"""
    fragments = _fragments(document)
    return {"report.tex": page(document.title, _parts(document, fragments))} | {
        f"{name}.tex": text for name, text in fragments.items()
    }


def page(title: str, parts: Iterable[str]) -> str:
    """A whole LaTeX document of parts that are LaTeX already, under a title that is not."""
    head = f"\\section*{{{escape(title)}}}"
    return "\n".join((PREAMBLE + "\\begin{document}", head, *parts, "\\end{document}")) + "\n"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"\n{escape(text)}\n"


def heading(text: str) -> str:
    """A heading above a part."""
    return f"\n\\subsection*{{{escape(text)}}}\n"


def listing(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of words, whose last column breaks its lines: facts, definitions, versions."""
    rest = f"p{{{0.98 - 0.3 * (len(heads) - 1):.2f}\\linewidth}}"
    columns = "@{}" + "p{0.27\\linewidth}" * (len(heads) - 1) + rest + "@{}"
    lines = [" & ".join(map(escape, row)) + r" \\" for row in rows]
    body = (r"\toprule", " & ".join(map(escape, heads)) + r" \\", r"\midrule", r"\endhead", *lines, r"\bottomrule")
    opening = (r"\begingroup\footnotesize\raggedright", f"\\begin{{longtable}}{{{columns}}}")
    return "\n".join((*opening, *body, r"\end{longtable}", r"\endgroup"))


def numbered(tables: Sequence[Table], key: str) -> dict[str, Table]:
    """Tables of one kind by the names of their files: `architectures`, `architectures-2`, …; those without rows left out."""
    named = {key if number == 1 else f"{key}-{number}": table for number, table in enumerate(tables, 1)}
    return {name: table for name, table in named.items() if table.rows}


def _fragments(document: Document) -> dict[str, str]:
    tables = numbered(document.architectures, "architectures")
    tables |= {table.key: table for table in (document.trials, *document.factors) if table.rows}
    tables |= {table.key: table for table in (document.patients, document.pairs, document.ranks) if table.rows}
    tables |= {table.key: table for section in document.sections for table in section.tables if table.rows}
    return {
        name: fragment(table, name, width=LANDSCAPE if name == "trials" else PORTRAIT) for name, table in tables.items()
    }


def _parts(document: Document, fragments: dict[str, str]) -> Iterable[str]:
    yield f"\\emph{{{escape(document.notice)}}}\n"
    yield from map(paragraph, document.summary)
    own = [table.key for section in document.sections for table in section.tables]
    yield from (text for name, text in fragments.items() if name not in (*own, "trials"))
    for section in document.sections:
        yield heading(section.title)
        yield from map(paragraph, section.text)
        yield from (fragments[table.key] for table in section.tables if table.key in fragments)
    if "trials" in fragments:
        yield f"\\begin{{landscape}}\\setlength{{\\LTcapwidth}}{{\\linewidth}}\n{fragments['trials']}\\end{{landscape}}"
    yield from _failures(document)
    yield heading("Data and run") + listing(("fact", "value"), document.facts)
    yield heading("Scores") + listing(("score", "definition"), document.definitions)
    yield heading("Versions") + listing(("package", "version"), document.versions)


def _failures(document: Document) -> Iterable[str]:
    if not document.failures:
        return
    yield heading("Failures") + paragraph(counts_sentence(document))
    groups = [dict(zip(GROUP_HEADS, group_cells(group), strict=True)) for group in document.failure_groups]
    rows = [(f"{row['kind']}: {row['architecture']} ({row['trials']})", row["what to do"]) for row in groups]
    yield listing(("failed", "what to do"), rows)
