"""The sections of a report beside its main tables, in the order in which they are shown."""

from __future__ import annotations

from results.reports.section import MakeSection, Material, Section
from results.reports.sections.budget import make_budget
from results.reports.sections.importances import make_importances
from results.reports.sections.metrics import make_metrics
from results.reports.sections.overlays import make_overlays
from results.reports.sections.parameters import make_parameters
from results.reports.sections.selection import make_selection
from results.reports.sections.strata import make_strata
from results.reports.sections.test import make_test
from results.reports.sections.time import make_time

SECTIONS: tuple[MakeSection, ...] = (
    make_test,
    make_selection,
    make_metrics,
    make_budget,
    make_strata,
    make_overlays,
    make_importances,
    make_parameters,
    make_time,
)


def make_sections(material: Material) -> tuple[Section, ...]:
    """All sections that have something to say."""
    made = [make(material) for make in SECTIONS]
    return tuple(section for section in made if section is not None)
