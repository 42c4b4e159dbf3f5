"""One table of a report as LaTeX in the manner of booktabs: with caption and label, ready to be put into a paper.

The cells are the texts that every other format shows. A short table is a float; a long one, which may break over pages, a
`longtable`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import pandas as pd

from results.reports.latex_text import escape
from results.reports.table import Table

PORTRAIT, LANDSCAPE = 118, 176
"""Characters of `\\footnotesize` that fit beside each other on A4, columns apart included."""
LONG = 36
"""A table with more rows may break over pages."""
GAP = 2
NARROW = 20
"""A column of words that is no wider is never broken into lines."""
PACKAGES = ("array", "booktabs", "longtable")
_COMPACT = ("\\footnotesize", "\\setlength{\\tabcolsep}{4pt}")


def fragment(table: Table, name: str, *, width: int = PORTRAIT) -> str:
    """The text of a file that holds this table and nothing else.

    Columns that do not fit are left out, by their priority, and named in a comment. Needs the packages `PACKAGES`.

    Args:
        table: with at least one row.
        name: the label is `tab:` and this; letters, digits and hyphens.
        width: characters that fit beside each other, such as `PORTRAIT`.
    """
    keep = table.fitting(width, gap=GAP)
    needs = "% Needs \\usepackage{" + ",".join(PACKAGES) + "}; refer to it by \\ref{tab:" + name + "}.\n"
    left_out = [escape(head) for i, head in enumerate(table.heads) if i not in keep]
    missing = f"% Left out for want of room: {', '.join(left_out)}. The CSV file has them.\n" if left_out else ""
    return needs + missing + _table(table, keep, name, width)


def _table(table: Table, keep: Sequence[int], name: str, width: int) -> str:
    widths = table.widths()
    heads = [_head(table.heads[i], widths[i], table.shown[i].numeric) for i in keep]
    styler = pd.DataFrame(_cells(table, keep), columns=range(len(keep))).style.hide(axis=0)
    styler = styler.format_index(lambda i: heads[int(str(i))], axis=1)
    title, note = escape(table.title), escape(table.note)
    caption = (f"\\textbf{{{title}.}} {note}".strip(), title)
    columns = _columns(table, keep, width)
    if len(table.rows) > LONG:
        text = styler.to_latex(
            hrules=True, column_format=columns, caption=caption, label=f"tab:{name}", environment="longtable"
        )
        return "\n".join(("\\begingroup", *_COMPACT, text.rstrip(), "\\endgroup")) + "\n"
    text = styler.to_latex(
        hrules=True,
        column_format=columns,
        caption=caption,
        label=f"tab:{name}",
        position="!htbp",
        position_float="centering",
    )
    return text.replace("\\begin{tabular}{@{}", "\n".join((*_COMPACT, "\\begin{tabular}{@{}")), 1)


def _columns(table: Table, keep: Sequence[int], width: int) -> str:
    """How the columns are set. Where even those that are never left out are too wide, long words get lines of their own."""
    widths = table.widths()
    total = sum(widths[i] + GAP for i in keep)
    letters = []
    for i in keep:
        breaks = total > width and not table.shown[i].numeric and widths[i] > NARROW
        share = f"p{{{0.85 * widths[i] / total:.3f}\\linewidth}}"
        letters.append(
            f">{{\\raggedright\\arraybackslash}}{share}" if breaks else "r" if table.shown[i].numeric else "l"
        )
    return "@{}" + "".join(letters) + "@{}"


def _cells(table: Table, keep: Sequence[int]) -> list[list[str]]:
    """Escaped cells; rows that are set apart get a line above them."""
    cells = [[escape(row[i]) for i in keep] for row in table.rows]
    for number in table.marked - {number + 1 for number in table.marked}:
        cells[number][0] = "\\midrule\n" + cells[number][0]
    return cells


def _head(title: str, width: int, numeric: bool) -> str:
    """The title of a column, broken into lines no wider than its cells."""
    lines = [escape(line) for line in textwrap.wrap(title, max(width, 1), break_long_words=False)]
    if len(lines) < 2:
        return "".join(lines)
    side = "r" if numeric else "l"
    return f"\\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + " \\\\ ".join(lines) + "\\end{tabular}"
