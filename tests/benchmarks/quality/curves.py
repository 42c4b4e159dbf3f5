"""Real trainings of every configuration, written down epoch by epoch: what any search would have seen of them.

A training with one thread, the same configuration, seed and slices gives the same curve bit for bit. So it is trained once a
repeat, and every method that asks for it reads it; a training that is ended early has seen the beginning of the curve. Its
epochs count for every method, and every time that it is asked for.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.quality.choices import BASE_FILTERS, EPOCHS, FIXED, Choice, choices

FIRST_SEED = 42
KEPT_BYTES = 4 << 30
"""Room for the compiled networks of all 30 graphs, so that each is traced once a process and not once a repeat."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One training.

    Attributes:
        val_dice: after each epoch; shorter than the rest of the curves when a loss was no number.
        liver, tumour: mean Dice of each label after each epoch.
        cpu_s: CPU-seconds of each epoch, training and validation.
        gflop: floating-point operations of an epoch's convolutions, in 10^9; a gradient counts as two forward passes.
    """

    choice: Choice
    val_dice: tuple[float, ...]
    liver: tuple[float, ...]
    tumour: tuple[float, ...]
    cpu_s: tuple[float, ...]
    gflop: float


Table = dict[Choice, Curve]


def share_of(worker: int, workers: int) -> list[Choice]:
    """What one of several processes trains: whole graphs, small and large ones alike."""
    graphs = sorted({choice.graph for choice in choices()}, key=lambda graph: (graph[2], graph[1], graph[0]))
    mine = set(graphs[worker::workers])
    return [choice for choice in choices() if choice.graph in mine]


def read_tables(files: Sequence[Path]) -> dict[int, Table]:
    """The curves of every repeat; torn last lines are left out."""
    tables: dict[int, Table] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            choice = Choice(**row["choice"])
            series = {name: tuple(row[name]) for name in ("val_dice", "liver", "tumour", "cpu_s")}
            tables.setdefault(row["repeat"], {})[choice] = Curve(choice, gflop=row["gflop"], **series)
    return tables


def train_share(file: Path, repeats: Sequence[int], worker: int, workers: int) -> None:
    """Train what the file does not hold yet, one line a curve."""
    from liverseg.training.compiled import NETWORKS
    from liverseg.training.device import pin_threads
    from tests.benchmarks.quality.scans import packs

    pin_threads(1)
    NETWORKS.budget_bytes = KEPT_BYTES
    done = read_tables([file]) if file.exists() else {}
    mine = share_of(worker, workers)
    for repeat in repeats:
        left = [choice for choice in mine if choice not in done.get(repeat, {})]
        data = packs(repeat, sorted({choice.size for choice in left})) if left else {}
        for choice in left:
            curve = train(choice, data[choice.size], seed_of(repeat))
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"repeat": repeat, **asdict(curve)}) + "\n")


def seed_of(repeat: int) -> int:
    """The seed of a repeat's trainings: initial weights and the order of the slices."""
    return FIRST_SEED + repeat


def train(choice: Choice, data: tuple[Any, Any], seed: int, epochs: int = EPOCHS) -> Curve:
    """Train one configuration to its end."""
    from liverseg.models.build import count_flops

    run = _run(choice, data, seed, epochs)
    records, seconds = [], []
    for record, cpu_s in _epochs(run):
        records.append(record)
        seconds.append(cpu_s)
    slices = 3 * data[0].image.shape[0] + data[1].image.shape[0]
    gflop = slices * count_flops(run.network.model) / 1e9
    run.release()
    return Curve(
        choice,
        tuple(record.val_dice for record in records),
        tuple(record.metrics["dice_liver_mean"] for record in records),
        tuple(record.metrics["dice_tumour_mean"] for record in records),
        tuple(seconds),
        gflop,
    )


def _run(choice: Choice, data: tuple[Any, Any], seed: int, epochs: int) -> Any:
    from liverseg.config import TrainConfig
    from liverseg.training.loop import TrainingRun

    parameters = {name: getattr(choice, name) for name in ("batch_size", "size", "learning_rate")}
    config = TrainConfig(
        architecture=choice.architecture,
        options={"base_filters": BASE_FILTERS[choice.architecture]},
        parameters={**parameters, **FIXED},
        epochs=epochs,
        seed=seed,
    )
    return TrainingRun(config, *data)


def _epochs(run: Any) -> Iterator[tuple[Any, float]]:
    """Every epoch and its CPU-seconds; a loss that is no number ends the training."""
    from liverseg.errors import NonFiniteError

    while not run.finished:
        began = time.process_time()
        try:
            record = run.run_epoch()
        except NonFiniteError:
            return
        assert not math.isnan(record.val_dice)
        yield record, time.process_time() - began
