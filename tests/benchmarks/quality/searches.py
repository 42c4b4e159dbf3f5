"""A whole search over known curves: the project's own proposers, pruners and stages, epoch by epoch, without Ray."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sweeps.search.plan import Proposal
from sweeps.search.standing import Standing
from sweeps.spec import Spec
from sweeps.stages import build_standing
from tests.benchmarks.quality.choices import EPOCHS, Choice
from tests.benchmarks.quality.curves import Curve, Table

Floats = npt.NDArray[np.float64]


MOST = 1000
"""Trials after which a search that proposes only what it knows is given up."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a search had found after each epoch that it spent.

    Attributes:
        best: best validation Dice so far.
        gflop: spent until then.
        cpu_s: spent until then, as the trainings took.
        trials: begun in all.
        finished: trained to the end.
        repeated: had the configuration of an earlier trial.
        winner: configuration of the best.
    """

    best: Floats
    gflop: Floats
    cpu_s: Floats
    trials: int
    finished: int
    repeated: int
    winner: Choice


@dataclass
class _Running:
    proposal: Proposal
    curve: Curve
    epochs: int = 0


@dataclass
class _Account:
    """Of epochs spent, in the order in which they were."""

    score: list[float] = field(default_factory=list)
    gflop: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)

    def add(self, running: _Running) -> None:
        curve, k = running.curve, running.epochs
        self.score.append(curve.val_dice[k] if k < len(curve.val_dice) else 0.0)
        self.gflop.append(curve.gflop)
        self.cpu_s.append(float(np.median(curve.cpu_s)))
        self.choices.append(curve.choice)


def search(spec: Spec, table: Table, budget: int, slots: int = 1) -> Trace:
    """Spend a budget of epochs, `slots` trials at once, an epoch of each in turn.

    A search that has no further trial to give before the budget is spent ends early; its trace then stays as it is.

    Args:
        spec: what to search, and how.
        table: the curve of every configuration.
        budget: epochs.
        slots: trials at once.
    """
    standing, account = build_standing(spec), _Account()
    running: list[_Running] = []
    asked: list[Choice] = []
    ended: list[bool] = []
    while len(account.score) < budget and len(asked) < MOST:
        while len(running) < slots and (proposal := standing.suggest()):
            choice = Choice.of(proposal.architecture, proposal.parameters)
            standing.suggested(proposal)
            standing.started(proposal.uid, 1)
            running.append(_Running(proposal, table[choice]))
            asked.append(choice)
        if not running:
            break
        for item in list(running):
            account.add(item)
            if state := _epoch(standing, item):
                running.remove(item)
                ended.append(state == "finished")
    best = np.maximum.accumulate(account.score)[:budget]
    return Trace(
        _held(best, budget),
        _held(np.cumsum(account.gflop)[:budget], budget),
        _held(np.cumsum(account.cpu_s)[:budget], budget),
        len(asked),
        sum(ended),
        len(asked) - len(set(asked)),
        account.choices[int(np.argmax(account.score[:budget]))],
    )


def _epoch(standing: Standing, item: _Running) -> str:
    """One more epoch of a trial, told to the search as a sweep's driver tells it; how the trial ended, or nothing."""
    uid, curve = item.proposal.uid, item.curve
    item.epochs += 1
    if item.epochs > len(curve.val_dice):
        standing.end(uid, "failed")
        return "failed"
    stop = standing.report(uid, item.epochs, curve.val_dice[item.epochs - 1])
    best = max(curve.val_dice[: item.epochs])
    if item.epochs == EPOCHS:
        standing.end(uid, "finished", [best])
        return "finished"
    if stop:
        standing.end(uid, "pruned", [best])
        return "pruned"
    return ""


def _held(values: Floats, length: int) -> Floats:
    return np.concatenate([values, np.full(length - len(values), values[-1])])
