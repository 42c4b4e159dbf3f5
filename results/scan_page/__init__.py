"""One segmented scan to look at: a page that needs nothing else, and a picture. Importing this loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from results.scan_page.view import ScanView

__all__ = ["render_page", "render_png", "scan_view"]


def scan_view(slices: Any) -> ScanView:
    """A view of anything that has the attributes of `ScanView`; raises `ResultsError` where they do not fit together."""
    from results.scan_page.view import ScanView

    return ScanView.of(slices)


def render_page(view: ScanView, record: Mapping[str, Any]) -> str:
    """The page; see `results.scan_page.page.render_page`."""
    from results.scan_page.page import render_page as render

    return render(view, record)


def render_png(view: ScanView, record: Mapping[str, Any]) -> bytes:
    """The picture; see `results.scan_page.picture.render_png`."""
    from results.scan_page.picture import render_png as render

    return render(view, record)
