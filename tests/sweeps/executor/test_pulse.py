from __future__ import annotations

import os
from pathlib import Path

import pytest

from sweeps.executor.pulse import Pulse, StopRequested


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_heartbeat_moves_at_most_once_a_second(tmp_path: Path) -> None:
    clock, beats = Clock(), []
    file = tmp_path / "heartbeat"
    pulse = Pulse(file, tmp_path / "stop", lambda: beats.append(clock.now), clock)
    pulse.beat()
    os.utime(file, (0, 0))
    clock.now += 0.9
    pulse.beat()
    assert file.stat().st_mtime == 0
    clock.now += 0.2
    pulse.beat()
    assert file.stat().st_mtime > 0
    assert len(beats) == 3


def test_a_batch_looks_for_the_stop_at_most_five_times_a_second(tmp_path: Path) -> None:
    clock, stop = Clock(), tmp_path / "stop"
    pulse = Pulse(tmp_path / "heartbeat", stop, lambda: None, clock)
    pulse.batch()
    stop.touch()
    clock.now += 0.1
    pulse.batch()
    pulse.beat()
    clock.now += 0.15
    with pytest.raises(StopRequested):
        pulse.batch()
    with pytest.raises(StopRequested):
        pulse.check_stop()
