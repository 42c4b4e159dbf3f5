"""Sweeps side by side, only where they were tested on the same patients; and the reference study beside ours.

Loads pandas and SciPy; `IncomparableError` is what a caller has to expect.
"""

from results.comparisons.document import SweepComparison, compare_sweeps
from results.comparisons.parts import PartDifference, part_difference
from results.comparisons.refusal import IncomparableError

__all__ = ["IncomparableError", "PartDifference", "SweepComparison", "compare_sweeps", "part_difference"]
