"""Durations and sizes as people write them: `90s`, `1h30m`, `4GB`."""

from __future__ import annotations

import math
import re
from typing import Any

DURATION_ALLOWED = "a duration such as 90s, 15m, 2h, 1d or 1h30m, or a number of seconds"
STALL_ALLOWED = f"{DURATION_ALLOWED}, or off"
SIZE_ALLOWED = "a size such as 500MB, 4GB or 2GiB, or a number of bytes"
ROOM_ALLOWED = "a size such as 500MB or 1GB, or 0 for no limit"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_S = 366 * 86400
_BYTES = {"": 1, "B": 1} | {
    f"{prefix}{unit}": base**power
    for power, prefix in enumerate("KMGT", 1)
    for unit, base in (("B", 1000), ("iB", 1024))
}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhd]\s*)+")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]i?B|B)?")


def read_duration_s(value: Any) -> float:
    """Seconds of a duration. A bare number is seconds.

    Raises:
        ValueError: not a duration, not positive, or longer than 366 days; the message says which.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _DURATION.fullmatch(text):
            raise ValueError("not a duration")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise ValueError("not a duration")
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError("a duration must be more than 0 and at most 366 days")
    return seconds


def read_size_bytes(value: Any, *, least: int = 1) -> int:
    """Bytes of a size. kB, MB… are powers of 1000, KiB, MiB… of 1024; a bare number is bytes.

    Args:
        value: the size.
        least: the fewest bytes that will do.

    Raises:
        ValueError: not a size, or too small or too large; the message says which.
    """
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if not match:
            raise ValueError("not a size")
        count = float(match[1]) * _BYTES[(match[2] or "").replace("k", "K")]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        count = float(value)
    else:
        raise ValueError("not a size")
    if not (math.isfinite(count) and least <= count < 2**60):
        raise ValueError(f"a size must be at least {least} byte{'s' * (least != 1)} and below 1 EiB")
    return int(count)
