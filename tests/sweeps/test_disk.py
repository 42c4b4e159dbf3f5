from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.sizes import size_text
from sweeps.disk import LowWater, existing, free_bytes

GB = 10**9


class Disk:
    """A disk with as much room as a test says, which counts how often it is asked, and a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        self.free, self.asked, self.now = free, [], 100.0
        monkeypatch.setattr(shutil, "disk_usage", self.usage)

    def usage(self, path: Path) -> SimpleNamespace:
        self.asked.append(Path(path))
        return SimpleNamespace(free=self.free)

    def clock(self) -> float:
        return self.now


def test_free_room_is_the_systems(tmp_path: Path) -> None:
    system = shutil.disk_usage(tmp_path)
    assert 0 < free_bytes(tmp_path / "runs" / "none yet") <= system.total
    assert existing(tmp_path / "runs" / "none yet") == tmp_path


def test_below_the_mark_a_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk(monkeypatch, free=400_000_000)
    assert LowWater(tmp_path / "liver", GB, clock=disk.clock).low() == (
        f"{tmp_path}/liver: too little room on the disk to start another trial; got 400 MB free; "
        "allowed: at least 1.0 GB (keep.min_free); make room, then: liversweep resume liver"
    )
    message = LowWater(tmp_path / "liver", GB, "elsewhere/liver", disk.clock).low()
    assert message is not None and message.endswith("liversweep resume elsewhere/liver")


@pytest.mark.parametrize(("free", "low"), [(GB - 1, True), (GB, False), (GB + 1, False)])
def test_the_mark_itself_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, low: bool) -> None:
    disk = Disk(monkeypatch, free)
    assert (LowWater(tmp_path, GB, clock=disk.clock).low() is not None) is low


def test_the_system_is_asked_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk(monkeypatch, free=2 * GB)
    mark = LowWater(tmp_path, GB, clock=disk.clock)
    assert [mark.low() for _ in range(50)] == [None] * 50 and len(disk.asked) == 1
    disk.free = 0
    disk.now += 0.9
    assert mark.low() is None and len(disk.asked) == 1
    disk.now += 0.1
    assert mark.low() is not None and len(disk.asked) == 2
    disk.free = 2 * GB
    disk.now += 1.0
    assert mark.low() is None and len(disk.asked) == 3


def test_without_a_mark_nobody_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk(monkeypatch, free=0)
    assert LowWater(tmp_path, 0, clock=disk.clock).low() is None and disk.asked == []


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1.24e9, "1.2 GB"),
        (15e9, "15 GB"),
        (2e15, "2.0 PB"),
        (4e18, "4000 PB"),
    ],
)
def test_sizes_in_words(count: float, text: str) -> None:
    assert size_text(count) == text
