"""The picture of a scan: a PNG with the slices that tell most, the same for the same record."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from results.errors import ResultsError
from results.plots.pictures import LABEL_COLOURS
from results.scan_page import render_png
from tests.promises.hostile import HOSTILE
from tests.results.scan_page.scans import COUNT, record, view


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def coloured(png: bytes, label: int) -> int:
    return int((pixels(png) == LABEL_COLOURS[label]).all(axis=2).sum())


def test_it_shows_liver_and_tumour_on_their_scan() -> None:
    png = render_png(view(), record())
    assert png.startswith(b"\x89PNG")
    height, width, _ = pixels(png).shape
    assert 1200 < width < 1800 and 600 < height < 1400
    assert coloured(png, 1) > 5000 and coloured(png, 2) > 500
    bare = render_png(view(labels=np.zeros((COUNT, 60, 90), np.uint8)), record(tumours=[]))
    assert coloured(bare, 1) < 500 and coloured(bare, 2) < 500


def test_warnings_are_in_it() -> None:
    plain = pixels(render_png(view(), record()))
    warned = pixels(render_png(view(), record(warnings=[{"text": "Slices are 8 mm apart. " * 9}] * 9)))
    assert warned.shape[0] > plain.shape[0] + 100


def test_the_same_record_gives_the_same_bytes() -> None:
    assert render_png(view(), record()) == render_png(view(), record())


@pytest.mark.parametrize("word", [*HOSTILE, "x" * 5000])
def test_no_name_breaks_it(word: str) -> None:
    said: dict[str, Any] = record(created=word, warnings=[{"text": word}, {"text": word, "low": 0}])
    said["scan"] |= {"name": word, "orientation": word}
    said["model"] |= {"name": word, "id": word}
    assert pixels(render_png(view(), said)).shape[1] == pixels(render_png(view(), record())).shape[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_odd_slices_do_not_break_it(shape: tuple[int, int]) -> None:
    image = np.zeros((1, *shape), np.uint8)
    odd = view(image=image, labels=image, slices=(20,), positions_mm=(0.0,))
    assert pixels(render_png(odd, record())).shape[0] < 4000


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(ResultsError, match="record"):
        render_png(view(), {"schema_version": 1})
