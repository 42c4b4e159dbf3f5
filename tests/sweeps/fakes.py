"""A fake executor: runs a driver's trials in this process, writing the same records as a real trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from results.ledger import Ledger
from results.sweep_parts import Objective
from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.search.driver import DONE, WAIT, Driver
from sweeps.search.plan import Proposal, Stage
from sweeps.search.standing import Standing

Curve = Callable[[Proposal, int], float]


class Recorder:
    """A view that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        self.events.append((name, uid))


def make_driver(tmp_path: Path, stages: list[Stage], slots: int = 2, objectives: tuple[Objective, ...] = ()) -> Driver:
    folder = SweepFolder(tmp_path / "sweep")
    folder.path.mkdir()
    objectives = objectives or (Objective("val_dice", "maximize"),)
    return Driver(folder, Ledger.create(folder.ledger), Standing(stages, objectives, 4), slots, Recorder())


def record(history: list[float], parameters: int = 100) -> dict[str, Any]:
    best = max(range(len(history)), key=lambda index: history[index])
    return {
        "metrics": {"val_dice": history[best]},
        "best_epoch": best + 1,
        "epochs": len(history),
        "updates": 10 * len(history),
        "seconds": 1.0,
        "cost": {"parameters": parameters},
        "stop_reason": "epochs",
    }


def execute(driver: Driver, epochs: int, curve: Curve) -> list[Proposal]:
    """Run all trials, one epoch of each running trial in turn. Returns the proposals in order."""
    running: dict[str, tuple[Proposal, list[float]]] = {}
    proposals: list[Proposal] = []
    while True:
        proposal = driver.next()
        if isinstance(proposal, Proposal):
            driver.started(proposal.uid)
            proposals.append(proposal)
            running[proposal.uid] = (proposal, [])
            continue
        if proposal == DONE and not running:
            return proposals
        assert proposal in (WAIT, DONE)
        for uid in list(running):
            if _one_epoch(driver, *running[uid], epochs, curve):
                del running[uid]


def _one_epoch(driver: Driver, proposal: Proposal, history: list[float], epochs: int, curve: Curve) -> bool:
    folder = driver.folder.trial(proposal.uid)
    value = curve(proposal, len(history) + 1)
    history.append(value)
    trial_files.write_record(folder, trial_files.LATEST, record(history))
    last = len(history) == epochs
    if last:
        trial_files.write_record(folder, trial_files.FINAL, record(history))
    stop = driver.epoch(proposal.uid, {"epoch": len(history), "val_dice": value, "last": last})
    if last or stop:
        driver.ended(proposal.uid)
    return last or stop
