"""Sprites: one image for all slices of a layer."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from results.plots.overlays import Tiles, differing, label_sprite, outline_sprite, scan_sprite
from results.plots.pictures import LABEL_COLOURS
from tests.results.overlay_files import noisy_overlays


def decoded(address: str) -> Image.Image:
    kind, data = address.split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{(image.format or '').lower()}"
    return image


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 40])
def test_every_slice_has_its_tile(count: int) -> None:
    tiles, planes = Tiles(count), np.random.default_rng(0).integers(0, 255, (count, 4, 6)).astype(np.uint8)
    sprite = tiles.sprite(planes)
    assert sprite.shape == (tiles.down * 4, tiles.across * 6)
    for index in range(count):
        x, y = tiles.place(index)
        # CSS: a tile of width w in a sprite of n·w is shown at x % when it begins at x/100 · (n − 1) · w
        left, top = round(x / 100 * (tiles.across - 1) * 6), round(y / 100 * (tiles.down - 1) * 4)
        np.testing.assert_array_equal(sprite[top : top + 4, left : left + 6], planes[index])


def test_labels_are_tinted_and_outlined_and_the_rest_is_transparent() -> None:
    labels = np.zeros((2, 12, 12), np.uint8)
    labels[0, 2:10, 2:10] = 1
    labels[0, 4:8, 4:8] = 2
    pixels = np.asarray(decoded(label_sprite(labels)).convert("RGBA"))
    assert pixels.shape == (12, 24, 4)
    assert pixels[0, 0, 3] == 0 and (pixels[:, 12:, 3] == 0).all()
    assert tuple(pixels[2, 5]) == (*LABEL_COLOURS[1], 255) and tuple(pixels[4, 5]) == (*LABEL_COLOURS[2], 255)
    assert tuple(pixels[3, 3, :3]) == LABEL_COLOURS[1] and 0 < pixels[3, 3, 3] < 128
    assert tuple(pixels[5, 5, :3]) == LABEL_COLOURS[2] and pixels[3, 3, 3] < pixels[5, 5, 3] < 128
    white = np.asarray(decoded(outline_sprite(labels)).convert("RGBA"))
    assert (white[..., 3] > 0).sum() == 28 + 12
    assert (white[white[..., 3] > 0][:, :3] == 255).all()


def test_scans_stay_recognisable() -> None:
    image = next(iter(noisy_overlays(("a",), (), count=4, side=64).scans.values())).image
    sprite = decoded(scan_sprite(image))
    assert sprite.mode == "L" and sprite.size == (128, 128)
    tiles = np.asarray(sprite, float)
    assert np.abs(tiles[:64, :64] - image[0]).mean() < 12 < 20 < np.abs(tiles[:64, 64:] - image[0]).mean()


def test_differing_counts_pixels_where_not_all_agree() -> None:
    one, other, third = (np.zeros((3, 2, 2), np.uint8) for _ in range(3))
    other[1, 0] = 2
    third[1, 0, 0], third[2, 1, 1] = 1, 1
    assert differing([one, other, third]).tolist() == [0, 2, 1]
    assert differing([one]).tolist() == [0, 0, 0]
