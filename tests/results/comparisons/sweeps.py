"""Sweeps on one split: same scans, same patients, other trials; with their test patients opened where asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from results.records import Sweep
from tests.results.ledger_factory import FakeLedger, finished_payload, patients, realistic, uid_of
from tests.results.plots.test_plots import folded

CASES = 9
IDS = patients(40)
TRAIN, VALIDATION, TEST = IDS[9:16], IDS[:9], IDS[20:32]


def split(train: list[str] = TRAIN, validation: list[str] = VALIDATION, test: list[str] = TEST) -> dict[str, Any]:
    return {"fingerprint": "5p117", "train": train, "validation": validation, "test": test}


def digests(**changes: str) -> dict[str, str]:
    return {case: f"{number:012x}" for number, case in enumerate(IDS)} | changes


def ledger(name: str, *, seed: int = 1, trials: int = 10, tested: float | None = None, **changes: Any) -> FakeLedger:
    """A ledger of a finished sweep; `tested`: the test patients were opened, and its networks score so much more on them."""
    facts = {"name": name, "split": split(), "cases": digests(), **changes}
    found = realistic(trials, cases=CASES, epochs=2, seed=seed, close=False, sweep=facts)
    if tested is not None:
        opened(found, facts["split"], tested)
    found.add("closed", reason="finished")
    return found


def opened(found: FakeLedger, parts: dict[str, Any], gain: float) -> None:
    """Open the test patients for a `unet` and a `segnet`, whose scores on them differ by patient and by `gain`."""
    uids = {"unet": uid_of(0), "segnet": uid_of(3)}
    names = {"trials": list(uids.values()), "patients": parts["test"]}
    found.add("opened", opening=1, again=False, fingerprint=parts["fingerprint"], **names)
    for number, (architecture, uid) in enumerate(uids.items()):
        rng = np.random.default_rng(number)
        payload = finished_payload(uid, architecture, rng, cases=len(parts["test"]))
        scores = 0.5 + 0.1 * number + rng.uniform(0, 0.2, len(parts["test"])) + gain
        rows = [
            [case, case, float(dice), float(dice) - 0.2, True] for case, dice in zip(parts["test"], scores, strict=True)
        ]
        metrics = payload["metrics"] | {"test_dice": float(np.mean(scores)) - 0.1}
        found.add("tested", uid=uid, opening=1, metrics=metrics, cases=rows, seconds=1.0)


def sweep(name: str, **changes: Any) -> Sweep:
    return folded(ledger(name, **changes))
