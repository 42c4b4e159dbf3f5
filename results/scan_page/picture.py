"""One segmented scan as a picture: the slices that tell most, the figures, the warnings. Made to be put into a message.

Text is set in the font that Matplotlib brings, so the same arguments give the same bytes on every machine.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from results.plots.overlays import outlines
from results.plots.pictures import LABEL_COLOURS
from results.scan_page.facts import NOTICE, Facts
from results.scan_page.located import Mark, located
from results.scan_page.page import tiles
from results.scan_page.view import ScanView
from results.scan_page.windows import STANDARD

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Bytes = npt.NDArray[np.uint8]

ACROSS = 3
SLICES = 6
PANE_PX = 480
"""Width of one slice."""
_MARGIN, _GAP = 28, 12
_PAPER, _INK, _SOFT, _WARN = (255, 255, 255), (27, 31, 36), (88, 97, 108), (138, 75, 0)
_NUMBER = (255, 178, 122)
_LONGEST_TITLE = 60
_MOST_WARNINGS = 6


def render_png(view: ScanView, record: Mapping[str, Any]) -> bytes:
    """Up to six slices with the outlines of liver and tumour, above them the figures, below them the notice. A PNG.

    Raises:
        ResultsError: not a prediction record.
    """
    from PIL import Image, ImageDraw

    facts = Facts.of(record)
    head = _head(facts)
    marks = located(view, facts.tumours)
    panes = [_pane(view, place, marks) for place in view.telling([tumour.at for tumour in facts.tumours], SLICES)]
    width = 2 * _MARGIN + ACROSS * PANE_PX + (ACROSS - 1) * _GAP
    top = _MARGIN + sum(_height(size) for _, size, _, _ in head) + 10
    rows = -(-len(panes) // ACROSS)
    full = Image.new("RGB", (width, top + rows * (panes[0].height + _GAP) + 62), _PAPER)
    draw = ImageDraw.Draw(full)
    _write(draw, head, _MARGIN)
    for number, pane in enumerate(panes):
        row, column = divmod(number, ACROSS)
        full.paste(pane, (_MARGIN + column * (PANE_PX + _GAP), top + row * (pane.height + _GAP)))
    _foot(draw, facts, full.height - 56)
    stream = io.BytesIO()
    full.save(stream, "PNG", optimize=True)
    return stream.getvalue()


Line = tuple[str, int, bool, tuple[int, int, int]]
"""Text, size, whether bold, and colour."""


def _head(facts: Facts) -> list[Line]:
    figures = "     ".join(f"{tile.name} {tile.figure}" for tile in tiles(facts))
    lines: list[Line] = [
        (_short(facts.scan), 34, True, _INK),
        (NOTICE, 20, True, _WARN),
        (figures if facts.liver_ml else "No liver was found in this scan.", 24, False, _INK),
    ]
    if facts.warnings:
        lines.append(("Look twice: this scan is unlike those that the network was trained on.", 20, True, _WARN))
    said = [*facts.notes, *facts.warnings]
    for warning in said[:_MOST_WARNINGS]:
        lines += [(part, 18, False, _WARN) for part in textwrap.wrap(f"• {warning}", 140)]
    if len(said) > _MOST_WARNINGS:
        lines.append((f"• and {len(said) - _MOST_WARNINGS} more", 18, False, _WARN))
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…"


def _height(size: int) -> int:
    return round(size * 1.4)


def _write(draw: ImageDraw, lines: Sequence[Line], top: int) -> None:
    for text, size, bold, colour in lines:
        draw.text((_MARGIN, top), text, font=_font(size, bold), fill=colour)
        top += _height(size)


def _foot(draw: ImageDraw, facts: Facts, top: int) -> None:
    place = float(_MARGIN)
    for value, name in ((1, "liver"), (2, "tumour")) if facts.tumour_ml is not None else ((1, "liver"),):
        draw.rectangle((place, top + 5, place + 14, top + 19), outline=LABEL_COLOURS[value], width=3)
        draw.text((place + 22, top), name, font=_font(18), fill=_INK)
        place += 40 + draw.textlength(name, _font(18))
    low, high = (f"{hu:.0f}".replace("-", "−") for hu in (STANDARD.low_hu, STANDARD.high_hu))
    said = f"{low} to {high} HU; the patient's right is on the left     {_short(facts.model)} {facts.model_id}"
    draw.text((place, top), said, font=_font(18), fill=_SOFT)
    draw.text((_MARGIN, top + 26), f"{facts.grid}; {facts.created}", font=_font(16), fill=_SOFT)


@cache
def _font(size: int, bold: bool = False) -> FreeTypeFont:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def _pane(view: ScanView, place: int, marks: Sequence[Mark]) -> Image:
    """One slice, `PANE_PX` wide, with outlines, the tumours' numbers, its position, and a scale."""
    from PIL import Image, ImageDraw

    _, rows, columns = view.image.shape
    size = PANE_PX, max(1, min(2 * PANE_PX, round(PANE_PX * rows / columns)))
    grey = Image.fromarray(_windowed(view, place)).resize(size, Image.Resampling.BICUBIC)
    shown = np.asarray(grey.convert("RGB"))
    labels = np.asarray(Image.fromarray(view.labels[place]).resize(size, Image.Resampling.NEAREST))
    pane = Image.fromarray(_outlined(shown, labels))
    draw = ImageDraw.Draw(pane)
    shade: dict[str, Any] = {"font": _font(16), "fill": (255, 255, 255), "stroke_width": 2, "stroke_fill": (0, 0, 0)}
    mm = f"{view.positions_mm[place]:.1f}".replace("-", "−")
    draw.text((8, 6), f"slice {view.slices[place]} · z {mm} mm", **shade)
    draw.text((6, size[1] // 2), "R", **shade)
    for mark in (mark for mark in marks if mark.place == place):
        right, middle = mark.x * size[0] / columns + 4, mark.y * size[1] / rows
        draw.text((right, middle), str(mark.number), **(shade | {"anchor": "lm", "fill": _NUMBER}))
    length = 50 / view.pixel_mm * PANE_PX / columns
    if length < PANE_PX / 2:
        draw.line((8, size[1] - 10, 8 + length, size[1] - 10), fill=(255, 255, 255), width=3)
        draw.text((14 + length, size[1] - 24), "50 mm", **shade)
    return pane


def _windowed(view: ScanView, place: int) -> Bytes:
    low, high = view.range_hu
    part = STANDARD.within(low, high)
    hu = low + np.arange(256) * ((high - low) / 255)
    levels = np.clip((hu - part.low_hu) / (part.high_hu - part.low_hu), 0, 1) * 255
    shown: Bytes = np.rint(levels).astype(np.uint8)[view.image[place]]
    return shown


def _outlined(shown: Bytes, labels: Bytes) -> Bytes:
    """Outlines two pixels wide, and a light tint of the tumours."""
    full = shown.copy()
    for value, colour in LABEL_COLOURS.items():
        region = labels >= value
        if value > 1:
            full[region] = (0.8 * full[region] + 0.2 * np.array(colour)).astype(np.uint8)
        edge = outlines(region[None])[0]
        edge |= outlines((region & ~edge)[None])[0]
        full[edge] = colour
    return full
