"""What a layout is: one way in which a data set lies on disk.

A layout only says which files are images and which are masks and what key joins the two; pairing them, and every error
about files that are missing or double, is common to all (`liverseg.data.listing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Globs:
    """Where to look, for layouts that must be told: patterns relative to the root."""

    images: str
    masks: str


@dataclass(frozen=True, slots=True)
class Found:
    """One file that a layout recognised.

    Attributes:
        key: equal for an image and its mask, different for different cases.
        path: the file.
    """

    key: str
    path: Path


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a layout found: all images and all masks, paired by nobody yet."""

    images: tuple[Found, ...]
    masks: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """One way in which a data set lies on disk.

    Attributes:
        name: the word used in a spec.
        doc: one line for help texts.
        find: `(root, globs) -> Inventory`. Raises DataError (D1, D5) when the folder is not in this layout.
        recognises: whether a folder looks like this layout; used when none is named. Must not raise.
        needs_globs: whether `images` and `masks` patterns must be given.
    """

    name: str
    doc: str
    find: Callable[[Path, Globs | None], Inventory]
    recognises: Callable[[Path], bool] = lambda root: False
    needs_globs: bool = False
