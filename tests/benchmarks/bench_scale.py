"""What a trial costs the driver as the sweep grows: CPU time of the first and the last thousand trials, and memory.

    python -m tests.benchmarks.bench_scale [--trials 10000] [--slots 8] [--sampler tpe] [--scheduler asha]
                                           [--alone] [--resume] [--json FILE]

The whole way of a trial is real: `run_sweep`, driver, ledger, Ray Tune, `slots` worker processes that are used again, the
trials' records on disk, the plain view. What is simulated: the trainer is `tests.sweeps.fake_trainer`, so a trial is
seconds of sleep; Ray is told of `slots` CPUs, however many there are. The first `slots` trials wait for one another, so
that all workers are there before anything is counted. With `--alone` there is no Ray and no worker
process: the driver hands trials to a list in this process and gets made-up scores back.

Counted is what the driver's own process uses (`time.process_time`, all its threads, Ray's included), not wall time.
Memory is resident minus shared. The sweep lies in /dev/shm where there is one, so that no disk is waited for.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sweeps.engine
import sweeps.run
from liverseg.training.record import EpochRecord
from results.ledger import Ledger, read_events
from sweeps import trial_files
from sweeps.engine import make_driver
from sweeps.executor.setting import TrialSetting
from sweeps.folder import SweepFolder
from sweeps.live import Progress
from sweeps.search.driver import Driver
from sweeps.search.plan import Proposal
from sweeps.search.replay import replay
from sweeps.spec import LoadedSpec, Spec, load_spec
from sweeps.stages import build_standing, space_stages
from sweeps.workplace import Workplace
from tests.benchmarks.meter import PART, Meter, MeteredReporter, MeteredView
from tests.crash import fake_command
from tests.sweeps.fake_trainer import FakeRun

MAX_RATIO, MAX_MEMORY_MB = 1.2, 500
GATE = "LIVERSWEEP_BENCH_GATE"

SPEC = """\
name: scale
data: {{root: ., split: {{test: 0, validation: 0.4}}}}
search:
  trials: {trials}
  sampler: {sampler}
  scheduler: {scheduler}
  space:
    learning_rate: {{log: [1.0e-5, 1.0e-2]}}
    augment_rotate_deg: [0.0, 1.0, 2.0]
    batch_size: [8, 16, 32]
    loss: [ce, dice_ce]
  architectures: {{unet: {{base_filters: 4}}, segnet: {{base_filters: 4}}}}
