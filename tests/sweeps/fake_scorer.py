"""Stands in for Ray where test patients are scored, and holds such patients back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

import sweeps.fork
import sweeps.opening
import sweeps.resume
import sweeps.run
from cluster.config import Slots
from liverseg.data import Split
from liverseg.training.weights import read_best
from results.ledger import read_events
from sweeps.cohort import Cohort
from sweeps.executor.scoring import Scored, ScoringJob
from sweeps.folder import SweepFolder
from tests.sweeps.in_process import Machine, Notes, install

TEST = ("pt-4", "pt-5")


def held_back(spec: Any = None, reporter: Any = None, *, test: Sequence[str] = TEST, mark: str = "0") -> Cohort:
    split = Split(train=("pt-1", "pt-2"), validation=("pt-3",), test=tuple(test), fingerprint=mark * 16, folds=())
    return Cohort((), split, (), ())


@dataclass
class Scorer:
    """Stands in for Ray: scores from the kept weights, one trial after the other.

    Attributes:
        cut_after: a Ctrl-C comes after so many trials; None never.
        broken: trials that cannot be scored.
        blind: trials that are scored on one patient only.
        steps: what was done, with the names of the ledger's newest event at that moment.
    """

    folder: Callable[[], SweepFolder]
    cut_after: int | None = None
    broken: set[str] = field(default_factory=set)
    blind: set[str] = field(default_factory=set)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def _note(self, what: str) -> None:
        self.steps.append((what, read_events(self.folder().ledger)[-1].name))

    @contextlib.contextmanager
    def ray(self, *_: Any) -> Iterator[Slots]:
        self._note("ray")
        yield Slots(1, 1, 0)

    @contextlib.contextmanager
    def prepare(self, spec: Any, cohort: Cohort, sizes_px: Sequence[int], reporter: Notes) -> Iterator[Sequence[int]]:
        self._note("prepare")
        yield sizes_px

    def score(
        self, jobs: Sequence[ScoringJob], scans: Sequence[int], slots: Slots, *, look: Callable[[], None]
    ) -> Iterator[Scored]:
        assert {job.size_px for job in jobs} == set(scans)
        for done, job in enumerate(jobs):
            look()
            if done == self.cut_after:
                raise KeyboardInterrupt
            if job.uid in self.broken:
                yield Scored(job.uid, None, "no luck")
                continue
            _, weights = read_best(job.weights)
            dice = round(0.5 + float(weights[0][0]) / 100, 6)
            patients = TEST[:1] if job.uid in self.blind else TEST
            cases = [[name, name, dice, dice / 2, True] for name in patients]
            metrics = {"test_dice": 0.75 * dice, "dice_liver_mean": dice, "dice_tumour_mean": None}
            yield Scored(job.uid, {"metrics": metrics, "cases": cases, "time": "never"}, seconds=1.5)


def prepared(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """As `install`, for sweeps that hold patients back."""
    machine = install(monkeypatch)
    for module in (sweeps.run, sweeps.resume, sweeps.fork, sweeps.opening):
        monkeypatch.setattr(module, "checked_cohort", held_back)
    monkeypatch.setattr(sweeps.opening, "interruptible", contextlib.nullcontext)
    return machine
