"""Text made fit for LaTeX: it shows as it is, and is plain ASCII.

Neither the input encoding of the document nor its font encoding matters, so that a fragment can be put into any paper. A
character that pdfLaTeX has no name for (Chinese, emoji) is shown by its number, as `[U+4E2D]`: seen, and no error.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from results.text import printable

_SPECIAL = {
    "\\": "\\textbackslash{}",
    "{": "\\{",
    "}": "\\}",
    "#": "\\#",
    "$": "\\$",
    "%": "\\%",
    "&": "\\&",
    "_": "\\_",
    "^": "\\textasciicircum{}",
    "~": "\\textasciitilde{}",
    # Not special, but other signs in some font encodings, or halves of ligatures.
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\char34{}",
    "`": "\\textasciigrave{}",
    # After the end of a row these would be taken for an argument of it.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}
_SIGNS = {
    "\u00a0": "~",
    "\u202f": "\\,",
    "±": "$\\pm$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "…": "\\ldots{}",
    "∞": "$\\infty$",
    "∩": "$\\cap$",
    "∪": "$\\cup$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "→": "$\\rightarrow$",
    "²": "$^{2}$",
    "³": "$^{3}$",
    "°": "$^{\\circ}$",
    "µ": "$\\mu$",
    "μ": "$\\mu$",
    "α": "$\\alpha$",
    "σ": "$\\sigma$",
    "τ": "$\\tau$",
    "Δ": "$\\Delta$",
    "ß": "\\ss{}",
    "æ": "\\ae{}",
    "Æ": "\\AE{}",
    "œ": "\\oe{}",
    "Œ": "\\OE{}",
    "ø": "\\o{}",
    "Ø": "\\O{}",
    "ł": "\\l{}",
    "Ł": "\\L{}",
    "ı": "\\i{}",
    "‘": "`{}",
    "’": "'{}",
    "“": "``{}",
    "”": "''{}",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
# `--` would become a dash, `''` a quotation mark, `,,` another.
_DOUBLED = frozenset("-',")


def escape(text: str) -> str:
    """`text` so that LaTeX shows it as it is: no command, no mathematics, no comment, no alignment, no ligature of signs."""
    found = [_character(character) for character in unicodedata.normalize("NFC", printable(text))]
    pairs = pairwise([*found, ""])
    return "".join(f"{own}{{}}" if own == following and own in _DOUBLED else own for own, following in pairs)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character
    return _SIGNS.get(character) or _accented(character) or f"{{[}}U+{ord(character):04X}{{]}}"


def _accented(character: str) -> str:
    """A Latin letter with one mark as the command that sets it; empty for everything else."""
    parts = unicodedata.normalize("NFD", character)
    if len(parts) != 2 or not (parts[0].isascii() and parts[0].isalpha()) or parts[1] not in _ACCENTS:
        return ""
    return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
