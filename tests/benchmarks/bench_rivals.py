"""liversweep against what one would use instead: stock Ray Tune, an Optuna loop, one notebook a network.

    python -m tests.benchmarks.bench_rivals [--workload 12x1s] [--rival ray-tune] [--rounds 3] [--quick] [--json FILE]

All get the same work: the same networks (liversweep's), the same grid of learning rates, the same slices at 64 x 64 of the same
generated scans, prepared beforehand (liversweep reads its cache, the others numpy arrays), batches of 8, the same number of epochs
and of gradient updates (checked), Adam, cross-entropy, and a validation after every epoch. What differs beyond that is to
the others' advantage: they score slices on the network's grid, liversweep whole scans on their own; they save nothing, liversweep
writes checkpoints, records, per-case scores and a report. Two slots of one CPU, or one training with two threads.

How many epochs make a trial of so many seconds is measured at the beginning, on two compiled networks side by side (see
`rivals.bare`). A round measures that again and then runs the contenders one after the other, in an order that moves on by one
from round to round; ratios are made within a round. Efficiency is bare seconds of all trials / (2 x wall). Searches last:
liversweep from the first `suggested` to `closed` in the ledger, Tune `fit`, Optuna `optimize`, notebooks all. CPU-seconds are
those of the process and all its descendants (`rivals.process_tree`), exact to about a fifth of a second a process. `others' CPU`
is what the rest of the machine used meanwhile, as a share of one core: with more than a few per cent the walls are not to
be trusted.

On two cores with nothing else running a round of all four workloads takes about ten minutes, so three take half an hour. The
two goals against time alone, `--workload 12x1s --workload 8x10s --rival ray-tune`, take a third of that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.rivals.contenders import BenchmarkError, Run, check_same, compete, environment
from tests.benchmarks.rivals.table import Round, doubts, goal_line, goals_of, rows_of, table
from tests.benchmarks.rivals.workloads import BATCH, CONTENDERS, OURS, SLOTS, WORKLOADS, Work, Workload

VERSIONS = ("ray", "tensorflow", "keras", "optuna", "numpy")
CALIBRATION_EPOCHS, MOST_TIMED_EPOCHS = 3, 6


def machine() -> dict[str, Any]:
    """Hardware, versions and date."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in VERSIONS},
        "date": datetime.now(UTC).date().isoformat(),
    }


def make_material(folder: Path, workload: Workload) -> None:
    """Scans, and cache and arrays of the workload's size."""
    work = Work.of(workload, 1)
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "spec.yaml").write_text(work.spec(), encoding="utf-8")
    _together(folder, work, "the preparation", [_python("material", str(folder))])


def bare(folder: Path, work: Work, epochs: int) -> dict[str, dict[str, float]]:
    """Seconds of an epoch of each network: means over two processes side by side, see `rivals.bare`."""
    work.write(folder / "work.json")
    command = _python("bare", str(folder), str(epochs))
    outputs = _together(folder, work, "the bare training", [command] * work.slots)
    found = [json.loads(output.strip().splitlines()[-1]) for output in outputs]
    return {
        network: {name: statistics.mean(each[network][name] for each in found) for name in found[0][network]}
        for network in work.networks
    }


def _together(folder: Path, work: Work, what: str, commands: Sequence[list[str]]) -> list[str]:
    """What commands that run side by side write to stdout."""
    with (folder / "log.txt").open("w+", encoding="utf-8", errors="replace") as log:
        processes = [
            subprocess.Popen(
                command, env=environment(folder, work), cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
            )
            for command in commands
        ]
        try:
            outputs = [process.communicate()[0] for process in processes]
        finally:
            for process in processes:
                process.kill()  # does nothing to one that has ended
        if any(process.returncode for process in processes):
            log.seek(0)
            raise BenchmarkError(f"{what} failed\n{log.read()[-3000:]}")
    return outputs


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"tests.benchmarks.rivals.{module}", *arguments]


