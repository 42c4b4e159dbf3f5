"""Stepping through slices in a real browser: slider, buttons and keys, what can be hidden, and what is there without a script."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from results.overlays import Grid, Overlays, Prediction, ScanSlices
from results.reports.document import build_document
from results.reports.html import render
from results.tables.disagreement import cases_to_look_at, selected_trials
from tests.results.reports.browser import chromium_path, running
from tests.results.reports.open_page import Seen, opened
from tests.results.test_disagreement import DICE, swept

COUNT, FIRST, STEP, SIDE = 7, 20, 3, 48
START = 4


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("there is no chromium on this machine; `make browser` installs it")
    with running(path) as browser:
        yield browser


def stepped() -> Overlays:
    """Scans whose every slice has a grey of its own; labels differ most at place `START`; one trial kept nothing."""
    sweep = swept(DICE)
    grid = Grid(60, 99, 99, FIRST, STEP, COUNT, 0, 0, SIDE, SIDE, SIDE, SIDE)
    image = np.repeat(np.arange(COUNT, dtype=np.uint8) * 30 + 20, SIDE * SIDE).reshape(COUNT, SIDE, SIDE)
    reference = np.zeros_like(image)
    reference[:, 12:36, 12:36] = 1
    labels = reference.copy()
    labels[START, 20:28, 20:28] = 2
    scan = ScanSlices(grid, (2.5, 1.0, 1.0), image, reference)
    cases = [item.case for item in cases_to_look_at(sweep)]
    uids = [trials[0].uid for trials in selected_trials(sweep).values()]
    return Overlays(
        dict.fromkeys(cases, scan),
        {uid: {case: Prediction(grid, labels, 1.25) for case in cases} for uid in uids[:2]},
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("look") / "report.html"
    overlays = stepped()
    path.write_text(render(build_document(swept(DICE), overlays=lambda cases: overlays))["report.html"], "utf-8")
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser, file: Path) -> Iterator[tuple[Page, Seen]]:
    page, seen = opened(browser, file)
    yield page, seen
    page.close()


@pytest.fixture
def viewer(desk: tuple[Page, Seen]) -> Locator:
    """The first viewer as it is after loading."""
    desk[0].reload()
    return desk[0].locator(".viewer").first


def pixels(pane: Locator) -> np.ndarray:
    """What a pane looks like without its rounded corners, RGB `(h, w, 3)`."""
    return np.asarray(Image.open(io.BytesIO(pane.screenshot())).convert("RGB"), int)[6:-6, 6:-6]


def place(viewer: Locator) -> int:
    """The slice that the scan itself shows, told by its grey."""
    found = pixels(viewer.locator(".pane").first)
    grey = np.median(found[found.shape[0] // 4 : -found.shape[0] // 4, found.shape[1] // 4 : -found.shape[1] // 4])
    return round((float(grey) - 20) / 30)


def told(viewer: Locator) -> str:
    return viewer.locator("output").inner_text()


def test_it_opens_where_the_labels_differ_most(viewer: Locator) -> None:
    assert place(viewer) == START and told(viewer) == f"slice {FIRST + START * STEP}"
    assert viewer.locator("figure").count() == 2 + 3
    assert viewer.locator(".none").inner_text() == "no slices were kept"
    expect(viewer).to_contain_text("every third slice")
    expect(viewer).to_contain_text("1.2 mL outside this view")


def test_keys_step_all_pictures_and_stop_at_the_ends(viewer: Locator) -> None:
    panes = viewer.locator(".panes")
    panes.focus()
    for key, expected in (
        *(("ArrowRight", START + 1), ("ArrowUp", START + 2), ("ArrowRight", COUNT - 1), ("ArrowLeft", COUNT - 2)),
        *(("PageDown", 0), ("ArrowDown", 0), ("End", COUNT - 1), ("Home", 0)),
    ):
        panes.press(key)
        assert (place(viewer), told(viewer)) == (expected, f"slice {FIRST + expected * STEP}"), key
    assert viewer.locator("input[type=range]").input_value() == "0"
    other = viewer.page.locator(".viewer").nth(1)
    assert told(other) == f"slice {FIRST + START * STEP}", "every scan is stepped through by itself"


def test_slider_and_buttons_step_too(viewer: Locator) -> None:
    slider = viewer.locator("input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    assert place(viewer) == START + 1
    assert slider.get_attribute("aria-valuetext") == told(viewer)
    viewer.get_by_label("next slice").click()
    assert place(viewer) == START + 2
    viewer.get_by_label("previous slice").click()
    assert place(viewer) == START + 1
    slider.fill("2")
    assert place(viewer) == 2


def test_labels_lie_on_their_slice_and_can_be_hidden(viewer: Locator) -> None:
    predicted = viewer.locator(".pane").nth(2)
    with_tumour = pixels(predicted)
    middle = tuple(size // 2 for size in with_tumour.shape[:2])
    red, _, blue = with_tumour[middle]
    assert red > blue + 30, "tumour is vermilion"
    viewer.locator(".panes").press("ArrowRight")
    red, _, blue = pixels(predicted)[middle]
    assert blue > red + 10, "liver is blue"
    assert (pixels(predicted).min(axis=2) > 230).any(), "the outline of the reference is white"
    viewer.get_by_label("reference outline").uncheck()
    assert not (pixels(predicted).min(axis=2) > 230).any()
    viewer.get_by_label("labels", exact=True).uncheck()
    bare = pixels(predicted)
    assert np.ptp(bare[middle[0]], axis=1).max() <= 2, "nothing but grey is left"


def test_an_architecture_that_is_switched_off_has_no_picture(viewer: Locator) -> None:
    page = viewer.page
    page.locator(".chip", has_text="segnet").click()
    names = [text for text in viewer.locator("figcaption b").all() if text.is_visible()]
    assert [text.inner_text() for text in names] == ["scan", "reference", "unet", "encoder_decoder"]


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_its_pictures_are_square(viewer: Locator, width: int) -> None:
    page = viewer.page
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = viewer.locator(".pane").first.bounding_box()
    assert box is not None and box["width"] == pytest.approx(box["height"], abs=1) and box["width"] > 130
    page.set_viewport_size({"width": 1280, "height": 900})


def test_without_script_one_slice_of_each_is_shown(browser: Browser, file: Path) -> None:
    page, seen = opened(browser, file, java_script_enabled=False)
    viewer = page.locator(".viewer").first
    assert place(viewer) == START
    assert not viewer.locator(".steps").is_visible()
    assert seen.requests == [file.as_uri()]
    page.close()


def test_s06_no_request_leaves_the_page_and_nothing_breaks_its_policy(desk: tuple[Page, Seen], file: Path) -> None:
    assert set(desk[1].requests) == {file.as_uri()}
    assert desk[1].said == []
