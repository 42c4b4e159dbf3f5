"""Checking all cases of a data set, one after the other, and then against each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from liverseg.data.check import check_case
from liverseg.data.records import Case, CaseFiles, CaseReport, CohortReport, Problem


def check_cohort(
    files: Iterable[CaseFiles],
    *,
    on_case: Callable[[CaseReport], None] | None = None,
    problems: Iterable[Problem] = (),
    threads: int = 1,
) -> CohortReport:
    """Check every case, and find scans that are in the data set twice.

    Args:
        files: the cases, for example from `find_cases`.
        on_case: called with each case's report as soon as it and those before it are done, for progress.
        problems: problems of the folder itself (`Listing.problems`), reported first.
        threads: cases read at the same time; decompression and sums run outside the interpreter lock.

    Returns:
        Reports in the order given. Of doubles the first is kept and each later one gets an error D4.
    """
    reports: list[CaseReport] = []
    for report in _check_all(files, threads):
        reports.append(report)
        if on_case:
            on_case(report)
    cases = [report.case for report in reports if report.case]
    own = [problem for report in reports for problem in report.problems]
    return CohortReport(tuple(reports), (*problems, *own, *_double_scans(cases), *_double_masks(cases)))


def _check_all(files: Iterable[CaseFiles], threads: int) -> Iterator[CaseReport]:
    if threads == 1:
        yield from map(check_case, files)
        return
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        yield from pool.map(check_case, files)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the cases being read, not for all of them


def _double_scans(cases: Iterable[Case]) -> Iterator[Problem]:
    first: dict[Hashable, Case] = {}
    for case in cases:
        keys = (case.content_sha256, case.values_sha256, case.uid)
        twin = next((first[key] for key in keys if key in first), None)
        if twin:
            summary = (
                f"same scan as {twin.uid}"
                if twin.values_sha256 == case.values_sha256
                else f"same pseudonym as {twin.uid}"
            )
            message = f"[case {case.name}, rule D4] {summary}, which is case {twin.name}; leave one of the two out"
            yield Problem("D4", message, case.name, summary)
        for key in keys:
            first.setdefault(key, case)


def _double_masks(cases: Iterable[Case]) -> Iterator[Problem]:
    first: dict[str, Case] = {}
    for case in cases:
        twin = first.setdefault(case.mask_sha256, case)
        if case.liver_ml and twin.values_sha256 != case.values_sha256:
            summary = f"same mask as {twin.uid}, on another scan"
            yield Problem("Q6", f"[case {case.name}, rule Q6] {summary}, which is case {twin.name}", case.name, summary)
