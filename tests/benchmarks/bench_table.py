"""How long a ranked table of many finished trials takes, from the ledger on disk: reading, checking, folding, ranking.

    python -m tests.benchmarks.bench_table [--trials 10000] [--full] [--json FILE]

CPU seconds and wall seconds, best of five; the import of pandas is apart. With `--full` every trial has surface distances
and lesions too, in its metrics and for each case.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.results.ledger_factory import (
    ARCHITECTURES,
    FakeLedger,
    finished_payload,
    scored_in_full,
    suggested_payload,
    sweep_payload,
    uid_of,
)

EPOCHS = 20
CASES = 5
TARGET_S = 1.0


def write_ledger(folder: Path, trials: int, full: bool) -> Path:
    """A ledger of `trials` finished trials, each suggested, started and finished with history and cases."""
    import numpy as np

    rng = np.random.default_rng(0)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(trials, CASES))
    names = list(ARCHITECTURES)
    for number in range(trials):
        architecture = names[number % len(names)]
        ledger.add("suggested", **suggested_payload(number, architecture, rng))
        ledger.add("started", uid=uid_of(number), attempt=1)
        payload = finished_payload(uid_of(number), architecture, rng, cases=CASES, epochs=EPOCHS)
        ledger.add("finished", **(scored_in_full(payload, rng) if full else payload))
    ledger.add("closed", reason="finished")
    return ledger.write(folder)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """CPU seconds, wall seconds and the result of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return time.process_time() - cpu, time.perf_counter() - wall, result


def measure(trials: int, full: bool) -> dict[str, Any]:
    """The measurement, as one document."""
    import_cpu, import_wall, _ = timed(lambda: __import__("pandas"))
    from results.fold import fold
    from results.ledger import read_events
    from results.tables import trial_table

    with tempfile.TemporaryDirectory() as folder:
        path = write_ledger(Path(folder), trials, full)
        runs = []
        for _ in range(5):
            read_cpu, read_wall, events = timed(lambda: read_events(path))
            fold_cpu, fold_wall, sweep = timed(lambda events=events: fold(events))  # type: ignore[misc]
            table_cpu, table_wall, table = timed(lambda sweep=sweep: trial_table(sweep))  # type: ignore[misc]
            total = (read_cpu + fold_cpu + table_cpu, read_wall + fold_wall + table_wall)
            runs.append((*total, read_cpu, fold_cpu, table_cpu))
        best = min(runs)
        return {
            "trials": trials,
            "full": full,
            "rows": len(table),
            "ledger_mb": round(path.stat().st_size / 1e6, 1),
            "total_cpu_s": round(best[0], 3),
            "total_wall_s": round(min(run[1] for run in runs), 3),
            "read_cpu_s": round(best[2], 3),
            "fold_cpu_s": round(best[3], 3),
            "table_cpu_s": round(best[4], 3),
            "pandas_import_cpu_s": round(import_cpu, 3),
            "pandas_import_wall_s": round(import_wall, 3),
            "target_s": TARGET_S,
        }


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="ranked table from a ledger")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.trials, options.full)
    print(
        f"{found['trials']} finished trials, {found['ledger_mb']} MB: {found['total_cpu_s']:.3f} CPU-s "
        f"(read {found['read_cpu_s']:.3f}, fold {found['fold_cpu_s']:.3f}, table {found['table_cpu_s']:.3f}; "
        f"goal: under {TARGET_S:g}), {found['total_wall_s']:.3f} s on the clock"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
