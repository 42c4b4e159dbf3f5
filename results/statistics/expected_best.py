"""The best of a few trials, whatever order they came in: what an architecture would have reached with a smaller search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from results.statistics.resampling import Floats


def expected_best(values: Sequence[float] | Floats, counts: Sequence[int]) -> Floats:
    """Expected greatest of `n` values drawn at random with replacement from those observed, for each `n` of `counts`.

    With B values in ascending order v₁ … v_B the greatest of n draws is at most vᵢ with probability (i/B)ⁿ, so its
    expectation is Σ vᵢ·((i/B)ⁿ − ((i−1)/B)ⁿ). Drawing with replacement makes it a little too small for n near B, where it
    stays below the best that was seen; in return it varies little.

    It describes trials that were drawn independently. Of a sampler that learns, the later trials are better than the
    earlier, and fewer of them would have done worse than this says.

    Source: J. Dodge, S. Gururangan, D. Card, R. Schwartz, N. A. Smith, Show Your Work: Improved Reporting of
    Experimental Results, EMNLP 2019, section 3.

    Args:
        values: one a trial, more is better; NaN and infinite ones are left out.
        counts: sizes of the smaller search.

    Returns:
        One number for each count; NaN for a count below 1 or above the number of values: nothing was seen of that.
    """
    known = np.asarray(values, np.float64)
    known = np.sort(known[np.isfinite(known)])
    reached = np.arange(known.size + 1) / max(known.size, 1)
    found = [float(known @ np.diff(reached**n)) if 1 <= n <= known.size else np.nan for n in counts]
    return np.array(found, np.float64)
