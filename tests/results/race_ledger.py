"""Ledgers of a race between architectures: each trial with its score and its cost, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.results.ledger_factory import FakeLedger, suggested_payload, sweep_payload, uid_of


@dataclass(frozen=True)
class Run:
    """One trial. A score of None is a failed one; `curve` is its objective after each epoch."""

    architecture: str
    score: float | None
    updates: int = 100
    seconds: float = 10.0
    curve: tuple[float, ...] = ()
    continues: int | None = None
    replicates: int | None = None
    state: str = "finished"


def race(runs: Sequence[Run], *, close: bool = True, **changes: Any) -> FakeLedger:
    """The ledger; architectures are those of the runs in the order in which they first appear, unless named."""
    names = {"architectures": list(dict.fromkeys(run.architecture for run in runs))}
    rng, ledger = np.random.default_rng(0), FakeLedger()
    ledger.add("sweep", **sweep_payload(len(runs), **(names | changes)))
    parameters = {"learning_rate": 0.001}
    for number, run in enumerate(runs):
        links = {"continues": run.continues, "replicate_of": run.replicates}
        known = {key: uid_of(value) for key, value in links.items() if value is not None}
        payload = suggested_payload(number, run.architecture, rng, parameters=parameters, **known)
        ledger.add("suggested", **payload)
        ledger.add("started", uid=uid_of(number), attempt=1)
        ledger.add(*_end(number, run)[:1], **_end(number, run)[1])
    if close:
        ledger.add("closed", reason="finished")
    return ledger


def _end(number: int, run: Run) -> tuple[str, dict[str, Any]]:
    epochs = len(run.curve) or 1
    cost = {"uid": uid_of(number), "epochs": epochs, "seconds": run.seconds}
    if run.score is None:
        return "failed", cost | {"kind": "oom", "message": "out of memory"}
    if run.state == "stopped":
        return "stopped", cost
    history = {"epoch": list(range(1, epochs + 1)), "val_dice": list(run.curve)} if run.curve else {}
    metrics = {"val_dice": run.score}
    ended = {"metrics": metrics, "best_epoch": 1, "updates": run.updates, "history": history, "cases": []}
    return run.state, cost | ended