train: {{epochs: {epochs}, size: 32}}
cluster: {{cpus: {slots}}}
"""


class GatedRun(FakeRun):
    """The fake trainer; its first epoch waits for the gate."""

    def run_epoch(self, on_batch: Callable[[int], None] | None = None) -> EpochRecord:
        gate = Path(os.environ[GATE])
        while not gate.exists():
            time.sleep(1.0)
            if on_batch is not None:
                on_batch(self.updates)  # a sign of life
        return super().run_epoch(on_batch)


def gated_setting(place: Workplace, folder: SweepFolder) -> TrialSetting:
    """The setting of `fake_command`, with the gated trainer."""
    return replace(fake_command.fake_setting(place, folder), trainer="tests.benchmarks.bench_scale:GatedRun")


def run_on_ray(loaded: LoadedSpec, folder: SweepFolder, pause_s: float, meter: Meter) -> None:
    """The sweep as `liversweep run` makes it, with the fake trainer."""
    fake_command.install()
    sweeps.engine.trial_setting = gated_setting
    os.environ.update({"FAKE_PAUSE_S": str(pause_s), GATE: str(meter.gate)})
    sweeps.run.run_sweep(loaded, folder, MeteredReporter(meter, folder.tune))


def run_alone(spec: Spec, folder: SweepFolder, slots: int, meter: Meter) -> None:
    """The driver without Ray: every trial reports epoch by epoch, all open ones in turn, and writes its record."""
    folder.file("trials").mkdir(parents=True)
    with Ledger.create(folder.ledger) as ledger:
        view = MeteredView(Progress(spec.search.trials or 0, spec.train.epochs, ("unet", "segnet")), meter)
        driver = make_driver(spec, folder, ledger, build_standing(spec), slots, view)
        rng, open_trials = random.Random(1), deque[tuple[Proposal, float, int]]()
        meter.begin()
        while started(driver, rng, open_trials) or open_trials:
            proposal, quality, epoch = open_trials.popleft()
            if not reported(driver, proposal, quality, epoch + 1):
                open_trials.append((proposal, quality, epoch + 1))
        driver.close()


def started(driver: Driver, rng: random.Random, open_trials: deque[tuple[Proposal, float, int]]) -> bool:
    """Start as many trials as there is room for; whether any was."""
    any_started = False
    while isinstance(proposal := driver.next(), Proposal):
        driver.launch(proposal.uid).payload()
        driver.started(proposal.uid)
        distance = math.log10(proposal.parameters["learning_rate"]) + 3.0
        open_trials.append((proposal, 0.7 * math.exp(-(distance**2)) + 0.2 * rng.random(), 0))
        any_started = True
    return any_started


def reported(driver: Driver, proposal: Proposal, quality: float, epoch: int) -> bool:
    """Report one epoch; whether the trial has ended by that."""
    uid, value, last = proposal.uid, quality * (1.0 - math.exp(-epoch / 3.0)), epoch == proposal.epochs
    saved = {"epoch": epoch, "path": f"trials/{uid}/state/{epoch}", "sha256": "0" * 64}
    stop = driver.epoch(uid, {"epoch": epoch, "val_dice": value, "last": last, "done": last, "checkpoint": saved})
    if not (stop or last):
        return False
    name = trial_files.FINAL if last else trial_files.LATEST
    trial_files.write_record(driver.folder.trial(uid), name, record(value, epoch))
    driver.ended(uid)
    return True


def record(value: float, epochs: int) -> dict[str, Any]:
    """A final record as a trial writes one."""
    return {
        "metrics": {"val_dice": value, "dice_liver_mean": value, "dice_tumour_mean": value / 2},
        "best_epoch": epochs,
        "epochs": epochs,
        "updates": 4 * epochs,
        "seconds": 1.0,
        "stop_reason": "epochs",
        "cost": {"parameters": 1000, "gflops": 0.5, "peak_memory_mb": 50.0, "s_per_epoch": 0.1},
        "cases": [["c000", "c000", 0.5, 0.2, True], ["c001", "c001", 0.6, 0.3, True]],
        "history": {"epoch": list(range(1, epochs + 1)), "loss": [1.0 / epoch for epoch in range(1, epochs + 1)]},
    }


def rebuild(spec: Spec, folder: SweepFolder) -> float:
    """CPU-seconds that a resume takes to tell all of the ledger to a fresh search."""
    began = time.process_time()
    replay(read_events(folder.ledger), build_standing(spec), space_stages(spec))
    return time.process_time() - began


def summary(meter: Meter, folder: SweepFolder) -> dict[str, Any]:
    """First against last thousand, memory, and what is left on disk."""
    if not meter.rows:
        raise SystemExit("the sweep was interrupted before the first reading")
    first, last = meter.rows[0], meter.rows[-1]
    events = sum(1 for _ in folder.ledger.open("rb"))
    counted = last["trials"] + meter.warm
    return {
        "first_ms": first["cpu_ms"],
        "last_ms": last["cpu_ms"],
        "ratio": last["cpu_ms"] / first["cpu_ms"],
        "memory_mb": max(*(row["memory_mb"] for row in meter.rows), meter.left.get("end_mb", 0.0)),
        "growth_mb": last["memory_mb"] - first["memory_mb"],
        "events_per_trial": events / counted,
        "ledger_bytes_per_trial": folder.ledger.stat().st_size / counted,
        **meter.left,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run one sweep and sum up."""
    shm = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="lss-", dir=shm if shm.is_dir() else None))
    if shm.is_dir():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(shm))  # where `fake_command` puts Ray's own files
    try:
        path = root / "spec.yaml"
        path.write_text(SPEC.format_map({**vars(options), "trials": options.trials + options.slots}))
        loaded, folder = load_spec(path), SweepFolder(root / "runs" / "scale")
        meter = Meter(min(PART, max(1, options.trials // 2)), options.slots, root / "gate")
        if options.alone:
            run_alone(loaded.spec, folder, options.slots, meter)
        else:
            run_on_ray(loaded, folder, options.pause, meter)
        found = summary(meter, folder)
        if options.resume:
            found["rebuild_s"] = rebuild(loaded.spec, folder)
        return {**found, "options": {**vars(options), "json": None}, "rows": meter.rows}
    finally:
        shutil.rmtree(root, ignore_errors=True)


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="cost of a trial as the sweep grows")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--scheduler", default="asha")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds that an epoch lasts, asleep (with Ray)")
    parser.add_argument("--alone", action="store_true", help="no Ray")
    parser.add_argument("--resume", action="store_true", help="also what a resume of the whole sweep takes to rebuild")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options)
    print(
        f"{options.trials} trials, {options.slots} slots, {options.sampler}, {options.scheduler}: first thousand "
        f"{found['first_ms']:.2f}, last {found['last_ms']:.2f} CPU-ms a trial, {found['ratio']:.2f}x (goal: at most "
        f"{MAX_RATIO}); driver memory {found['memory_mb']:.0f} MB (goal: below {MAX_MEMORY_MB}), grown by "
        f"{found['growth_mb']:.0f} MB"
    )
    print("  " + ", ".join(f"{key} {value:.2f}" for key, value in found.items() if isinstance(value, (int, float))))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
