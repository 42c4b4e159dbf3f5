"""A part of a report that every format shows without knowing what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from results.overlays import Overlays
from results.pictures import Pictures
from results.records import Sweep
from results.reports.table import Table
from results.statistics import Comparison, Optimism

if TYPE_CHECKING:
    from markupsafe import Markup

    from results.plots.style import Plot


ReadOverlays = Callable[[tuple[str, ...]], Overlays]
"""Reads the slices of some cases."""


def no_plots() -> tuple[Plot, ...]:
    """For sections without plots."""
    return ()


def no_overlays(cases: tuple[str, ...]) -> Overlays:
    """For sweeps of which no slices were kept."""
    return Overlays()


@dataclass(frozen=True, slots=True)
class Material:
    """What sections are made of.

    Attributes:
        sweep: the sweep.
        comparison: of its architectures.
        optimism: of its best score; None where that cannot be told.
        pictures: by uid of the trial.
        overlays: reads slices; called by formats that show pictures only, since they are many.
    """

    sweep: Sweep
    comparison: Comparison
    optimism: Optimism | None
    pictures: Mapping[str, Pictures]
    overlays: ReadOverlays = no_overlays


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report.

    Attributes:
        key: short name: anchor in HTML, member in JSON. Letters and hyphens.
        title: heading.
        short: word for it where there is little room, such as a list of links.
        text: paragraphs in plain words, printable.
        tables: each with a key of its own in the whole report, which names its CSV file.
        draw: makes the plots; called by formats that show plots only, since it loads matplotlib.
        facts: further numbers for programs, JSON types (NaN allowed).
        markup: for HTML only, between text and plots: markup of our own making in which everything from outside is
            escaped (`Markup.format` does that), or what makes it; plain text is escaped. What is slow to make, such
            as pictures, is given as a function, so that formats which do not show it do not wait for it.
        screen: whether a terminal shows the text and tables too.
    """

    key: str
    title: str
    short: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    draw: Callable[[], tuple[Plot, ...]] = no_plots
    facts: Mapping[str, Any] = field(default_factory=dict)
    screen: bool = False
    markup: Markup | str | Callable[[], Markup | str] = ""

    @property
    def html(self) -> Markup | str:
        """The markup, made if need be."""
        return self.markup() if callable(self.markup) else self.markup


MakeSection = Callable[[Material], Section | None]
"""Makes a section, or None where there is nothing to say."""
