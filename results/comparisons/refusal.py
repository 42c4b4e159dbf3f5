"""The refusal to compare sweeps that were not tested on the same patients: who differs, what that means, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from results.comparisons.parts import PartDifference
from results.errors import ResultsError
from results.reports.history import counted
from results.text import printable

MOST_NAMES = 8
_WHERE = {
    "train": "in its training",
    "validation": "in its validation",
    "test": "in its test part",
    "": "unknown to it",
}


class IncomparableError(ResultsError):
    """Sweeps may not be compared.

    Args:
        differences: of each sweep that does not fit the first; at least one.
    """

    def __init__(self, differences: Sequence[PartDifference]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join(refusal_lines(self.differences)))


def refusal_lines(differences: Sequence[PartDifference]) -> list[str]:
    """The refusal in lines, the first of which says it all."""
    names = [differences[0].first, *dict.fromkeys(difference.second for difference in differences)]
    part = differences[0].part
    what = "tested" if part == "test" else "validated"
    lines = [f"{_listed(names)} were not {what} on the same patients, so their scores must not be compared"]
    for difference in differences:
        lines += _of_pair(difference)
    options = "data.split and data.patient" if part == "test" else "data.split (test 0, the same validation and folds)"
    lines.append(
        f"to compare them, run one again on the same scans with the same {options}; sweeps on one split can differ in all else"
    )
    return [printable(line) for line in lines]


def _of_pair(difference: PartDifference) -> list[str]:
    first, second, part = difference.first, difference.second, difference.part
    lines = [
        f"  {name}: {counted(count, f'{part} patient')}, {part} fingerprint {fingerprint or 'none'}"
        for name, count, fingerprint in zip((first, second), difference.counts, difference.fingerprints, strict=True)
    ]
    lines.append(f"  {counted(difference.shared, 'patient')} in the {part} part of both")
    lines += _only(first, second, part, difference.only_first, difference.leaks[0])
    lines += _only(second, first, part, difference.only_second, difference.leaks[1])
    if difference.changed:
        lines.append(f"  another scan or mask than in the other sweep: {_listed(difference.changed)}")
    if difference.regrouped:
        lines.append("  the same patients, but in other folds of the cross-validation")
    return lines


def _only(name: str, other: str, part: str, patients: Mapping[str, str], leaked: int) -> list[str]:
    """The patients in the part of one sweep alone, by where the other one has them."""
    if not patients:
        return []
    lines = [f"  only in the {part} part of {name}: {counted(len(patients), 'patient')}"]
    for place, words in _WHERE.items():
        found = [patient for patient in patients if patients[patient] == place]
        if found:
            lines.append(f"    {other} has {len(found)} {words}: {_listed(found)}")
    if leaked:
        learned = "it" if leaked == 1 else "them"
        lines.append(f"    a leak, were they compared: {other} has learned from {learned}")
    return lines


def _listed(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
