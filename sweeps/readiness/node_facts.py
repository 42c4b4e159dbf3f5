"""What a machine of the cluster knows about the sweep: programs, scans, and the place of the runs. Measured on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.doctor.machine import MachineFacts, measure

_FIRST_BYTES = 352  # a NIfTI header


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The scans as one machine sees them. No name of a file leaves it.

    Attributes:
        digest: of names below the data's folder and sizes; the same where the files are.
        error: why they cannot be read; empty when they can.
    """

    cases: int = 0
    size_bytes: int = 0
    digest: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One machine.

    Attributes:
        versions: of Python and the main packages.
        code: hash of the program's own source, as far as it decides a trial's numbers.
        gpus: name, driver and memory of each; None when that could not be found out.
        data: None without a spec.
        machine: None when only the program and the scans were asked for.
    """

    versions: Mapping[str, str]
    code: str
    gpus: tuple[Mapping[str, Any], ...] | None = None
    data: DataFacts | None = None
    machine: MachineFacts | None = None


def examine(spec: Mapping[str, Any] | None, paths: Mapping[str, str] | None) -> NodeFacts:
    """Worker side: the facts of the machine this runs on.

    Args:
        spec: a resolved spec, whose scans are looked for; None looks for none.
        paths: what is written where, see `cluster.doctor.machine.measure`; None leaves the machine out, which is quicker.
    """
    from sweeps.provenance.code import code_hash
    from sweeps.provenance.hardware import gpus
    from sweeps.provenance.packages import versions

    found = gpus() if paths is not None else None
    return NodeFacts(
        versions=versions(),
        code=code_hash(),
        gpus=None if found is None else tuple(found),
        data=None if spec is None else look_at_data(spec),
        machine=None if paths is None else measure(paths),
    )


def look_at_data(spec: Mapping[str, Any]) -> DataFacts:
    """Find the scans of a resolved spec, and read the first bytes of each."""
    from liverseg.errors import LiversegError
    from results.errors import ResultsError
    from sweeps.cohort import list_files
    from sweeps.errors import SweepError
    from sweeps.reviews.corrected import reviewed_files
    from sweeps.spec import spec_from_resolved

    checked = spec_from_resolved(spec)
    root = Path(checked.data.root)
    try:
        cases = [*list_files(checked)[0], *reviewed_files(checked)]
        lines = [_line(path, root) for case in cases for path in (case.image, case.mask)]
    except (LiversegError, ResultsError, SweepError) as error:
        return DataFacts(error=str(error))
    except OSError as error:
        return DataFacts(error=f"{error.filename or root}: {error.strerror}")
    digest = hashlib.sha256("\n".join(sorted(line for line, _ in lines)).encode()).hexdigest()
    return DataFacts(len(cases), sum(size for _, size in lines), digest)


def _line(path: Path, root: Path) -> tuple[str, int]:
    """Name and size of a file that can be read."""
    with path.open("rb") as stream:
        stream.read(_FIRST_BYTES)
    size = path.stat().st_size
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return f"{name}\0{size}", size
