"""Data sets: finding cases on disk, checking them, telling patients apart and dividing them.

files = find_cases("~/lits", "lits")
report = check_cohort(files, on_case=show)
split = split_patients({case.patient for case in report.cases}, test=0.2, validation=0.2, seed=7)
"""

from __future__ import annotations

from liverseg.data.check import case_uid, check_case, file_sha256
from liverseg.data.cohort import check_cohort
from liverseg.data.layouts import Found, Globs, Inventory, LayoutSpec
from liverseg.data.listing import Listing, find_cases, list_cases
from liverseg.data.patients import group_patients, patient_key, patient_pseudonym
from liverseg.data.records import Case, CaseFiles, CaseReport, CohortReport, Problem
from liverseg.data.registry import ENTRY_POINT_GROUP, LAYOUTS, detect_layout, layout_named, layouts
from liverseg.data.rules import RULES, severity_of
from liverseg.data.split import Fold, Split, fingerprint_of, join_training, split_patients

__all__ = [
    "ENTRY_POINT_GROUP",
    "LAYOUTS",
    "RULES",
    "Case",
    "CaseFiles",
    "CaseReport",
    "CohortReport",
    "Fold",
    "Found",
    "Globs",
    "Inventory",
    "LayoutSpec",
    "Listing",
    "Problem",
    "Split",
    "case_uid",
    "check_case",
    "check_cohort",
    "detect_layout",
    "file_sha256",
    "find_cases",
    "fingerprint_of",
    "group_patients",
    "join_training",
    "layout_named",
    "layouts",
    "list_cases",
    "patient_key",
    "patient_pseudonym",
    "severity_of",
    "split_patients",
]
