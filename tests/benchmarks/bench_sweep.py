"""Sweep efficiency: bare training time over what the sweep's slots had, for 8 trainings of about 10 s on 2 slots.

    python -m tests.benchmarks.bench_sweep [--rounds 3] [--epochs 8] [--json FILE]

A sweep of eight trainings is run by the installed command. Then the same eight are run bare: two plain Python processes side
by side, four trainings each, one after the other, no Ray, no ledger, no records, libraries imported before the clock starts.
Both build and trace every network anew. Bare time is the sum of the eight trainings' wall times. Efficiency is bare time /
(2 × wall of the search), where the search lasts from the first `suggested` to `closed` in the ledger and so holds the start of
the workers and their imports; the second figure divides by the wall of the whole command, which also starts Python and Ray,
checks and prepares the scans and writes the report. Rounds interleave both; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

SLOTS = 2
TARGET = 0.80
SPEC = """\
name: bench
data: {{root: scans, split: {{test: 0, validation: 0.25, seed: 1}}}}
search:
  sampler: grid
  space: {{learning_rate: [1.0e-3, 2.0e-3, 3.0e-3, 4.0e-3]}}
  architectures: {{unet: {{base_filters: 8}}, encoder_decoder: {{base_filters: 8}}}}
train: {{epochs: {epochs}, size: 64, batch_size: 8}}
cluster: {{cpus: 2}}
"""


def sweep(folder: Path, name: str) -> dict[str, Any]:
    """Run the sweep; walls of the whole command and of the search alone, and the trials' parameters."""
    command = [str(Path(sys.executable).with_name("liversweep")), "run", "spec.yaml", "--name", name, "--plain"]
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, capture_output=True)
    whole = time.perf_counter() - began
    lines = [json.loads(line) for line in (folder / "runs" / name / "ledger.jsonl").read_text().splitlines()]
    times = {line["event"]: datetime.fromisoformat(line["time"]) for line in reversed(lines)}
    trials = [line for line in lines if line["event"] == "suggested"]
    return {"whole_s": whole, "search_s": (times["closed"] - times["suggested"]).total_seconds(), "trials": trials}


def bare(folder: Path, trials: list[dict[str, Any]]) -> list[float]:
    """The same trainings without the sweep: seconds of each."""
    shares = [trials[slot::SLOTS] for slot in range(SLOTS)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.bench_sweep", "--bare", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(folder),
        )
        for _ in shares
    ]
    for process, share in zip(processes, shares, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps(share))
        process.stdin.close()
    seconds: list[float] = []
    for process in processes:
        assert process.stdout is not None
        seconds += json.loads(process.stdout.read().strip().splitlines()[-1])
        process.wait()
    return seconds


def train_bare(folder: Path) -> None:
    """Child side of `bare`: trials on stdin, seconds on stdout."""
    from liverseg.training.device import pin_threads

    pin_threads(1)
    from liverseg.training.loop import TrainingRun

    trials = json.load(sys.stdin)
    train, validation, epochs, labels = packs(folder)
    seconds = []
    for trial in trials:
        began = time.perf_counter()
        run = TrainingRun(config_of(trial, epochs, labels), train, validation)
        while not run.finished:
            run.run_epoch()
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds))


def config_of(trial: dict[str, Any], epochs: int, labels: tuple[str, ...]) -> Any:
    """The training that a sweep's worker would make of a suggested trial."""
    from liverseg.config import TrainConfig
    from sweeps.spec.space import split_parameters

    options, parameters = split_parameters(trial["architecture"], trial["parameters"])
    return TrainConfig(
        architecture=trial["architecture"],
        options=options,
        parameters=parameters,
        labels=labels,
        epochs=epochs,
        seed=trial["seed"],
    )


def packs(folder: Path) -> tuple[Any, Any, int, tuple[str, ...]]:
    """The packs of the sweep, from its own cache, in this process."""
    from liverseg.preprocess import load_or_prepare, pack
    from sweeps.cohort import load_cohort
    from sweeps.prepare import cache_store
    from sweeps.spec import load_spec
    from sweeps.workplace import prepare_config

    os.chdir(folder)
    spec = load_spec("spec.yaml").spec
    cohort, config = load_cohort(spec, threads=1), prepare_config(spec)
    parts = {}
    for part in ("train", "validation"):
        cases = [
            load_or_prepare(case.uid, case.patient, case.files.image, case.files.mask, config, cache=cache_store(spec))
            for case in cohort.part(part)
        ]
        parts[part] = pack([case[64] for case in cases], training=part == "train")
    return parts["train"], parts["validation"], spec.train.epochs, tuple(spec.data.labels)


def environment(folder: Path) -> dict[str, str]:
    """As a worker's, with the cache inside `folder`."""
    own = {"LIVERSWEEP_CACHE": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "tensorflow"}


def measure(rounds: int, epochs: int) -> dict[str, Any]:
    """Efficiency of each round and the medians."""
    from liverseg.phantom import PhantomConfig, write_cohort

    folder = Path(tempfile.mkdtemp(prefix="lsb-"))
    try:
        write_cohort(folder / "scans", PhantomConfig(cases=8, seed=1))
        (folder / "spec.yaml").write_text(SPEC.format(epochs=epochs))
        rows = []
        for index in range(rounds):
            ran = sweep(folder, f"round-{index}")
            seconds = bare(folder, ran["trials"])
            total = sum(seconds)
            rows.append(
                {
                    "bare_s": total,
                    "training_s": total / len(seconds),
                    "search_s": ran["search_s"],
                    "whole_s": ran["whole_s"],
                    "efficiency": total / (SLOTS * ran["search_s"]),
                    "efficiency_whole": total / (SLOTS * ran["whole_s"]),
                }
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {**medians, "target": TARGET, "rounds": rows}


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="sweep efficiency")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        train_bare(options.bare)
        return
    found = measure(options.rounds, options.epochs)
    print(
        f"8 trainings of {found['training_s']:.1f} s on {SLOTS} slots: bare {found['bare_s']:.1f} s, search "
        f"{found['search_s']:.1f} s, efficiency {found['efficiency']:.2f} (goal: at least {TARGET}); whole command "
        f"{found['whole_s']:.1f} s, {found['efficiency_whole']:.2f}"
    )
    for row in found["rounds"]:
        print("  " + ", ".join(f"{name} {value:.2f}" for name, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
