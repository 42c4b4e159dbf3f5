"""One real sweep, cut three times: real networks, real Ray, SIGKILL of the driver at random moments."""

from __future__ import annotations

import csv
import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from liverseg.phantom import PhantomConfig, write_cohort
from tests.crash.processes import REAL_COMMAND, Driver, events_of, eventually, no_process_left, sweep_of

pytestmark = [pytest.mark.ray, pytest.mark.crash]

TRIALS, EPOCHS, KILLS = 5, 5, 3
SPEC = f"""\
name: real
data: {{root: scans, split: {{test: 0, validation: 0.4}}}}
search:
  trials: {TRIALS}
  sampler: tpe
  scheduler: asha
  space: {{learning_rate: {{log: [1.0e-4, 1.0e-2]}}, batch_size: [4, 8]}}
  architectures: {{encoder_decoder: {{base_filters: 4}}, unet: {{base_filters: 4}}}}
train: {{epochs: {EPOCHS}, size: 32, augment_flip: 0.5}}
cluster: {{cpus: 1}}
"""
MEASURED = ("seconds", "s_per_epoch", "peak_memory_mb", "inference_ms_per_slice", "time", "attempts")


def ranked_table(folder: Path) -> list[dict[str, str]]:
    """The ranked table of the report, but for what a clock or a memory gauge measured."""
    with (folder / "runs/real/report/trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: value for name, value in row.items() if name not in MEASURED} for row in rows]


def prepared(folder: Path) -> Path:
    folder.mkdir()
    config = PhantomConfig(cases=5, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,))
    write_cohort(folder / "scans", config)
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.mark.timeout(900)
def test_three_kills_of_a_real_sweep_leave_the_table_as_it_would_have_been(tmp_path: Path) -> None:
    whole, cut = prepared(tmp_path / "whole"), prepared(tmp_path / "cut")
    driver = Driver(REAL_COMMAND, ["run", "spec.yaml", "--plain"], whole)
    assert driver.wait() == 0, driver.text
    rng, arguments, lost = random.Random(5), ["run", "spec.yaml", "--plain"], 0
    for _ in range(KILLS):
        driver = Driver(REAL_COMMAND, arguments, cut)
        arguments = ["resume", "real", "--plain"]
        known = len(events_of(cut, "real"))
        eventually(lambda known=known: len(events_of(cut, "real")) > known + 3)
        later = time.monotonic() + rng.uniform(0, 2)
        eventually(lambda later=later: time.monotonic() > later)
        assert driver.running, driver.text
        driver.kill()
        assert no_process_left(cut)
        lost += len(list(cut.glob("runs/real/trials/*/final.json"))) - len(finished(cut))
    driver = Driver(REAL_COMMAND, arguments, cut)
    assert driver.wait() == 0, driver.text
    sweep = sweep_of(cut, "real")
    assert [trial.number for trial in sweep.trials] == list(range(TRIALS))
    assert sweep.sweep.runs == KILLS + 1
    assert ranked_table(cut) == ranked_table(whole)
    assert curves(cut) == curves(whole)
    (tmp_path / "figures.json").write_text(json.dumps(figures(cut) | {"adopted": lost}))
    print(json.dumps(figures(cut) | {"adopted": lost}))


def finished(folder: Path) -> list[str]:
    return [event.payload["uid"] for event in events_of(folder, "real") if event.name == "finished"]


def curves(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Every trial's losses and scores, epoch by epoch, to the last bit."""
    return {
        trial.uid: {name: trial.history[name] for name in ("epoch", "loss", "val_dice", "learning_rate")}
        for trial in sweep_of(folder, "real").trials
    }


def figures(folder: Path) -> dict[str, int]:
    """What the kills cost."""
    trials = sweep_of(folder, "real").trials
    begun: Counter[str] = Counter()
    for trial in trials:
        log = (folder / "runs/real/trials" / trial.uid / "log.txt").read_text()
        begun.update(
            f"{trial.uid} {line.split('epoch ')[1].split(':')[0]}"
            for line in log.splitlines()
            if "epoch " in line and ": loss" in line
        )
    return {
        "kills": KILLS,
        "trials": len(trials),
        "lost": sum(trial.state not in ("finished", "pruned") for trial in trials),
        "attempts": sum(trial.attempts for trial in trials),
        "epochs": len(begun),
        "epochs_run_twice": sum(count - 1 for count in begun.values()),
    }
