"""Which scans belong to the same patient."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from liverseg.data.records import Case
from liverseg.errors import ConfigError


def group_patients(cases: Iterable[Case], pattern: str | None) -> tuple[Case, ...]:
    r"""Give scans of one patient one pseudonym, so that a split cannot part them.

    Args:
        cases: checked cases.
        pattern: regular expression with one group, searched for in the case's name; what the group catches tells the
            patient. `^(P\d+)` makes one patient of `P07_portal` and `P07_late`. None: every case is a patient.

    Returns:
        The cases in the same order. Where a pattern is given, `patient` is `pt-` and 8 hex digits of SHA-256 over the
        sorted uids of the patient's cases; otherwise it is the case's uid.

    Raises:
        ConfigError: not a regular expression with one group, or a name in which it finds nothing.
    """
    cases = tuple(cases)
    if pattern is None:
        return tuple(replace(case, patient=case.uid) for case in cases)
    expression = _compile(pattern)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    keys = [_key(expression, case.name) for case in cases]
    if missed := [case.name for case, key in zip(cases, keys, strict=True) if not key]:
        raise ConfigError(
            "pattern finds no patient in some names",
            where="patient pattern",
            got=", ".join(missed[:10]),
            allowed=f"names in which {pattern} finds something",
            next_step="widen the pattern",
        )
    for case, key in zip(cases, keys, strict=True):
        groups[key].append(case.uid)
    return tuple(replace(case, patient=patient_pseudonym(groups[key])) for case, key in zip(cases, keys, strict=True))


def patient_key(name: str, pattern: str) -> str:
    """What a pattern's group catches in the name of a scan, which tells its patient; empty where it finds nothing.

    Raises:
        ConfigError: as `group_patients`.
    """
    return _key(_compile(pattern), name)


def patient_pseudonym(uids: Iterable[str]) -> str:
    """The pseudonym of the patient who has these cases, see `group_patients`."""
    return "pt-" + hashlib.sha256(",".join(sorted(uids)).encode()).hexdigest()[:8]


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            "not a regular expression", where="patient pattern", got=pattern, next_step=str(error)
        ) from error
    if expression.groups != 1:
        raise ConfigError(
            "pattern needs one group",
            where="patient pattern",
            got=pattern,
            allowed="one pair of brackets, as in ^(P\\d+)",
        )
    return expression


def _key(expression: re.Pattern[str], name: str) -> str:
    match = expression.search(name)
    return (match[1] or "") if match else ""
