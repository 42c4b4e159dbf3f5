"""A real Chromium without a window, as the tests of the page use it. It reaches no network and ends with the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def chromium_path() -> str | None:
    """The system's Chromium; None when there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def running(path: str) -> Iterator[Browser]:
    """A browser; afterwards none of its processes is left, or `AssertionError` is raised."""
    before = set(psutil.Process().children(recursive=True))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        started = [child for child in psutil.Process().children(recursive=True) if child not in before]
        try:
            yield browser
        finally:
            browser.close()
    _, left = psutil.wait_procs(started, timeout=20)
    for process in left:
        process.kill()
    assert not left
