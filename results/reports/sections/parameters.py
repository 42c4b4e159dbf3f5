"""What the search tried, and how it scored: each parameter alone, and all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reports.section import Material, Section
from results.tables.factors import swept_parameters

if TYPE_CHECKING:
    from results.plots.style import Plot

_TEXT = (
    "What was tried and how it scored. Where a sampler chose the values they are not balanced: read patterns as descriptions, "
    "not as effects."
)


def make_parameters(material: Material) -> Section | None:
    """Two plots for pages; None where nothing varied."""
    sweep = material.sweep
    if not swept_parameters(sweep.trials):
        return None

    def draw() -> tuple[Plot, ...]:
        from results.plots.parallel_coordinates import parallel_coordinates
        from results.plots.parameter_scores import parameter_scores

        return parameter_scores(sweep), parallel_coordinates(sweep)

    return Section("parameters", "Parameters and scores", "Parameters", (_TEXT,), draw=draw)
