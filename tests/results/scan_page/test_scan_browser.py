"""The page of a scan in a real browser: keys, wheel, mouse, what can be hidden, print, and what is there without a script."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from results.scan_page import render_page
from results.scan_page.windows import WINDOWS
from tests.promises.hostile import HOSTILE
from tests.results.reports.browser import chromium_path, running
from tests.results.reports.open_page import Seen, opened
from tests.results.scan_page.scans import COLUMNS, COUNT, FIRST, ROWS, TUMOUR_AT, record, view

START = TUMOUR_AT - FIRST
LIVER, TUMOUR, BODY = (30, 40), (25, 35), (75, 50)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("there is no chromium on this machine; `make browser` installs it")
    with running(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "ct-7_seg.html"
    unlike = [{"text": "slices are 8 mm apart; in training they were 1 to 5 mm apart. " * 2, "low": 1, "high": 5}] * 3
    path.write_text(render_page(view(), record(warnings=unlike)), "utf-8")
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser, file: Path) -> Iterator[tuple[Page, Seen]]:
    page, seen = opened(browser, file)
    yield page, seen
    page.close()


@pytest.fixture
def page(desk: tuple[Page, Seen]) -> Page:
    """The page as it is after loading."""
    desk[0].reload()
    return desk[0]


def stage(page: Page) -> np.ndarray:
    """What the stage looks like, RGB `(h, w, 3)`."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB"), int)


def colour(page: Page, place: tuple[int, int]) -> list[int]:
    """The colour of a pixel `(column, row)` of the scan, on the stage as it is when nothing is enlarged."""
    shown = stage(page)
    column, row = (
        (at + 0.5) * size / full for at, size, full in zip(place, shown.shape[1::-1], (COLUMNS, ROWS), strict=True)
    )
    return [int(part) for part in shown[int(row), int(column)]]


def told(page: Page) -> int:
    return int(page.locator("#told").inner_text().removeprefix("slice ")) - FIRST


def grey_of(place: int, low: float = -100.0, high: float = 240.0) -> float:
    """What a slice's body looks like in a window."""
    hu = -200 + (90 + 10 * place) * 500 / 255
    return float(np.clip((hu - low) / (high - low), 0, 1) * 255)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_it_opens_at_the_largest_tumour_with_its_row_marked(page: Page) -> None:
    assert told(page) == START
    assert page.locator("#where").inner_text() == f"slice {TUMOUR_AT} · z −82.5 mm"
    assert page.locator("#tumours tr.here").count() == 1
    assert colour(page, BODY) == pytest.approx([grey_of(START)] * 3, abs=4)
    red, _, blue = colour(page, TUMOUR)
    assert red > blue + 20, "tumour is vermilion"
    red, _, blue = colour(page, LIVER)
    assert blue > red + 8, "liver is blue"


@pytest.mark.parametrize("focus", [None, "#stage", "#slider"])
def test_keys_step_wherever_the_focus_is(page: Page, focus: str | None) -> None:
    if focus:
        page.locator(focus).focus()
    for key, place in (
        *(("ArrowUp", START + 1), ("ArrowRight", START + 2), ("ArrowDown", START + 1), ("ArrowLeft", START)),
        *(("End", COUNT - 1), ("ArrowUp", COUNT - 1), ("PageDown", COUNT - 6), ("Home", 0), ("PageUp", 5)),
    ):
        press(page, key)
        assert told(page) == place, key
    assert colour(page, BODY) == pytest.approx([grey_of(5)] * 3, abs=4)
    assert page.locator("#slider").input_value() == "5"
    assert page.locator("#slider").get_attribute("aria-valuetext") == "slice 25, z -87.5 mm"


