"""The program's own source, as far as it decides a trial's numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NUMERICAL_SOURCES = (
    "liverseg/**/*.py",
    "sweeps/search/**/*.py",
    "sweeps/executor/**/*.py",
    "sweeps/spec/**/*.py",
    "sweeps/cohort.py",
    "sweeps/prepare.py",
    "sweeps/shelf.py",
    "sweeps/node_files.py",
    "sweeps/stages.py",
    "sweeps/engine.py",
    "sweeps/workplace.py",
)
"""What reads, prepares and splits scans, trains and scores networks, and chooses the next trial.

`stages.py` derives the seeds of the stages; `engine.py` says how long and on how many threads a trial runs, `workplace.py`
what is prepared, and under which variables a worker computes. Left out are reports, tables, the command line and the cluster: a
better plot or another option must not make an old sweep refuse to go on. The other way round, whatever is listed here
counts whole, comments included: it is better to ask once too often than to mix the numbers of two programs in one table.
"""
AFTERWARDS = ("liverseg/handover/", "liverseg/dicom/")
"""Of these sources those that have their turn when a sweep is over: no trial's number is made with them."""
HEX_DIGITS = 12
PROGRAM = ("cluster", "liverseg", "results", "sweeps")


def code_files(root: Path = ROOT) -> dict[str, str]:
    """Every file that decides a trial's numbers: path below `root`, with `/`, to 12 hex digits of its SHA-256; sorted.

    Twelve digits tell versions of a file apart; they are no protection against somebody who wants two to look the same.
    """
    paths = {path for pattern in NUMERICAL_SOURCES for path in root.glob(pattern) if path.is_file()}
    named = {path.relative_to(root).as_posix(): path for path in paths}
    names = {name: path for name, path in named.items() if not name.startswith(AFTERWARDS)}
    return {name: hashlib.sha256(names[name].read_bytes()).hexdigest()[:HEX_DIGITS] for name in sorted(names)}


def code_hash(files: Mapping[str, str] | None = None) -> str:
    """SHA-256 (64 hex digits) over the files and their hashes: another hash, other numbers are possible.

    Args:
        files: as `code_files` gives them; the present ones when left out. What a ledger keeps under `code` gives the hash
            that the same ledger keeps under `hashes.code`.
    """
    known = code_files() if files is None else files
    text = "".join(f"{name}\0{known[name]}\n" for name in sorted(known))
    return hashlib.sha256(text.encode()).hexdigest()


def program_hash(root: Path = ROOT) -> str:
    """SHA-256 (64 hex digits) over all source of the four packages: the same where the same program is installed."""
    paths = sorted(path for name in PROGRAM for path in (root / name).rglob("*.py"))
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()
