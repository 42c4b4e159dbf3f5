"""How each contender is started, and what is read of it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tests
from tests.benchmarks.rivals.process_tree import run
from tests.benchmarks.rivals.workloads import NOTEBOOK, OPTUNA, OURS, TUNE, Work

ROOT = Path(tests.__file__).resolve().parents[1]
MODULES = {TUNE: "ray_tune", OPTUNA: "optuna_loop", NOTEBOOK: "notebook"}


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's run of one workload.

    Attributes:
        wall_s: of the whole process, from its start to its end.
        search_s: without the start: liversweep from the first `suggested` to `closed` in its ledger, Tune `fit`, Optuna
            `optimize`, notebooks all of it but the process that starts them.
        cpu_s: of the process and all that it starts.
        others_cpu_s: of the rest of the machine meanwhile.
        trials, updates: what was trained: trials that finished, and gradient updates of all together.
        best_dice: of the best trial; liversweep's on the scans' grids and a volume, the others' on the network's and a slice.
    """

    wall_s: float
    search_s: float
    cpu_s: float
    others_cpu_s: float
    trials: int
    updates: int
    best_dice: float


class BenchmarkError(RuntimeError):
    """A contender failed, or did other work than it was told to."""


def environment(folder: Path, work: Work) -> dict[str, str]:
    """Of every contender: no settings of ours for Ray or threads, no GPU unless asked for, temporary files inside `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "LIVERSWEEP_", "OMP_"))}
    hidden = {} if work.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}
    return (
        kept
        | hidden
        | {
            "LIVERSWEEP_CACHE": str(folder / "cache"),
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder / "tmp"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
    )


def compete(contender: str, folder: Path, work: Work) -> Run:
    """Let a contender do the work in `folder`, which holds the scans, the warm cache and the arrays; leaves these as they were.

    Raises:
        BenchmarkError: it failed, left processes behind, or did not train what it was told to.
    """
    work.write(folder / "work.json")
    (folder / "spec.yaml").write_text(work.spec(), encoding="utf-8")
    (folder / "tmp").mkdir(exist_ok=True)
    log = folder / "log.txt"
    try:
        ran = run(_command(contender, folder), env=environment(folder, work), cwd=folder, log=log)
        if ran.code or ran.left:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise BenchmarkError(f"{contender}: exit status {ran.code}, {ran.left} processes left behind\n{tail}")
        values = _ours(folder) if contender == OURS else _theirs(folder)
    finally:
        for name in ("tmp", "t", "tune", "runs"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "result.json").unlink(missing_ok=True)
    return Run(wall_s=ran.wall_s, cpu_s=ran.cpu_s, others_cpu_s=ran.others_cpu_s, **values)


def check_same(runs: Mapping[str, Run], work: Work) -> None:
    """Raise BenchmarkError unless all trained the same number of trials, with the same number of updates."""
    did = {(run.trials, run.updates) for run in runs.values()}
    if len(did) > 1 or any(run.trials != work.trials for run in runs.values()):
        lines = [f"{name}: {run.trials} trials, {run.updates} updates" for name, run in runs.items()]
        raise BenchmarkError("not the same work: " + "; ".join(lines))


def _command(contender: str, folder: Path) -> list[str]:
    if contender == OURS:
        return [str(Path(sys.executable).with_name("liversweep")), "run", "spec.yaml", "--plain"]
    return [sys.executable, "-m", f"tests.benchmarks.rivals.{MODULES[contender]}", str(folder)]


def _ours(folder: Path) -> dict[str, Any]:
    ledger = folder / "runs" / "pairing" / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    times = {line["event"]: datetime.fromisoformat(line["time"]) for line in reversed(lines)}  # the first of each
    finals = [json.loads(path.read_text(encoding="utf-8")) for path in ledger.parent.glob("trials/*/final.json")]
    return {
        "search_s": (times["closed"] - times["suggested"]).total_seconds(),
        "trials": sum(line["event"] == "finished" for line in lines),
        "updates": sum(final["updates"] for final in finals),
        "best_dice": max(final["metrics"]["val_dice"] for final in finals),
    }


def _theirs(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    rows = found["trials"]
    return {
        "search_s": found["search_s"],
        "trials": len(rows),
        "updates": sum(row["updates"] for row in rows),
        "best_dice": max(row["dice"] for row in rows),
    }
