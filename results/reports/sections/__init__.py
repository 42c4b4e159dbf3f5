"""The sections of a report beside its main tables, in the order in which they are shown."""

from __future__ import annotations

from results.reports.section import MakeSection, Material, Section
from results.reports.sections.budget import make_budget
from results.reports.sections.strata import make_strata

SECTIONS: tuple[MakeSection, ...] = (make_budget, make_strata)


def make_sections(material: Material) -> tuple[Section, ...]:
    """All sections that have something to say."""
    made = [make(material) for make in SECTIONS]
    return tuple(section for section in made if section is not None)
