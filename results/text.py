"""Text from elsewhere, made fit to be shown: names of sweeps, trials, parameters and cases are not to be trusted."""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\ufffd"
_SPACES = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
# Control, surrogate, private use, unassigned; and the marks that turn the direction of writing (Cf, as far as they do).
_UNFIT = frozenset({"Cc", "Cs", "Co", "Cn"})
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """`text` in one line of visible characters: white space becomes a space, what must not be shown U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_fit(character) for character in text)


def _fit(character: str) -> str:
    if character in _SPACES:
        return " "
    unfit = character in _TURNING or unicodedata.category(character) in _UNFIT
    return REPLACEMENT if unfit else character