def test_tumours_carry_their_number_and_are_found_when_enlarged(page: Page) -> None:
    number = page.locator("#plane .marks b")
    assert number.all_inner_texts() == ["1"] and number.is_visible()
    press(page, "+", "+", "+", "+", "n")
    box, whole = page.locator("#plane .line.tumour").bounding_box(), page.locator("#stage").bounding_box()
    assert box is not None and whole is not None
    assert box["x"] + box["width"] / 2 == pytest.approx(whole["x"] + whole["width"] / 2, abs=3)
    assert box["y"] + box["height"] / 2 == pytest.approx(whole["y"] + whole["height"] / 2, abs=3)
    press(page, "t")
    assert not number.is_visible()
    press(page, "t", "Home")
    assert number.count() == 0


def test_sliders_keep_their_own_keys(page: Page) -> None:
    page.locator("#level").focus()
    press(page, "ArrowUp")
    assert told(page) == START and page.locator("#hu").inner_text() == "−95 to 245 HU"


def test_wheel_slider_buttons_thumbs_and_rows_step_too(page: Page) -> None:
    page.locator("#stage").hover()
    page.mouse.wheel(0, 100)
    page.wait_for_function(f"document.querySelector('#told').textContent === 'slice {TUMOUR_AT - 2}'")
    page.get_by_label("next slice").click()
    assert told(page) == START - 1
    page.locator("#slider").fill("0")
    assert told(page) == 0 and page.locator("tr.here").count() == 0
    page.get_by_label("show tumour 1").click()
    assert told(page) == START
    thumb = page.locator(".thumbs button").last
    thumb.click()
    assert told(page) == int(thumb.get_attribute("data-place") or -1) > START
    assert page.locator(".thumbs button[aria-current]").count() == 1
    press(page, "n")
    assert told(page) == START


def test_what_was_drawn_can_be_hidden_piece_by_piece(page: Page) -> None:
    def tinted(place: tuple[int, int]) -> int:
        return int(np.ptp(colour(page, place)))

    press(page, "t")
    assert not page.locator("#show-tumour").is_checked()
    red, _, blue = colour(page, TUMOUR)
    assert blue > red + 8, "what is under the tumour is liver"
    press(page, "l")
    assert tinted(TUMOUR) == tinted(LIVER) == 0
    press(page, "l", "t")
    page.keyboard.down("h")
    assert tinted(TUMOUR) == tinted(LIVER) == 0
    page.keyboard.up("h")
    assert tinted(LIVER) > 0
    page.locator("#fill").fill("0")
    assert tinted(LIVER) == tinted(TUMOUR) == 0
    edges = stage(page)
    assert (np.ptp(edges, axis=2) > 60).any(), "outlines stay"
    press(page, "f", "f")
    assert page.locator("#fill").input_value() == "20" and tinted(LIVER) > 0


@pytest.mark.parametrize("number", range(len(WINDOWS)))
def test_windows_are_those_that_are_named(page: Page, number: int) -> None:
    press(page, *["w"] * number)
    window = WINDOWS[number]
    assert page.locator("#window").evaluate("box => box.selectedOptions[0].textContent") == window.name
    for place, key in ((0, "Home"), (START, "n"), (COUNT - 1, "End")):
        press(page, key)
        grey = grey_of(place, window.low_hu, window.high_hu)
        assert colour(page, BODY) == pytest.approx([grey] * 3, abs=9), place


