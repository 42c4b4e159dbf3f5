"""How well a share is known from few."""

from __future__ import annotations

import math


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a share of `n` (1 or more); never outside 0 … 1, and of use with few. E. B. Wilson, JASA 22 (1927)."""
    z = 1.959964
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # It holds the share itself, which rounding must not undo.
    return min(max((middle - reach) / scale, 0.0), share), max(min((middle + reach) / scale, 1.0), share)
