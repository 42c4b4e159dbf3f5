"""The HTML report in a real browser: it asks for nothing, sorts, filters, fits, prints, and can be used without a mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from results.pictures import Pictures
from results.ranking import best_by_architecture
from results.reports.document import build_document
from results.reports.html import render
from tests.results.ledger_factory import FakeLedger, hostile, realistic
from tests.results.plots.test_plots import folded
from tests.results.reports.browser import chromium_path, running
from tests.results.reports.open_page import Seen, column, of, opened, pressed, shown

TRIALS = 60
MOST_BYTES = 5_000_000
UNFOLD = "document.querySelectorAll('details').forEach(part => { part.open = true; })"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("there is no chromium on this machine; `make browser` installs it")
    with running(path) as browser:
        yield browser


def written(ledger: FakeLedger, file: Path) -> Path:
    """The page of a ledger with pictures that are as hard to compress as scans."""
    sweep = folded(ledger)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (6, 256, 256)).astype(np.uint8)
    labels = np.zeros_like(image)
    labels[:, 20:230, 20:230], labels[:, 90:130, 90:130] = 1, 2
    cases = tuple(f"case-{i}" for i in range(6))
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives).values()
    pictures = {trial.uid: Pictures(cases, (5,) * 6, image, labels, labels) for trial in best if trial}
    file.write_text(render(build_document(sweep, pictures))["report.html"], "utf-8", "backslashreplace")
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(realistic(TRIALS, cases=12, epochs=20), tmp_path_factory.mktemp("page") / "report.html")


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


def test_a_page_of_sixty_trials_with_pictures_is_small(file: Path) -> None:
    assert 1_000_000 < file.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("ledger", ["plain", "hostile"])
def test_s06_no_request_leaves_the_page_and_nothing_breaks_its_policy(
    browser: Browser, file: Path, tmp_path: Path, ledger: str
) -> None:
    path = file if ledger == "plain" else written(hostile(), tmp_path / "report.html")
    page, seen = opened(browser, path)
    for box in page.locator(".chip input").all():
        box.uncheck(force=True)
    page.locator("#all").click()
    for button in page.locator("#trials th button").all()[:4]:
        button.click()
    page.locator("#words").fill("unet")
    page.evaluate(UNFOLD)
    assert seen.requests == [path.as_uri()]
    assert seen.said == []
    page.close()


def test_s06_the_policy_is_in_force(browser: Browser, file: Path) -> None:
    page, seen = opened(browser, file)
    page.evaluate("""() => {
      window.broken = [];
      document.addEventListener("securitypolicyviolation", event => window.broken.push(event.effectiveDirective));
      const script = document.createElement("script"), image = new Image();
      script.textContent = "window.ran = true";
      image.src = "http://127.0.0.1:9/a.png";
      document.body.append(script, image);
      fetch("http://127.0.0.1:9/").catch(() => { window.refused = true; });
    }""")
    page.wait_for_function("window.refused && window.broken.length === 3")
    assert page.evaluate("window.ran") is None
    assert [reason for url, reason in seen.refused if "127.0.0.1" in url] == [
        "csp"
    ]  # the picture; the other never began
    assert sorted(page.evaluate("window.broken")) == ["connect-src", "img-src", "script-src-elem"]
    page.close()


def test_a_head_sorts_up_down_and_back_with_missing_values_last(page: Page) -> None:
    table, head = "#trials table", "validation Dice"
    before = column(page, table, "no.")
    assert pressed(page, table, head) == "ascending"
    up = column(page, table, head)
    known = [float(text) for text in up if text != "–"]
    assert known == sorted(known) and len(known) < len(up) == TRIALS
    assert set(up[len(known) :]) == {"–"}
    assert pressed(page, table, head) == "descending"
    down = column(page, table, head)
    assert [float(text) for text in down if text != "–"] == known[::-1]
    assert set(down[len(known) :]) == {"–"}
    assert pressed(page, table, head) is None
    assert column(page, table, "no.") == before
    pressed(page, table, "architecture")
    names = column(page, table, "architecture")
    assert names == sorted(names)
    assert page.locator(f"{table} [aria-sort]").count() == 1


def test_numbers_are_sorted_as_numbers_in_every_table(page: Page) -> None:
    assert pressed(page, "#pairs table", "mean difference") == "ascending"
    values = [float(text.replace("−", "-")) for text in column(page, "#pairs table", "mean difference")]
    assert values == sorted(values) and values[0] < 0 < values[-1]
    several = "[...document.querySelectorAll('table')].filter(table => table.tBodies[0].rows.length > 1)"
    assert page.evaluate(f"{several}.every(table => table.querySelectorAll('th button').length > 1)")


def test_an_architecture_that_is_switched_off_is_gone_from_tables_and_plots(page: Page) -> None:
    position = of(page, "segnet")
    marks, points = f"main [data-of~='{position}']", f"#parameters g[data-of='{position}'] use"
    assert page.locator(points).count() > 20 and shown(page, points) > 20
    page.locator(".chip", has_text="segnet").click()
    assert shown(page, marks) == 0
    assert "segnet" not in column(page, "#trials table", "architecture")
    assert "segnet" not in {*column(page, "#pairs table", "this"), *column(page, "#pairs table", "against")}
    assert shown(page, "svg text:text-is('segnet')") <= 1  # an axis of all architectures keeps its word
    assert {"unet", "unet_resnet50"} <= set(column(page, "#trials table", "architecture"))
    expect(page.locator("#told")).to_have_text(f"{TRIALS - 12} of {TRIALS} trials")
    page.locator("#none").click()
    assert shown(page, "#trials tbody tr") == 0
    page.locator("#all").click()
    assert shown(page, "#trials tbody tr") == TRIALS and shown(page, points) > 20


def test_words_narrow_the_trials_and_go_with_the_filter(page: Page) -> None:
    page.locator("#words").fill("Finished unet_resnet")
    assert set(column(page, "#trials table", "state")) == {"finished"}
    assert set(column(page, "#trials table", "architecture")) == {"unet_resnet18", "unet_resnet50"}
    page.locator(".chip", has_text="unet_resnet18").click()
    assert set(column(page, "#trials table", "architecture")) == {"unet_resnet50"}
    page.locator("#words").fill("nothing has this")
    expect(page.locator("#told")).to_have_text(f"0 of {TRIALS} trials")


def test_a_mark_says_which_trial_it_is_and_leads_to_its_row(page: Page) -> None:
    point = page.locator("#parameters use[data-trial='18']").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    about = page.locator("#about")
    expect(about).to_be_visible()
    expect(about).to_have_text(re.compile(r"^trial \d+, \w+, finished: validation Dice 0\.\d{3}; learning_rate "))
    number = re.findall(r"\d+", about.inner_text())[0]
    assert page.locator(f"svg .lit[data-trial='{number}']").count() >= 2
    point.click(force=True)
    assert page.evaluate("document.activeElement.dataset.trial") == number
    page.mouse.move(2, 2)
    expect(about).to_be_hidden()


def test_everything_can_be_reached_and_done_by_keyboard(page: Page) -> None:
    page.locator("body").press("Tab")
    assert page.evaluate("document.activeElement.matches('nav a')")
    for _ in range(60):
        if page.evaluate("document.activeElement.matches('.chip input')"):
            break
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement.closest('.chip')).outlineStyle") == "solid"
    page.keyboard.press("Space")
    assert "unet" not in column(page, "#trials table", "architecture")
    head = page.locator("#trials th button", has_text="rank").first
    head.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert head.locator("..").get_attribute("aria-sort") == "descending"
    page.locator("#pairs summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#pairs details").first.get_attribute("open") is not None
    assert page.evaluate("[...document.querySelectorAll('.plot, .wide, .grid')].every(part => part.tabIndex === 0)")


CONTRASTS = """() => {
  const light = colour => {
    const part = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(value => part(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = part => {
    for (; part; part = part.parentElement) {
      const colour = getComputedStyle(part).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  return [...document.querySelectorAll("h1, h2, h3, p, dt, dd, td, th button, a, label span, summary, svg text")].map(part => {
    const style = getComputedStyle(part), drawn = part instanceof SVGElement;
    const [x, y] = [drawn ? style.fill : style.color, behind(part)].map(light).sort();
    return [(y + 0.05) / (x + 0.05), part.textContent.slice(0, 40)];
  }).filter(([contrast, text]) => text.trim() && contrast < 4.5 && !/^\\d+$/.test(text));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.evaluate(CONTRASTS) == []
    strokes = page.evaluate(
        "[...document.querySelectorAll('#training path')].map(path => getComputedStyle(path).stroke)"
    )
    assert ("rgb(0, 114, 178)" in strokes) == (scheme == "light")
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_the_page_fits_and_is_readable(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = """[...document.querySelectorAll('p, td, th, dd, dt, a, li, figcaption, label')].filter(
      part => part.getClientRects().length && parseFloat(getComputedStyle(part).fontSize) < 12).length"""
    assert page.evaluate(small) == 0
    letters = """[...document.querySelectorAll('svg text')].map(
      text => parseFloat(getComputedStyle(text).fontSize) * Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b))"""
    assert min(page.evaluate(letters)) >= 8
    page.set_viewport_size({"width": 1280, "height": 900})


def test_it_prints_in_full(page: Page) -> None:
    page.emulate_media(media="print")
    assert not page.locator("aside").is_visible()
    assert not page.locator("#words").is_visible()
    folded_away = "[...document.querySelectorAll('details:not([open]) table')]"
    assert page.evaluate(f"{folded_away}.length") > 3
    assert page.evaluate(f"{folded_away}.every(table => table.checkVisibility({{contentVisibilityAuto: true}}))")
    assert page.evaluate("getComputedStyle(document.querySelector('.tall')).overflowY") == "visible"
    paper = page.pdf(format="A4")
    page.emulate_media(media="screen")
    assert paper.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", paper)) >= 5


def test_without_script_the_page_is_complete_and_has_no_dead_buttons(browser: Browser, file: Path) -> None:
    page, seen = opened(browser, file, java_script_enabled=False)
    assert shown(page, "#trials tbody tr") == TRIALS
    assert shown(page, "button, input, .scripted") == 0
    assert page.locator("svg").count() >= 7
    assert seen.requests == [file.as_uri()]
    page.close()


def test_a_thousand_trials_still_open(browser: Browser, tmp_path: Path) -> None:
    page, seen = opened(browser, written(realistic(1000, cases=3, epochs=3), tmp_path / "many.html"))
    assert len(column(page, "#trials table", "no.")) == 1000
    pressed(page, "#trials table", "no.")
    assert column(page, "#trials table", "no.")[:3] == ["0", "1", "2"]
    page.locator(".chip", has_text="segnet").click()
    assert "segnet" not in column(page, "#trials table", "architecture")
    assert seen.said == []
    page.close()
