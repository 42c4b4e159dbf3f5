"""Ledgers of sweeps whose times are known to the millisecond: who had a slot when, and what the time went into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from results.fold import fold
from results.ledger_line import decode, encode
from results.records import Sweep
from tests.results.ledger_factory import finished_payload, suggested_payload, sweep_payload, uid_of

BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass
class TimedLedger:
    """Events at given seconds since the first."""

    architectures: tuple[str, ...] = ("unet", "segnet")
    lines: list[bytes] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def begin(self, trials: int = 8) -> None:
        self.add(0, "sweep", **sweep_payload(trials, architectures=list(self.architectures)))

    def add(self, at_s: float, event: str, /, **payload: Any) -> None:
        stamp = (BEGAN + timedelta(seconds=at_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.lines.append(encode(len(self.lines) + 1, stamp, event, payload))

    def ready(self, at_s: float, *, run: int = 1, slots: int = 2, seconds: float | None = 10.0) -> None:
        parts = {} if seconds is None else {"start": max(0.0, seconds - 1), "cluster": min(1.0, seconds)}
        self.add(at_s, "ready", run=run, slots=slots, seconds=seconds, parts_s=parts)

    def suggest(self, at_s: float, number: int) -> str:
        architecture = self.architectures[number % len(self.architectures)]
        self.add(at_s, "suggested", **suggested_payload(number, architecture, self.rng))
        return uid_of(number)

    def start(self, at_s: float, number: int, attempt: int = 1, **times_s: float) -> None:
        self.add(at_s, "started", uid=uid_of(number), attempt=attempt, times_s=times_s)

    def save(self, at_s: float, number: int, epoch: int = 1, **times_s: float) -> None:
        self.add(
            at_s,
            "checkpoint",
            uid=uid_of(number),
            epoch=epoch,
            path="p/state/0",
            sha256="0",
            values=[0.5],
            times_s=times_s,
        )

    def finish(self, at_s: float, number: int, times_s: Mapping[str, float] | None = None) -> None:
        payload = finished_payload(uid_of(number), self.architectures[number % len(self.architectures)], self.rng)
        self.add(at_s, "finished", **payload, **({} if times_s is None else {"times_s": dict(times_s)}))

    def stop(self, at_s: float, number: int, **times_s: float) -> None:
        self.add(at_s, "stopped", uid=uid_of(number), epochs=1, times_s=times_s)

    def close(self, at_s: float, reason: str = "finished") -> None:
        self.add(at_s, "closed", reason=reason)

    def sweep(self) -> Sweep:
        return fold([decode(line[:-1], i, "x") for i, line in enumerate(self.lines, 1)])


def two_runs() -> TimedLedger:
    """Two trials at once for 40 s, then an interrupt; an hour later the rest, with one trial at a time.

    First run: 10 s of preparation; trial 0 has its slot from 1 to 41 and finishes; trial 1 from 1 to 40 and is stopped; the
    ledger is closed at 41. Second run, ready at 3700 after 20 s: trial 1 from 3700 to 3760; then nothing until 3770.
    """
    ledger = TimedLedger()
    ledger.begin(2)
    ledger.ready(0.0)
    ledger.suggest(1, 0)
    ledger.suggest(1, 1)
    ledger.start(6, 0, driver=1, start_up=4)
    ledger.start(7, 1, driver=0.5, start_up=5.5)
    ledger.save(31, 0, driver=1, start_up=9, tracing=10, training=8, validation=1, checkpointing=1)
    ledger.stop(40, 1, driver=0.5, start_up=9.5, tracing=10, training=19)
    ledger.finish(
        41, 0, {"driver": 2, "start_up": 9, "tracing": 10, "training": 16, "validation": 2, "checkpointing": 1}
    )
    ledger.close(41, "interrupted")
    ledger.add(3690, "resumed", run=2)
    ledger.ready(3700, run=2, slots=1, seconds=20.0)
    ledger.start(3705, 1, 2, start_up=5)
    ledger.finish(
        3760, 1, {"driver": 1, "start_up": 9, "tracing": 10, "training": 38, "validation": 1, "checkpointing": 1}
    )
    ledger.close(3770)
    return ledger
