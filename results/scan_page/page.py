"""The page of one segmented scan: slices to step through, volumes, tumours, warnings; no network, no file beside it.

Pictures are JPEGs of a wide range of HU, windowed by the browser; labels are vector outlines along the edges of pixels, so
they stay sharp and true at any zoom. Everything from outside passes through Jinja2's autoescape, and the page's
content-security policy allows no request and no script but its own, by its hash.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.plots.pictures import LABEL_COLOURS
from results.reports.assets import asset, content_policy
from results.reports.tiles import Tile
from results.scan_page.facts import NOTICE, Facts
from results.scan_page.jpegs import slice_jpegs
from results.scan_page.located import MOST_TUMOURS, Mark, located
from results.scan_page.outlines import outline_path
from results.scan_page.view import ScanView
from results.scan_page.windows import STANDARD, WINDOWS

SCRIPT = "page/scan.js"
STYLES = ("page/page.css", "page/scan.css")


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of the page.

    Attributes:
        position: in the scan, from 0 at the feet.
        mm: where it lies.
        image: a JPEG in base64.
        liver, tumour: outlines as SVG paths, of the whole liver with its tumours, and of the tumours.
        marks: numbers of the tumours on it.
    """

    position: int
    mm: str
    image: str
    liver: str
    tumour: str
    marks: tuple[Mark, ...]

    @property
    def source(self) -> str:
        """The picture as a `data:` address."""
        return f"data:image/jpeg;base64,{self.image}"


@dataclass(frozen=True, slots=True)
class Row:
    """One tumour of the table, as shown; `place` is the slice to go to, `first` and `last` those it lies in,
    `x` and `y` where it lies on the picture (the middle, where that is not known).
    """

    number: int
    volume: str
    longest: str
    slices: str
    place: int
    first: int
    last: int
    x: float
    y: float


def render_page(view: ScanView, record: Mapping[str, Any]) -> str:
    """The page of a scan and its prediction record, HTML. The same arguments give the same text.

    Raises:
        ResultsError: not a prediction record.
    """
    facts = Facts.of(record)
    options = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=PackageLoader("results.reports", "."), **options)  # type: ignore[arg-type]
    return environment.get_template("scan.html.j2").render(_content(view, facts)) + "\n"


def _content(view: ScanView, facts: Facts) -> dict[str, Any]:
    script = asset(SCRIPT)
    marks = located(view, facts.tumours)
    slices = _slices(view, marks)
    at = [tumour.at for tumour in facts.tumours]
    start = view.start(at)
    return {
        "facts": facts,
        "notice": NOTICE,
        "policy": content_policy([script]),
        "script": Markup(script),
        "styles": [Markup(asset(name)) for name in STYLES],
        "data": _embedded([_listed(one) for one in slices]),
        "settings": _embedded(_settings(view)),
        "tiles": tiles(facts),
        "rows": rows(view, facts, marks),
        "more": max(0, len(facts.tumours) - MOST_TUMOURS),
        "slices": slices,
        "start": start,
        "telling": view.telling(at),
        "view": view,
        "height": view.image.shape[1],
        "width": view.image.shape[2],
        "all_shown": view.slices[-1] - view.slices[0] + 1 == len(view.slices),
        "courses": [(name, _course(view.pixels(label).tolist())) for label, name in ((1, "liver"), (2, "tumour"))],
        "colours": {name: "#" + bytes(LABEL_COLOURS[label]).hex() for label, name in ((1, "liver"), (2, "tumour"))},
        "windows": [window.within(*view.range_hu) for window in WINDOWS],
        "stored": " to ".join(f"{hu:.0f}" for hu in view.range_hu).replace("-", "−"),
        "standard": STANDARD.css(view.range_hu),
        "scale_mm": _scale_mm(view),
    }


