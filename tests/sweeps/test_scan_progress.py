"""What is shown of scans that are at work: read first where they are a DICOM series, then segmented, then gone."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from sweeps.cli.console import ScanBar


@pytest.fixture
def bar() -> Iterator[Progress]:
    with Progress(console=Console(file=io.StringIO()), disable=True) as made:
        yield made


def shown(bar: Progress) -> list[tuple[str, float, float | None]]:
    return [(task.description, task.completed, task.total) for task in bar.tasks]


def test_a_series_is_read_then_segmented_then_done(bar: Progress) -> None:
    scans = ScanBar(bar, 2)
    scans.slices("ct-9", 120, 400, reading=True)
    scans.slices("ct-10", 8, 90)
    assert shown(bar) == [("scans", 0, 2), ("  reading ct-9: slices", 120, 400), ("  ct-10: slices", 8, 90)]
    scans.slices("ct-9", 400, 400, reading=True)
    scans.slices("ct-9", 8, 410)
    assert shown(bar) == [("scans", 0, 2), ("  ct-10: slices", 8, 90), ("  ct-9: slices", 8, 410)]
    scans.scan("ct-9")
    scans.scan("kept")
    assert shown(bar) == [("scans", 2, 2), ("  ct-10: slices", 8, 90)]


def test_slices_alone(bar: Progress) -> None:
    scans = ScanBar(bar, None)
    scans.slices("ct\x1b[2J[red]", 1, 3, reading=True)
    ((label, *_),) = shown(bar)
    assert "\x1b" not in label and "\\[red]" in label
    scans.scan("ct\x1b[2J[red]")
    assert shown(bar) == []
