"""When a driver was at work, and when trials had its slots. Moments are seconds since 1970, by the driver's clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Drive:
    """The time of one run of a driver.

    Attributes:
        run: which, from 1.
        slots: trials at once; 0 when none was run.
        ready: when the first trial could have been handed out.
        ended: the last line of the run.
        closed: whether that line says that it was the last.
        preparation_s: from the beginning of the command until `ready`; NaN where it is not known.
        preparation_parts_s: what that went into.
    """

    run: int
    slots: int
    ready: float
    ended: float
    closed: bool = False
    preparation_s: float = math.nan
    preparation_parts_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stint:
    """The time that one attempt of a trial had a slot.

    Attributes:
        run: the driver's run.
        began: when it was handed out.
        ended: when it let go; NaN where the ledger does not tell, since it has not, or driver or machine died.
        times_s: seconds by kind of work, as far as they were told.
    """

    run: int
    began: float
    ended: float = math.nan
    times_s: Mapping[str, float] = field(default_factory=dict)
