"""Corrected cases from reviews as training cases: never validated or tested on, and never a patient who is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from results.reviews import Correction, Review, correction_files, corrections, read_reviews
from sweeps.errors import UsageError

if TYPE_CHECKING:
    from liverseg.data import Case, CaseFiles, CaseReport, Problem, Split
    from sweeps.cohort import Cohort
    from sweeps.spec import Spec


@dataclass(frozen=True, slots=True)
class _Joining:
    """A corrected case that is whole, and the name by which its reviewer knew the scan."""

    case: Case
    name: str


def reviewed_files(spec: Spec) -> list[CaseFiles]:
    """Scan and mask of every correction that counts, newest first, under their pseudonyms. None without `data.reviews`.

    Where a sweep has begun, the reviews that were there then count.

    Raises:
        UsageError: there is no such folder, or it holds no reviews.
        LedgerError: the record of the reviews was changed.
    """
    return [_files(spec, review) for review in corrections(_reviews(spec)[0])][::-1]


def with_reviews(
    cohort: Cohort, spec: Spec, *, threads: int = 1, on_case: Callable[[CaseReport], None] | None = None
) -> Cohort:
    """A cohort and the corrected cases of `data.reviews`, which join the training part of every fold.

    Left out, with a line in `left_out`: a scan that is in the data folder already (whatever its part), one that was reviewed
    under two wrappings (the older), a patient of the validation part of any fold or of the test part, and, where
    `data.patient` tells patients apart, a scan in whose name it finds none.

    Raises:
        UsageError: as `reviewed_files`; a corrected case that breaks a rule or is not as it was reviewed, without `skip_bad`.
    """
    from liverseg.data import check_cohort

    taken, later = _reviews(spec)
    reviews = {review.scan.uid: review for review in reversed(corrections(taken))}
    report = check_cohort(
        [_files(spec, review) for review in reviews.values()], on_case=on_case, threads=min(threads, len(reviews) or 1)
    )
    older = {problem.case for problem in report.errors if problem.rule == "D4"}
    whole = [one for one in report.reports if one.case is not None]
    errors = [
        *(problem for problem in report.errors if problem.rule != "D4"),
        *(problem for one in whole for problem in _changed(one, reviews[one.name])),
    ]
    if errors and not spec.data.skip_bad:
        raise UsageError(_listing(errors, spec))
    refused = {problem.case for problem in errors}
    good = [
        _Joining(one.case, reviews[one.name].scan.name)
        for one in whole
        if one.case is not None and one.name not in refused
    ]
    counted = replace(cohort, reviews_until=len(taken), later_reviews=later)
    return _joined(counted, spec, good, older, errors, report.warnings)


def _reviews(spec: Spec) -> tuple[tuple[Review, ...], int]:
    """The reviews that count, oldest first, and how many came later."""
    if spec.data.reviews is None:
        return (), 0
    folder = Path(spec.data.reviews)
    found = read_reviews(folder) if folder.is_dir() else ()
    if not found:
        what = "no reviews there" if folder.is_dir() else "no such folder"
        step = "name the folder that `liversweep review` writes, or leave data.reviews out"
        raise UsageError(what, where="data.reviews", got=str(folder), next_step=step)
    until = spec.data.reviews_until or len(found)
    if until > len(found):
        what = "there are fewer reviews than when the sweep began"
        raise UsageError(what, where=str(folder), got=len(found), allowed=until, next_step="restore the folder")
    return found[:until], len(found) - until


def _files(spec: Spec, review: Review) -> CaseFiles:
    from liverseg.data import CaseFiles

    image, mask = correction_files(Path(str(spec.data.reviews)), review.scan.uid, _correction(review))
    return CaseFiles(review.scan.uid, image, mask)


def _correction(review: Review) -> Correction:
    assert review.correction is not None
    return review.correction


def _changed(report: CaseReport, review: Review) -> Iterator[Problem]:
    """Files that are not those of the review."""
    from liverseg.data import Problem

    case, kept = report.case, _correction(review)
    assert case is not None
    for what, path, found, known in (
        ("scan", report.files.image, case.image_sha256, kept.image_sha256),
        ("mask", report.files.mask, case.mask_sha256, kept.mask_sha256),
    ):
        if found != known:
            summary = f"the {what} is not the one that was reviewed"
            message = f"[case {report.name}, rule D6] {path}: {summary}; review it again, or restore the file"
            yield Problem("D6", message, report.name, summary)


def _listing(errors: Sequence[Problem], spec: Spec) -> str:
    many = "s" * (len(errors) != 1)
    lines = [f"{len(errors)} problem{many} in the corrected cases of {spec.data.reviews}; nothing was written"]
    lines += [f"  {problem.message}" for problem in errors]
    lines.append("mend the files, or leave such cases out with --skip-bad (data.skip_bad: true)")
    return "\n".join(lines)


def _joined(
    cohort: Cohort,
    spec: Spec,
    good: Sequence[_Joining],
    older: set[str | None],
    errors: Sequence[Problem],
    warnings: Sequence[Problem],
) -> Cohort:
    from liverseg.data import join_training
    from sweeps.cohort import Skipped

    held = _Held.of(cohort, spec.data.patient)
    refusals = {one.case.uid: held.refusal(one, older) for one in good}
    joining = [one for one in good if not refusals[one.case.uid]]
    cases = _patients(joining, held)
    return replace(
        cohort,
        cases=(*cohort.cases, *cases),
        split=join_training(cohort.split, [case.patient for case in cases]),
        skipped=(*cohort.skipped, *(Skipped(problem.rule, problem.summary) for problem in errors)),
        warnings=(*cohort.warnings, *warnings),
        reviewed=tuple(sorted(case.uid for case in cases)),
        left_out=tuple(f"{uid}: {why}" for uid, why in sorted(refusals.items()) if why),
    )


def _patients(joining: Sequence[_Joining], held: _Held) -> tuple[Case, ...]:
    """The cases with their patients: those of the data folder where a scan is of one, else their own."""
    from liverseg.data import patient_pseudonym

    own: defaultdict[str, list[str]] = defaultdict(list)
    for one in joining:
        own[held.key(one)].append(one.case.uid)
    return tuple(
        replace(
            one.case,
            name=one.name,
            patient=held.patients.get(held.key(one))
            or (one.case.uid if held.pattern is None else patient_pseudonym(own[held.key(one)])),
        )
        for one in joining
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """What of the data folder keeps a corrected case out.

    Attributes:
        pattern: `data.patient`.
        scans: what tells its scans, see `Case.marks`.
        patients: key of a name to its patient.
        apart: patients that some fold validates on, or that are locked away.
    """

    pattern: str | None
    scans: frozenset[str]
    patients: Mapping[str, str]
    apart: frozenset[str]

    @staticmethod
    def of(cohort: Cohort, pattern: str | None) -> _Held:
        from liverseg.data import patient_key

        split: Split = cohort.split
        apart = {*split.validation, *split.test, *(patient for fold in split.folds for patient in fold.validation)}
        keys = {} if pattern is None else {patient_key(case.name, pattern): case.patient for case in cohort.cases}
        scans = frozenset(mark for case in cohort.cases for mark in case.marks)
        return _Held(pattern, scans, keys, frozenset(apart))

    def key(self, one: _Joining) -> str:
        """What tells the patient of a scan; empty where `data.patient` finds nothing."""
        from liverseg.data import patient_key

        return one.case.uid if self.pattern is None else patient_key(one.name, self.pattern)

    def refusal(self, one: _Joining, older: set[str | None]) -> str:
        """Why a case is left out, free of names; empty when it is not."""
        if self.scans & one.case.marks:
            return "its scan is in data.root already"
        if one.case.name in older:
            return "its scan was corrected again in another wrapping; the newer correction is taken"
        key = self.key(one)
        if not key:
            return "data.patient finds no patient in its name, so it might be one that is validated or tested on"
        if self.patients.get(key) in self.apart:
            return "its patient is validated or tested on"
        return ""
