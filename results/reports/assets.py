"""Scripts and styles of the HTML report, and the content-security policy that allows them and nothing else.

A part of the page that needs its own adds a file and its name here. Scripts run in this order, after the page is
complete; they may not assume that any other runs.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

SCRIPTS = ("page/sort.js", "page/filter.js", "page/marks.js", "page/page.js", "page/overlays.js")
STYLES = ("page/page.css", "page/overlays.css")


@cache
def asset(name: str) -> str:
    """The text of a script or style by its name, for example `page/page.css`."""
    return files("results.reports").joinpath(name).read_text("utf-8")


def scripts() -> tuple[str, ...]:
    """The texts of the scripts, in the order in which they run."""
    return tuple(asset(name) for name in SCRIPTS)


def styles() -> tuple[str, ...]:
    """The texts of the style sheets; later ones win."""
    return tuple(asset(name) for name in STYLES)


def content_policy(allowed: Sequence[str] | None = None) -> str:
    """The content-security policy: nothing is loaded, and only these scripts run (None: those of `scripts`)."""
    texts = scripts() if allowed is None else allowed
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)
    parts = ("default-src 'none'", f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data:")
    return "; ".join((*parts, "base-uri 'none'", "form-action 'none'"))
