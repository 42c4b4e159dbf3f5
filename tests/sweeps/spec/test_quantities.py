from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.spec.quantities import read_duration_s, read_size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("0.5h", 1800),
        (45, 45),
        (1.5, 1.5),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert read_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2:00", "1e3s", "2hours", True, None, [2], "٣h"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        read_duration_s(text)


@pytest.mark.parametrize("text", ["0s", 0, -1, float("nan"), float("inf"), "367d"])
def test_durations_have_bounds(text: object) -> None:
    with pytest.raises(ValueError, match="more than 0 and at most 366 days"):
        read_duration_s(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4GB", 4 * 10**9),
        ("4 GB", 4 * 10**9),
        ("2GiB", 2**31),
        ("500MB", 5 * 10**8),
        ("1.5KiB", 1536),
        ("2kB", 2000),
        ("7B", 7),
        (1024, 1024),
    ],
)
def test_sizes(text: object, count: int) -> None:
    assert read_size_bytes(text) == count


@pytest.mark.parametrize("text", ["", "GB", "4gb", "-4GB", "4G", "4GBs", True, None, {}])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        read_size_bytes(text)


@pytest.mark.parametrize("text", [0, "0GB", float("inf"), float("nan"), "9999999TB"])
def test_sizes_have_bounds(text: object) -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        read_size_bytes(text)


@pytest.mark.parametrize("text", [0, "0", "0GB", 0.0])
def test_a_size_may_be_allowed_to_be_nothing(text: object) -> None:
    assert read_size_bytes(text, least=0) == 0
    with pytest.raises(ValueError, match="at least 0 bytes and below"):
        read_size_bytes(-1, least=0)


@given(st.integers(0, 100), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_parts_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    assert (
        read_duration_s(f"{days}d{hours}h{minutes}m{seconds}s") == ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    )
