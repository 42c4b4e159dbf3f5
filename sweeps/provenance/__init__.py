"""Where a sweep's numbers come from: code, packages, machine; and how a later state of these differs from then.

What is recorded about the surroundings is an allow-list, name by name. Nothing is taken over because it happens to be
there, so no password or token of the environment, and no address of a repository, can slip in.

| file | what |
|---|---|
| `surroundings.py` | the record `env.json`, put together from `packages`, `hardware`, `revision` and `variables` |
| `code.py` | which source files decide a trial's numbers, and their hashes |
| `differences.py` | then and now as lines to read; the refusal of a resume that would mix two experiments |
| `reproduction.py`, `repetition.py` | all of it about one sweep, and the commands that repeat it |
"""

from __future__ import annotations

from sweeps.provenance.code import code_files, code_hash
from sweeps.provenance.differences import (
    Difference,
    case_differences,
    code_differences,
    difference_lines,
    refusal,
    spec_differences,
    split_differences,
    undo,
    version_differences,
)
from sweeps.provenance.packages import NUMERICAL_PACKAGES, versions
from sweeps.provenance.surroundings import environment

__all__ = [
    "NUMERICAL_PACKAGES",
    "Difference",
    "case_differences",
    "code_differences",
    "code_files",
    "code_hash",
    "difference_lines",
    "environment",
    "refusal",
    "spec_differences",
    "split_differences",
    "undo",
    "version_differences",
    "versions",
]
