"""Checking one case: both files read once from front to back, every fact measured, every problem collected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from liverseg.data.measure import Measured, hu_of
from liverseg.data.plausible import implausible
from liverseg.data.records import Case, CaseFiles, CaseReport, Problem
from liverseg.errors import DataError
from liverseg.volume import Header, Voxels, check_pair, planes_per_slab, read_header, slabs, to_labels
from liverseg.volume.rules import Subject

T = TypeVar("T")


def check_case(files: CaseFiles) -> CaseReport:
    """Read both files of a case completely and report all facts and all problems.

    Bad data never raises: whatever is wrong with image, mask or their fit becomes a problem, as many as can be told.
    Memory stays at a few MiB whatever the size of the scan.
    """
    problems: list[Problem] = []
    image = _attempt(problems, lambda: read_header(files.image, case=files.name, role="image"))
    mask = _attempt(problems, lambda: read_header(files.mask, case=files.name, role="mask"))
    if image and mask:
        _attempt(problems, lambda: check_pair(image, mask, path=files.mask, case=files.name))
    measured = _read(files, image, mask, problems)
    digests = None if problems else _attempt(problems, lambda: _digests(files))
    if image is None or digests is None:
        return CaseReport(files.name, files, None, image, tuple(problems))
    case = _case(files, image, measured, digests)
    return CaseReport(files.name, files, case, image, implausible(case))


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a file's bytes, hex.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def case_uid(image_sha256: str) -> str:
    """Pseudonym of a case: `case-` and the first 8 hex digits of its image file's SHA-256."""
    return f"case-{image_sha256[:8]}"


def _attempt(problems: list[Problem], action: Callable[[], T]) -> T | None:
    try:
        return action()
    except DataError as error:
        problems.append(Problem.of(error))
        return None


def _read(files: CaseFiles, image: Header | None, mask: Header | None, problems: list[Problem]) -> Measured:
    """Read what can be read of both files, side by side, so that the liver's HU can be told."""
    measured = Measured()
    same_grid = not problems
    planes = min((planes_per_slab(header) for header in (image, mask) if header), default=1)
    scan = _blocks(files.image, image, files.name, planes, problems, lambda raw, header: hu_of(raw, header, files.name))
    labels = _blocks(
        files.mask,
        mask,
        files.name,
        planes,
        problems,
        lambda raw, header: to_labels(raw, header, path=files.mask, case=files.name),
    )
    for hu, label in zip_longest(scan, labels):
        if hu is not None:
            measured.add_image(hu)
        if label is not None:
            measured.add_mask(label, hu if same_grid else None)
    return measured


def _blocks(
    path: Path,
    header: Header | None,
    case: str,
    planes: int,
    problems: list[Problem],
    convert: Callable[[Voxels, Header], Voxels],
) -> Iterator[Voxels]:
    if header is None:
        return
    try:
        for raw in slabs(path, header, case=case, planes=planes):
            yield convert(raw, header)
    except DataError as error:
        problems.append(Problem.of(error))


def _digests(files: CaseFiles) -> tuple[str, str]:
    try:
        return file_sha256(files.image), file_sha256(files.mask)
    except OSError as error:
        subject = Subject(Path(error.filename or ""), files.name)
        next_step = "check the path, links and permissions"
        raise subject.broken("N1", "file cannot be read", error.strerror, "a readable file", next_step) from error


def _case(files: CaseFiles, header: Header, measured: Measured, digests: tuple[str, str]) -> Case:
    uid = case_uid(digests[0])
    return Case(
        uid=uid,
        name=files.name,
        patient=uid,
        files=files,
        header=header,
        image_sha256=digests[0],
        mask_sha256=digests[1],
        content_sha256=measured.digest.hexdigest(),
        values_sha256=measured.values_sha256(header.shape),
        liver_ml=sum(measured.counts) * header.voxel_ml,
        tumour_ml=measured.counts[1] * header.voxel_ml,
        hu_min=measured.hu_min,
        hu_max=measured.hu_max,
        liver_hu=measured.liver_hu,
        labels=measured.labels,
    )
