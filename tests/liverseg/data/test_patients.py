"""Grouping scans by patient."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from liverseg.data import Case, check_cohort, group_patients, patient_key, patient_pseudonym
from liverseg.errors import ConfigError
from tests.liverseg.data.test_check import plausible_pair


@pytest.fixture
def cases(tmp_path: Path) -> tuple[Case, ...]:
    names = ("P1_late", "P2_late", "P1_portal")
    return check_cohort([plausible_pair(tmp_path, name, n) for n, name in enumerate(names)]).cases


def test_without_a_pattern_every_case_is_a_patient(cases: tuple[Case, ...]) -> None:
    assert [case.patient for case in group_patients(cases, None)] == [case.uid for case in cases]


def test_cases_of_one_patient_share_a_pseudonym(cases: tuple[Case, ...]) -> None:
    late, other, portal = group_patients(cases, r"^(P\d+)_")
    assert late.patient == portal.patient != other.patient
    joined = ",".join(sorted((cases[0].uid, cases[2].uid)))
    assert late.patient == "pt-" + hashlib.sha256(joined.encode()).hexdigest()[:8]
    assert [case.name for case in (late, other, portal)] == [case.name for case in cases]


def test_pseudonyms_do_not_depend_on_the_order(cases: tuple[Case, ...]) -> None:
    forth = {case.uid: case.patient for case in group_patients(cases, r"^(P\d+)")}
    back = {case.uid: case.patient for case in group_patients(cases[::-1], r"^(P\d+)")}
    assert forth == back


@pytest.mark.parametrize("pattern", [r"P\d+", r"(P)(\d)", "(", r"^(X\d+)", r"^(Q*)"])
def test_patterns_that_tell_no_patient_are_refused(cases: tuple[Case, ...], pattern: str) -> None:
    with pytest.raises(ConfigError, match="patient pattern"):
        group_patients(cases, pattern)


def test_a_single_name_is_told_as_in_a_group(cases: tuple[Case, ...]) -> None:
    assert (patient_key("P7_late", r"^(P\d+)"), patient_key("X7", r"^(P\d+)")) == ("P7", "")
    late, _, portal = group_patients(cases, r"^(P\d+)_")
    assert patient_pseudonym([portal.uid, late.uid]) == late.patient
    with pytest.raises(ConfigError, match="patient pattern"):
        patient_key("P7", "P")