def total_s(work: Work, epoch: Mapping[str, Mapping[str, float]], name: str) -> float:
    """Seconds of all trials."""
    return len(work.learning_rates) * work.epochs * sum(epoch[network][name] for network in work.networks)


def one_round(folder: Path, work: Work, order: Sequence[str]) -> Round:
    """Bare seconds, then every contender."""
    epoch = bare(folder, work, min(work.epochs, MOST_TIMED_EPOCHS))
    runs: dict[str, Run] = {}
    for name in order:
        runs[name] = found = compete(name, folder, work)
        print(
            f"  {name}: wall {found.wall_s:.1f} s, search {found.search_s:.1f} s, {found.cpu_s:.1f} CPU-s; "
            f"others {found.others_cpu_s / found.wall_s:.0%} of a core",
            flush=True,
        )
    check_same(runs, work)
    return Round(total_s(work, epoch, "epoch_s"), total_s(work, epoch, "own_epoch_s"), runs)


def measure(folder: Path, workload: Workload, contenders: Sequence[str], rounds: int) -> dict[str, Any]:
    """All rounds of a workload, printed and as plain values."""
    guess = bare(folder, Work.of(workload, 1), CALIBRATION_EPOCHS)
    work = Work.of(workload, workload.epochs_for({name: value["epoch_s"] for name, value in guess.items()}))
    done: list[Round] = []
    for index in range(rounds):
        print(f"{workload.name}, round {index + 1} of {rounds}: {work.trials} trials, {work.epochs} epochs", flush=True)
        turn = index % len(contenders)
        found = one_round(folder, work, [*contenders[turn:], *contenders[:turn]])
        done.append(Round(found.bare_s, found.own_s, {name: found.runs[name] for name in contenders}))
    rows = rows_of(done, SLOTS)
    facts = {
        "name": workload.name,
        "trials": work.trials,
        "epochs": work.epochs,
        "trial_s": statistics.median(item.bare_s for item in done) / work.trials,
        "own_trial_s": statistics.median(item.own_s for item in done) / work.trials,
    }
    goals = goals_of(workload.name, rows)
    notes = doubts(rows, rounds)
    print(
        "\n".join(["", table(facts, rows), *map(goal_line, goals), *(f"beware: {note}" for note in notes), ""]),
        flush=True,
    )
    return {
        **facts,
        "work": asdict(work),
        "rows": [asdict(row) for row in rows],
        "goals": [{**asdict(goal), "met": goal.met} for goal in goals],
        "doubts": notes,
        "rounds": [asdict(item) for item in done],
    }


def run_all(chosen: Sequence[Workload], rivals: Sequence[str], rounds: int) -> dict[str, Any]:
    """Every workload, in a folder that is removed at the end."""
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="lsr-", dir="/tmp"))  # short: Ray's sockets are below it
    try:
        make_material(folder, WORKLOADS[0])
        found, failed = [], []
        for workload in chosen:
            contenders = (OURS, *rivals) if rivals else workload.contenders
            try:
                found.append(measure(folder, workload, contenders, rounds))
            except BenchmarkError as error:
                print(f"error: {workload.name}: {error}", file=sys.stderr, flush=True)
                failed.append(workload.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"machine": facts, "slots": SLOTS, "batch": BATCH, "workloads": found, "failed": failed}


def main() -> int:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0], epilog="see the top of the file")
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--workload", action="append", choices=names, help="repeatable; all when left out")
    parser.add_argument(
        "--rival",
        action="append",
        choices=CONTENDERS[1:],
        help="repeatable; when left out, all for 12x1s and mixed, ray-tune alone for the long ones",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, which is no median")
    parser.add_argument("--trials", type=int, help="at most so many trials: to try the benchmark out, not to measure")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, and the folder removed
    chosen = [workload for workload in WORKLOADS if workload.name in (options.workload or names)]
    if options.trials:
        chosen = [workload.shortened(options.trials) for workload in chosen]
    found = run_all(chosen, options.rival or (), 1 if options.quick else options.rounds)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
