"""What is known of cases and cohorts, as frozen values that turn into JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liverseg.data.rules import severity_of
from liverseg.errors import DataError
from liverseg.volume import Header


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """The two files of one case, under the name its user knows.

    The name may identify a patient: keep it out of reports and logs.
    """

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True, slots=True)
class Case:
    """One checked case.

    Attributes:
        uid: pseudonym, `case-` and 8 hex digits of the image file's SHA-256.
        name: the user's name of the case.
        patient: pseudonym of the patient; equal to `uid` until cases are grouped.
        files: image and mask.
        header: the image's header.
        image_sha256, mask_sha256: of the files' bytes, hex.
        content_sha256: of the image's grid and decoded voxels, so that a copy in another wrapping is recognised.
        values_sha256: of the decoded voxels in any order, so that a copy is recognised that is also stored in another
            orientation.
        liver_ml, tumour_ml: volume labelled >= 1 and labelled 2, millilitres.
        hu_min, hu_max: extremes of the image.
        liver_hu: mean HU of what is labelled >= 1; None when nothing is.
        labels: label values present in the mask, ascending.
    """

    uid: str
    name: str
    patient: str
    files: CaseFiles
    header: Header
    image_sha256: str
    mask_sha256: str
    content_sha256: str
    values_sha256: str
    liver_ml: float
    tumour_ml: float
    hu_min: float
    hu_max: float
    liver_hu: float | None
    labels: tuple[int, ...]

    @property
    def marks(self) -> frozenset[str]:
        """What two cases of one scan share, whatever its wrapping or orientation."""
        return frozenset((self.uid, self.content_sha256, self.values_sha256))

    @property
    def slices(self) -> int:
        """Number of slices along the patient's long axis."""
        return self.header.shape[self._axis("SI")]

    def spacing_along(self, letters: str) -> float:
        """Millimetres between voxel centres along one of the patient's axes: `LR`, `AP` or `SI`, in any order."""
        return self.header.spacing_mm[self._axis(letters)]

    def _axis(self, letters: str) -> int:
        return next(index for index, letter in enumerate(self.header.orientation) if letter in letters)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; paths as text."""
        return {**asdict(self), "files": _files_dict(self.files)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule.

    Attributes:
        rule: id, a key of `liverseg.data.rules.RULES`.
        message: the full sentence for the user; may contain names and paths.
        case: the case's name, or None for a problem of the folder.
        summary: what is wrong, free of names and paths, fit for reports and logs.
    """

    rule: str
    message: str
    case: str | None = None
    summary: str = ""

    @property
    def severity(self) -> str:
        """`error` (the case cannot be used) or `warning` (somebody should look)."""
        return severity_of(self.rule)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "severity": self.severity}

    @staticmethod
    def of(error: DataError) -> Problem:
        """The problem that an error describes."""
        return Problem(error.rule or "D1", str(error), error.case, error.what)


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What checking one case found.

    Attributes:
        name: the user's name of the case.
        files: image and mask.
        case: all facts, or None when an error was found.
        header: the image's header where it could be read, even if something else is wrong.
        problems: broken rules, errors and warnings.
    """

    name: str
    files: CaseFiles
    case: Case | None
    header: Header | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the case can be used."""
        return self.case is not None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "name": self.name,
            "ok": self.ok,
            "files": _files_dict(self.files),
            "case": self.case and self.case.as_dict(),
            "header": self.header and asdict(self.header),
            "problems": [problem.as_dict() for problem in self.problems],
        }


@dataclass(frozen=True, slots=True)
class CohortReport:
    """What checking all cases of a folder found.

    Attributes:
        reports: one a case, in the order given.
        problems: those of single cases and those between cases (doubles), in that order.
    """

    reports: tuple[CaseReport, ...]
    problems: tuple[Problem, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases that can be used: no error of their own, and no double of another one."""
        refused = {problem.case for problem in self.problems if problem.severity == "error"}
        return tuple(report.case for report in self.reports if report.case and report.name not in refused)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems for which a case or the folder is refused."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that somebody should look at."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def tumour_cases(self) -> int:
        """Usable cases in which some tumour is labelled; 0 means that tumours cannot be learned or scored here."""
        return sum(2 in case.labels for case in self.cases)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with `schema_version`."""
        cases = self.cases
        return {
            "schema_version": 1,
            "facts": {
                "cases": len(self.reports),
                "usable": len(cases),
                "with_tumour": self.tumour_cases,
                "tumour_free": len(cases) - self.tumour_cases,
                "slices": sum(case.slices for case in cases),
                "liver_ml": sum(case.liver_ml for case in cases),
                "tumour_ml": sum(case.tumour_ml for case in cases),
            },
            "cases": [report.as_dict() for report in self.reports],
            "problems": [problem.as_dict() for problem in self.problems],
        }


def _files_dict(files: CaseFiles) -> dict[str, str]:
    return {"name": files.name, "image": str(files.image), "mask": str(files.mask)}
