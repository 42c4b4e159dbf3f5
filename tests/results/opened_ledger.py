"""Ledgers of sweeps whose test patients were opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from results.ranking import best_by_architecture
from results.records import Sweep
from tests.results.ledger_factory import FakeLedger, realistic, scored_in_full
from tests.results.plots.test_plots import folded

FINGERPRINT = "4be1c0ffee5eed01"


def held_back(ledger: FakeLedger) -> list[str]:
    """The test patients of the ledger's split."""
    return list(json.loads(ledger.lines[0])["split"]["test"])


def add_opening(ledger: FakeLedger, trials: Sequence[str], number: int = 1, **changes: Any) -> None:
    """Add an opening for these trials."""
    facts: dict[str, Any] = {"opening": number, "trials": list(trials), "patients": held_back(ledger)}
    facts |= {"fingerprint": FINGERPRINT, "again": number > 1, "note": "" if number == 1 else "the weights were mended"}
    ledger.add("opened", **facts | changes)


def score_payload(ledger: FakeLedger, uid: str, number: int = 1, *, dice: float = 0.6, seed: int = 0) -> dict[str, Any]:
    """Scores of a trial on every test patient, the last of them without tumour."""
    rng, patients = np.random.default_rng([seed, number]), held_back(ledger)
    cases: list[list[Any]] = [
        [p, p, round(dice + v, 6), round(dice / 2 + v, 6), True]
        for p, v in zip(patients, rng.uniform(-0.1, 0.1, len(patients)), strict=True)
    ]
    cases[-1][3:] = [None, False]
    metrics = {"test_dice": dice * 0.75, "dice_liver_mean": dice, "dice_tumour_mean": dice / 2}
    payload = {"uid": uid, "opening": number, "metrics": metrics, "cases": cases, "seconds": 3.5}
    return scored_in_full(payload, rng)


def add_scores(ledger: FakeLedger, trials: Iterable[str], number: int = 1, dice: float = 0.6) -> None:
    """Add the scores of these trials; each is a little worse than the one before."""
    for place, uid in enumerate(trials):
        ledger.add("tested", **score_payload(ledger, uid, number, dice=dice - place / 50, seed=place))


def selected(ledger: FakeLedger) -> list[str]:
    """The best trial of each architecture."""
    sweep = folded(ledger)
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    return [trial.uid for trial in best.values() if trial is not None]


def opened_sweep(trials: int = 12, cases: int = 7, *, times: int = 1, scored: int | None = None) -> Sweep:
    """A finished sweep, opened so many times; of the newest opening so many trials are scored, all when None."""
    ledger = realistic(trials, cases=cases, epochs=2)
    chosen = selected(ledger)
    for number in range(1, times + 1):
        add_opening(ledger, chosen, number)
        add_scores(ledger, chosen if number < times or scored is None else chosen[:scored], number)
    return folded(ledger)
