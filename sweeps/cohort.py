"""Which scans a sweep uses, and which patient is trained on, validated on, or locked away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.errors import UsageError

if TYPE_CHECKING:
    from liverseg.data import Case, CaseFiles, CaseReport, Problem, Split
    from sweeps.spec import Spec

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A case that was left out on request: its rule and why, free of names and paths."""

    rule: str
    summary: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Checked cases and their split by patient.

    Attributes:
        reviewed: pseudonyms of the corrected cases from `data.reviews`, which are trained on only.
        left_out: corrected cases that were not taken, each with its reason.
        reviews_until: reviews that were read; None without `data.reviews`.
        later_reviews: those that came after them, since the sweep began.
    """

    cases: tuple[Case, ...]
    split: Split
    skipped: tuple[Skipped, ...]
    warnings: tuple[Problem, ...]
    reviewed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    reviews_until: int | None = None
    later_reviews: int = 0

    @property
    def folds(self) -> int:
        """Folds of the cross-validation, 1 without one."""
        return max(1, len(self.split.folds))

    def part(self, name: str, fold: int = 0) -> tuple[Case, ...]:
        """The cases of `train`, `validation` (of a fold) or `test`, in a fixed order."""
        source = self.split.folds[fold] if fold and name != "test" else self.split
        patients = set(getattr(source, name))
        return tuple(sorted((case for case in self.cases if case.patient in patients), key=lambda case: case.uid))

    def slices(self, name: str, fold: int = 0) -> int:
        """Axial slices of a part, before any is left out."""
        return sum(case.slices for case in self.part(name, fold))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all image and mask hashes: changes when any file does."""
        import hashlib

        lines = sorted(f"{case.image_sha256} {case.mask_sha256} {case.patient}" for case in self.cases)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """What the ledger keeps of the data: pseudonyms and counts only."""
        return {
            "cases": len(self.cases),
            "slices": sum(case.slices for case in self.cases),
            "tumour_free": sum(2 not in case.labels for case in self.cases),
            "skipped": [f"{item.rule}: {item.summary}" for item in self.skipped],
            **({"reviewed": list(self.reviewed)} if self.reviewed else {}),
        }

    def case_facts(self) -> dict[str, dict[str, Any]]:
        """Pseudonym to plain facts, by which a report tells where networks fail: nothing that names a patient or a file.

        `slices`; `spacing_mm` from left to right, from back to front and between slices, however the file stores them;
        `liver_ml` and `tumour_ml` of the reference.
        """
        return {
            case.uid: {
                "slices": case.slices,
                "spacing_mm": [round(case.spacing_along(axis), 4) for axis in ("LR", "PA", "IS")],
                "liver_ml": round(case.liver_ml, 3),
                "tumour_ml": round(case.tumour_ml, 3),
            }
            for case in self.cases
        }

    def case_map(self) -> dict[str, dict[str, str]]:
        """Pseudonym to name and files: for a file that only its owner may read."""
        return {
            case.uid: {
                "name": case.name,
                "patient": case.patient,
                "image": str(case.files.image),
                "mask": str(case.files.mask),
            }
            for case in self.cases
        }


def list_files(spec: Spec) -> tuple[list[CaseFiles], list[Problem]]:
    """The cases below the spec's data folder, and problems of the folder itself.

    Raises:
        DataError: no case there, or (without `skip_bad`) files without a partner.
        ConfigError: a layout or patterns that cannot work.
    """
    from liverseg.data import find_cases, list_cases

    data = spec.data
    layout = None if data.layout == "auto" else data.layout
    if not data.skip_bad:
        return find_cases(data.root, layout, images=data.images, masks=data.masks), []
    listing = list_cases(data.root, layout, images=data.images, masks=data.masks)
    return list(listing.cases), list(listing.problems)


def load_cohort(spec: Spec, *, threads: int, on_case: Callable[[CaseReport], None] | None = None) -> Cohort:
    """Find, read and check every case, split the patients, and add corrected cases from reviews to those trained on.

    Args:
        spec: the sweep.
        threads: cases read at a time.
        on_case: called after each case, for progress.

    Raises:
        DataError, ConfigError: as `list_files`; too few patients; a pattern that finds no patient.
        UsageError: bad cases without `skip_bad`, no tumour anywhere although the spec asks for it, or no reviews where it says
            that there are some. Nothing was written.
        LedgerError: the record of the reviews was changed.
    """
    from liverseg.data import check_cohort, group_patients, split_patients

    files, problems = list_files(spec)
    split = spec.data.split
    shares: dict[str, Any] = {
        "test": split.test,
        "validation": split.validation,
        "folds": split.folds,
        "seed": split.seed,
    }
    if spec.data.patient is None:
        # Too few patients is known before an hour is spent on reading them.
        split_patients([file.name for file in files], **shares)
    report = check_cohort(files, on_case=on_case, problems=problems, threads=threads)
    if report.errors and not spec.data.skip_bad:
        raise UsageError(_listing(report.errors))
    cases = group_patients(report.cases, spec.data.patient)
    if "tumour" in spec.data.labels and not report.tumour_cases:
        raise UsageError(
            "no mask holds a tumour (label 2), so tumours can be neither learned nor scored",
            where="data.labels",
            got=f"{list(spec.data.labels)} and {len(cases)} cases without tumour",
            next_step="write labels: [liver] under data, or add scans with tumours",
        )
    strata = _strata(cases)
    skipped = tuple(Skipped(problem.rule, problem.summary) for problem in report.errors)
    parts = split_patients([case.patient for case in cases], **shares, strata=strata)
    cohort = Cohort(cases, parts, skipped, report.warnings)
    if spec.data.reviews is None:
        return cohort
    from sweeps.reviews.corrected import with_reviews

    return with_reviews(cohort, spec, threads=threads, on_case=on_case)


def _strata(cases: tuple[Case, ...]) -> Mapping[str, bool]:
    """Whether a patient has tumour, so that every part of the split gets its share of both kinds."""
    strata: dict[str, bool] = {}
    for case in cases:
        strata[case.patient] = strata.get(case.patient, False) or 2 in case.labels
    return strata


def _listing(errors: tuple[Problem, ...]) -> str:
    lines = [f"{len(errors)} problems in the data; nothing was written"]
    lines += [f"  {problem.message}" for problem in errors]
    lines.append("mend the files, or leave such cases out with --skip-bad (data.skip_bad: true)")
    return "\n".join(lines)
