"""All layouts by name: the built-in ones, and those of installed plug-ins."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from liverseg.data import lits, msd, nnunet, pairs
from liverseg.data.layouts import LayoutSpec
from liverseg.errors import ConfigError

ENTRY_POINT_GROUP = "liversweep.layouts"

LAYOUTS = (nnunet.LAYOUT, msd.LAYOUT, lits.LAYOUT, pairs.LAYOUT)
"""The built-in layouts, in the order in which they are tried on an unnamed folder."""


def layouts() -> tuple[LayoutSpec, ...]:
    """Built-in layouts, then those that installed packages offer in the entry-point group `liversweep.layouts`.

    Raises:
        ConfigError: a plug-in cannot be loaded, does not offer a `LayoutSpec`, or takes a name that is already used.
    """
    found = list(LAYOUTS)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        where = f"entry point {point.name} of group {ENTRY_POINT_GROUP}"
        try:
            spec = point.load()
        except Exception as error:  # a plug-in is somebody else's code: it may raise anything
            raise ConfigError("plug-in cannot be loaded", where=where, got=repr(error)) from error
        if not isinstance(spec, LayoutSpec):
            raise ConfigError("plug-in is not a layout", where=where, got=type(spec).__name__, allowed="LayoutSpec")
        if spec.name in {other.name for other in found}:
            raise ConfigError(
                "layout name is taken", where=where, got=spec.name, next_step="rename or remove the plug-in"
            )
        found.append(spec)
    return tuple(found)


def layout_named(name: str) -> LayoutSpec:
    """The layout of that name.

    Raises:
        ConfigError: there is none; the message lists all.
    """
    known = {spec.name: spec for spec in layouts()}
    if name not in known:
        raise ConfigError("unknown layout", where="layout", got=name, allowed=" | ".join(known))
    return known[name]


def detect_layout(root: Path | str) -> LayoutSpec:
    """The first layout that recognises a folder.

    Raises:
        ConfigError: none does.
    """
    root = Path(root)
    for spec in layouts():
        if spec.recognises(root):
            return spec
    raise ConfigError(
        "no layout recognised",
        where=str(root),
        got="no dataset.json and no volume-N.nii" if root.is_dir() else "no such folder",
        allowed=", ".join(spec.name for spec in layouts()),
        next_step="name the layout; with `pairs`, give one pattern for images and one for masks",
    )
