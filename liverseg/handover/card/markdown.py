"""A card as Markdown. Every text is escaped, so that nothing in a name, a note or a licence becomes markup, a link or HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_SPACES = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_UNFIT = frozenset({"Cc", "Cs", "Co", "Cn"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# An underscore within a word is no markup, nor is a bracket without its mate; escaping only what is keeps the file readable.
_MARKS = re.compile(r"[\\`*\[\]|~#$!{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LEADING = re.compile(r"^(?:[-+=](?!\d)|\d{1,9}[.)](?=\s|$))")
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;"), ("://", "&#58;//"))
_WEB = re.compile(r"www\.", re.IGNORECASE)


def card_markdown(card: Mapping[str, Any]) -> str:
    """The text of `card.md` for what `model_card` gave."""
    parts = [f"# {escape(card['title'])}", f"*{escape(card['notice'])}*", *map(escape, card["summary"])]
    for section in card["sections"]:
        parts += _section(section)
    parts.append(f"*{escape(card['notice'])}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """`text` in one line of visible characters that Markdown shows as they are."""
    shown = " ".join("".join(_fit(character) for character in text).split())
    shown = _MARKS.sub(lambda found: f"\\{found[0]}", shown)
    for mark, entity in _ENTITIES:
        shown = shown.replace(mark, entity)
    shown = _WEB.sub(lambda found: f"{found[0][:-1]}&#46;", shown)
    # Of a list's number the point is escaped: a backslash before a digit would be shown.
    return _LEADING.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", shown)


def _fit(character: str) -> str:
    if character in _SPACES:
        return " "
    return "\ufffd" if character in _TURNING or unicodedata.category(character) in _UNFIT else character


def _section(section: Mapping[str, Any]) -> list[str]:
    points = "\n".join(f"- {escape(point)}" for point in section["points"])
    tables = [_table(table) for table in section["tables"]]
    text, notes = map(escape, section["text"]), map(escape, section["notes"])
    return [f"## {escape(section['title'])}", *text, points, *tables, *notes]


def _table(table: Mapping[str, Any]) -> str:
    rule = ["---:" if right else "---" for right in table["numeric"]]
    lines = [
        [escape(head) for head in table["heads"]],
        rule,
        *([escape(cell) for cell in row] for row in table["rows"]),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
