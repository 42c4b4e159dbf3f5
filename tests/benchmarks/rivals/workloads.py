"""The workloads: which networks, how many trials of what length, and what is to be reached with them.

All trials of one network differ in their learning rate alone, as most of a sweep's trials differ in numbers that leave
the graph as it is. `mixed` is the other case: five networks, two trials each.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

SLOTS = 2
SIZE_PX = 64
BATCH = 8
OURS, TUNE, OPTUNA, NOTEBOOK = "liversweep", "ray-tune", "optuna", "notebook"
CONTENDERS = (OURS, TUNE, OPTUNA, NOTEBOOK)
FIVE = ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
SLOWEST_RATE, RATE_STEP = 1.0e-3, 1.05


@dataclass(frozen=True, slots=True)
class Workload:
    """Trials of one size.

    Attributes:
        name: as on the command line.
        networks: architectures, each with the same learning rates.
        trials: trainings in all, a multiple of the number of networks.
        seconds: what one trial is to take once its network is compiled, on one thread with both slots busy; the mean over the
            networks.
        base_filters: width of the networks.
        contenders: who runs it unless told otherwise. A notebook of one network does what the Optuna loop does, and the long
            workloads are there for the efficiency of a sweep, so those are left out where they only cost minutes.
        size_px: side of the networks' input.
        gpus: share of a GPU of every trial.
    """

    name: str
    networks: tuple[str, ...]
    trials: int
    seconds: float
    base_filters: int
    contenders: tuple[str, ...]
    size_px: int = SIZE_PX
    gpus: float = 0.0

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The grid: one value a trial of each network, from 0.001 up in steps of 5 %."""
        count = self.trials // len(self.networks)
        return tuple(round(SLOWEST_RATE * RATE_STEP**k, 8) for k in range(count))

    def epochs_for(self, epoch_s: dict[str, float]) -> int:
        """Epochs that come nearest to the wanted seconds a trial, at least 1.

        Args:
            epoch_s: seconds of a compiled epoch of each network.
        """
        mean = sum(epoch_s[name] for name in self.networks) / len(self.networks)
        return max(1, round(self.seconds / mean))

    def shortened(self, trials: int) -> Workload:
        """The same with fewer trials: for trying the benchmark itself out. It has another name, and so no goal."""
        each = max(1, min(trials, self.trials) // len(self.networks))
        return replace(self, name=f"{self.name}-short", trials=each * len(self.networks))


WORKLOADS = (
    Workload("12x1s", ("unet",), 12, 1.0, 4, CONTENDERS),
    Workload("30x1s", ("unet",), 30, 1.0, 4, (OURS, TUNE)),
    Workload("8x10s", ("unet",), 8, 10.0, 8, (OURS, TUNE)),
    Workload("mixed", FIVE, 10, 1.0, 4, CONTENDERS),
)


@dataclass(frozen=True, slots=True)
class Work:
    """A workload with its epochs: all that a contender is told, beside the arrays. Travels as JSON.

    Attributes:
        networks, learning_rates: the grid is their product.
        epochs: of every trial.
        base_filters, size_px, batch: of every network.
        slots: trainings at a time, or threads of one training at a time.
        gpus: share of a GPU of every trial; 0 hides all GPUs.
    """

    networks: tuple[str, ...]
    learning_rates: tuple[float, ...]
    epochs: int
    base_filters: int
    size_px: int
    batch: int = BATCH
    slots: int = SLOTS
    gpus: float = 0.0

    @classmethod
    def of(cls, workload: Workload, epochs: int) -> Work:
        """The work of a workload."""
        return cls(
            workload.networks,
            workload.learning_rates,
            epochs,
            workload.base_filters,
            workload.size_px,
            gpus=workload.gpus,
        )

    @property
    def trials(self) -> int:
        """Trainings in all."""
        return len(self.networks) * len(self.learning_rates)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Work:
        """What `write` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("networks", "learning_rates"):
            values[name] = tuple(values[name])
        return cls(**values)

    def spec(self) -> str:
        """The same as a liversweep spec. JSON is YAML."""
        return json.dumps(
            {
                "name": "pairing",
                "data": {"root": "scans", "split": {"test": 0, "validation": 0.25, "seed": 1}},
                "search": {
                    "sampler": "grid",
                    "scheduler": "none",
                    "space": {"learning_rate": list(self.learning_rates)},
                    "architectures": {name: {"base_filters": self.base_filters} for name in self.networks},
                },
                "train": {"epochs": self.epochs, "size": self.size_px, "batch_size": self.batch},
                "trial": {"gpus": self.gpus},
                "cluster": {"cpus": self.slots},
            }
        )
