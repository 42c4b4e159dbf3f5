"""A report in a browser, and what is read off it: its columns, its buttons, what it asked for and said."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page


@dataclass
class Seen:
    """What a page did that somebody should know."""

    requests: list[str] = field(default_factory=list)
    refused: list[tuple[str, str | None]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def opened(browser: Browser, file: Path, **options: object) -> tuple[Page, Seen]:
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
    page.set_default_timeout(10_000)
    seen = Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("requestfailed", lambda request: seen.refused.append((request.url, request.failure)))
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("dialog", lambda dialog: (seen.said.append(dialog.message), dialog.dismiss()))
    page.goto(file.as_uri())
    return page, seen


def column(page: Page, table: str, head: str) -> list[str]:
    """The visible cells of a column."""
    script = """([table, head]) => {
      const found = document.querySelector(table), heads = [...found.tHead.rows[0].cells];
      const place = heads.findIndex(cell => cell.textContent === head);
      return [...found.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[place].textContent);
    }"""
    return list(page.evaluate(script, [table, head]))


def pressed(page: Page, table: str, head: str) -> str | None:
    """Press the head of a column; how it is sorted then."""
    button = page.locator(f"{table} th button", has_text=re.compile(f"^{re.escape(head)}$")).first
    button.click()
    return button.locator("..").get_attribute("aria-sort")


def of(page: Page, name: str) -> str:
    """The position by which the page knows an architecture."""
    return str(page.locator(".chip", has_text=re.compile(f"^{name}$")).locator("input").get_attribute("value"))


def shown(page: Page, selector: str) -> int:
    return sum(found.is_visible() for found in page.locator(selector).all())
