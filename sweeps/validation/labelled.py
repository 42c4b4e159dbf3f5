"""Labelled scans to validate models on: found, checked, and without those that a model has learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.errors import UsageError

if TYPE_CHECKING:
    from liverseg.data import Case, CaseFiles, CaseReport, Problem
    from liverseg.handover.description import ModelDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where labelled scans are, as the user says it.

    Attributes:
        folder: that holds them.
        layout: name of a layout; None lets the folder tell.
        images, masks: patterns of the layout `pairs`.
        patient: regular expression that finds the patient in a case's name; None: every case is a patient.
        skip_bad: leave bad cases out rather than refuse the folder.
    """

    folder: Path
    layout: str | None = None
    images: str | None = None
    masks: str | None = None
    patient: str | None = None
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    """Checked cases, apart by what the models know of them.

    Attributes:
        cases: to score, in natural order.
        trained: left out, because a model was trained on a scan of the same patient.
        optimistic: pseudonyms among `cases` of those whose patient chose a model, by being among its validation patients.
        skipped: what was left out because it is bad.
        warnings: of what somebody should look at.
    """

    cases: tuple[Case, ...]
    trained: tuple[Case, ...] = ()
    optimistic: frozenset[str] = frozenset()
    skipped: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def patients(self) -> int:
        """How many there are to score."""
        return len({case.patient for case in self.cases})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the hashes of images and masks, and patients, to score: changes when any file does."""
        lines = sorted(f"{case.image_sha256} {case.mask_sha256} {case.patient}" for case in self.cases)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def list_source(source: Source) -> tuple[tuple[CaseFiles, ...], tuple[Problem, ...]]:
    """The cases of a folder, and with `skip_bad` the problems of the folder itself.

    Raises:
        DataError: no case there, or (without `skip_bad`) files without a partner.
        ConfigError: a layout or patterns that cannot work.
    """
    from liverseg.data import find_cases, list_cases

    if not source.skip_bad:
        return tuple(find_cases(source.folder, source.layout, images=source.images, masks=source.masks)), ()
    listing = list_cases(source.folder, source.layout, images=source.images, masks=source.masks)
    return listing.cases, listing.problems


def load_labelled(
    files: Sequence[CaseFiles],
    source: Source,
    models: Sequence[ModelDescription],
    *,
    threads: int,
    problems: Sequence[Problem] = (),
    on_case: Callable[[CaseReport], None] | None = None,
) -> Labelled:
    """Check every case, and leave out those of patients that a model was trained on.

    Args:
        files: from `list_source`.
        source: where they are from.
        models: that are to be scored.
        threads: cases read at a time.
        problems: of the folder, from `list_source`.
        on_case: called after each case.

    Raises:
        UsageError: bad cases without `skip_bad`, or none is left.
        ConfigError: a pattern that finds no patient.
    """
    from liverseg.data import check_cohort, group_patients

    report = check_cohort(files, on_case=on_case, problems=problems, threads=threads)
    if report.errors and not source.skip_bad:
        raise UsageError(_listing(report.errors))
    found = _apart(group_patients(report.cases, source.patient), models)
    if not found.cases:
        raise _none_left(source, found)
    return Labelled(found.cases, found.trained, found.optimistic, report.errors, report.warnings)


def _apart(cases: Sequence[Case], models: Sequence[ModelDescription]) -> Labelled:
    taught, choosers = (_patients_in(part, cases, models) for part in ("train", "validation"))
    left = tuple(case for case in cases if case.patient not in taught)
    return Labelled(
        left,
        tuple(case for case in cases if case.patient in taught),
        frozenset(case.uid for case in left if case.patient in choosers),
    )


def _patients_in(part: str, cases: Sequence[Case], models: Sequence[ModelDescription]) -> set[str]:
    """Patients of whom a scan, be it packed or turned otherwise, is in a part of the cases of any model."""
    from liverseg.handover.description import CONTENT_DIGITS

    uids = {uid for model in models for uid in model.cases(part)}
    contents = {content for model in models for content in model.contents(part)}
    return {
        case.patient
        for case in cases
        if case.uid in uids
        or case.content_sha256[:CONTENT_DIGITS] in contents
        or case.values_sha256[:CONTENT_DIGITS] in contents
    }


def _none_left(source: Source, found: Labelled) -> UsageError:
    if not found.trained:
        return UsageError("no case can be used", where=str(source.folder), next_step="mend the files")
    return UsageError(
        "the models were trained on every patient of this folder, so it cannot tell how good they are",
        where=str(source.folder),
        got=f"{len(found.trained)} cases, all of patients that they were trained on",
        allowed="scans of patients that no model was trained on",
        next_step="validate on others",
    )


def _listing(errors: Sequence[Problem]) -> str:
    count = "a problem" if len(errors) == 1 else f"{len(errors)} problems"
    lines = [f"{count} in the data; nothing was scored"]
    lines += [f"  {problem.message}" for problem in errors]
    lines.append("mend the files, or leave such cases out with --skip-bad")
    return "\n".join(lines)