def tiles(facts: Facts) -> tuple[Tile, ...]:
    """The figures on top."""
    found = [Tile("Liver", f"{facts.liver_ml:.0f} mL", "with its tumours" if facts.tumour_ml else "whole liver")]
    if facts.tumour_ml is None:
        return tuple(found)
    count = len(facts.tumours)
    words = f"in {count} tumours" if count > 1 else "in one tumour" if count else "no tumour was found"
    found.append(Tile("Tumour", f"{_amount(facts.tumour_ml)} mL", words))
    if facts.burden is not None:
        share = f"{100 * facts.burden:.1f} %" if not 0 < facts.burden < 0.0005 else "under 0.1 %"
        found.append(Tile("Tumour burden", share, "of the liver is tumour"))
    if facts.tumours:
        longest = max(tumour.longest_mm for tumour in facts.tumours)
        found.append(Tile("Longest diameter", f"{longest:.0f} mm", "in an axial slice, of any tumour"))
    return tuple(found)


def rows(view: ScanView, facts: Facts, marks: Sequence[Mark]) -> list[Row]:
    """The first `MOST_TUMOURS` tumours as shown in the table, in the order of the record."""
    where = {(mark.place, mark.number): (mark.middle_x, mark.y) for mark in marks}
    middle = view.image.shape[2] / 2, view.image.shape[1] / 2
    found = []
    for number, tumour in enumerate(facts.tumours[:MOST_TUMOURS], start=1):
        slices = str(tumour.first) if tumour.first == tumour.last else f"{tumour.first}–{tumour.last}"
        place = view.place_of(tumour.at)
        x, y = where.get((place, number), middle)
        shown = _amount(tumour.volume_ml), f"{tumour.longest_mm:.0f}", slices
        found.append(Row(number, *shown, place, tumour.first, tumour.last, x, y))
    return found


def _amount(ml: float) -> str:
    """Millilitres with a decimal that tells something, and no comma: in half of the world 1,872 mL is less than 2."""
    if ml == 0 or ml >= 100:
        return f"{ml:.0f}"
    return f"{ml:.1f}" if ml >= 1 else f"{ml:.2f}" if ml >= 0.005 else "<0.01"


def _slices(view: ScanView, marks: Sequence[Mark]) -> list[Slice]:
    return [
        Slice(
            position=view.slices[place],
            mm=f"{view.positions_mm[place]:.1f}",
            image=base64.b64encode(jpeg).decode("ascii"),
            liver=outline_path(view.labels[place] >= 1),
            tumour=outline_path(view.labels[place] == 2),
            marks=tuple(mark for mark in marks if mark.place == place),
        )
        for place, jpeg in enumerate(slice_jpegs(view.image))
    ]


def _listed(one: Slice) -> list[Any]:
    marks = [[mark.number, mark.x, mark.y] for mark in one.marks]
    return [one.position, one.mm, one.image, one.liver, one.tumour, marks]


def _settings(view: ScanView) -> dict[str, Any]:
    """What the script needs to know; lengths in pixels, as the pictures have them."""
    marked = np.asarray(view.labels.any(axis=0))
    box = None
    if marked.any():
        down, across = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
        box = [int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1]
    return {
        "range": view.range_hu,
        "pixel": view.pixel_mm,
        "width": view.image.shape[2],
        "height": view.image.shape[1],
        "box": box,
    }


def _course(counts: Sequence[int]) -> str:
    """Bars, one a slice, as an SVG path in a box of `count` by 1."""
    most = max(1, *counts)
    return "".join(f"M{place} 1V{1 - count / most:.3g}h1V1z" for place, count in enumerate(counts) if count)


def _scale_mm(view: ScanView) -> int:
    """Length of the scale bar: up to a third of the picture."""
    width_mm = view.image.shape[2] * view.pixel_mm
    return next((length for length in (100, 50, 20, 10, 5) if length <= width_mm / 3), 1)


def _embedded(value: Any) -> Markup:
    """JSON that can stand in a `script` element, whatever it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