def test_the_picture_can_be_enlarged_moved_and_measured(page: Page) -> None:
    press(page, "z")
    assert page.locator("#fit").inner_text() == "whole"
    left = stage(page)
    assert (np.ptp(left[:, left.shape[1] // 2 - 200 : left.shape[1] // 2 + 200], axis=2) > 8).mean() > 0.6, (
        "liver fills it"
    )
    box = page.locator("#stage").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 150, middle[1], steps=3)
    page.mouse.up()
    assert not np.array_equal(stage(page), left)
    press(page, "z")
    assert page.locator("#fit").inner_text() == "liver"
    page.keyboard.down("Shift")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 3, middle[1], steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    mm = float(page.locator("#where").inner_text().removesuffix(" mm"))
    assert mm == pytest.approx(COLUMNS * 2.0 / 3, abs=0.6), "a third of the picture's width"
    assert page.locator("#ruler").is_visible()
    press(page, "ArrowUp")
    assert not page.locator("#ruler").is_visible()


def test_the_scale_bar_is_as_long_as_it_says(page: Page) -> None:
    for keys in ((), ("+", "+", "+")):
        press(page, *keys)
        bar, whole = (page.locator(name).bounding_box() for name in ("#scale", "#plane"))
        assert bar is not None and whole is not None
        mm = float(page.locator("#scale-mm").inner_text().removesuffix(" mm"))
        assert bar["width"] / whole["width"] == pytest.approx(mm / (COLUMNS * 2.0), rel=0.02)


@pytest.mark.parametrize("width", [1600, 1280, 390])
def test_it_fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#stage").bounding_box()
    assert box is not None and box["width"] / box["height"] == pytest.approx(COLUMNS / ROWS, rel=0.01)
    if width > 1000:
        slider = page.locator("#slider").bounding_box()
        assert slider is not None and slider["y"] + slider["height"] <= 900, "picture and slider are seen together"
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("width", [1280, 390])
def test_names_and_values_in_the_foot_stand_apart(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    places = page.locator("footer .pairs dt, footer .pairs dd").evaluate_all(
        "parts => parts.map(part => { const range = document.createRange(); range.selectNodeContents(part);"
        " const box = range.getBoundingClientRect(); return [box.left, box.right, box.top, box.bottom]; })"
    )
    for name, value in zip(places[::2], places[1::2], strict=True):
        assert value[0] - name[1] >= 6 or value[2] >= name[3]
    page.set_viewport_size({"width": 1280, "height": 900})


def test_everything_can_be_reached_by_keyboard_and_has_a_name(page: Page) -> None:
    unnamed = """[...document.querySelectorAll("button, input, select")].filter(part =>
      !(part.textContent.trim() || part.getAttribute("aria-label") || part.labels?.[0]?.textContent.trim())).length"""
    assert page.evaluate(unnamed) == 0
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
    assert {
        "show-liver",
        "show-tumour",
        "fill",
        "window",
        "level",
        "width",
        "in",
        "out",
        "fit",
        "stage",
        "slider",
    } <= reached
    assert "show tumour 1" in reached


def test_printed_it_shows_slices_and_figures_and_no_tools(browser: Browser, file: Path) -> None:
    page, _ = opened(browser, file)
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible() and not page.locator(".steps").is_visible()
    assert page.locator(".thumbs .thumb").first.is_visible() and page.locator(".tile").first.is_visible()
    assert len(page.pdf()) > 10_000
    page.close()


def test_without_script_a_slice_and_the_thumbs_are_shown(browser: Browser, file: Path) -> None:
    page, seen = opened(browser, file, java_script_enabled=False)
    assert not page.locator(".tools").is_visible()
    assert colour(page, BODY) == pytest.approx([grey_of(START)] * 3, abs=4)
    red, _, blue = colour(page, TUMOUR)
    assert red > blue + 20
    assert page.locator(".thumbs .thumb").count() == 6
    assert seen.requests == [file.as_uri()]
    page.close()


def test_s06_no_request_leaves_the_page_and_hostile_words_do_nothing(browser: Browser, tmp_path: Path) -> None:
    word = " ".join(HOSTILE)
    said = record(created=word, versions={word: word}, warnings=[{"text": text} for text in HOSTILE])
    said["scan"] |= {"name": word, "orientation": word, "uid": word}
    said["model"] |= {"name": word, "id": word}
    path = tmp_path / "hostile_seg.html"
    path.write_text(render_page(view(), said), "utf-8")
    page, seen = opened(browser, path)
    press(page, "End", "w", "z", "n", "t", "l")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert [url for url in seen.requests if not url.startswith("data:")] == [path.as_uri()]
    assert seen.said == []
    page.close()
