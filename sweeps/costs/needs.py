"""How much memory a training needs, from one measured step of its network or from its definition alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liverseg.config import PARAMETERS
from liverseg.models import ArchitectureFacts

ESTIMATE_ERROR = 0.15
"""How far an estimate from a measured step may be from the truth, relative. Measured: see tests/benchmarks/README.md."""
FLOOR_PROCESS_MB = 250.0
"""What Python and TensorFlow take at least, before any network."""
FLOOR_SHARE = 0.75
"""Of all feature maps, what a step on a CPU holds at once at least; the rest is not kept, or freed on the way. Measured: 1.2 to
3.3 of them."""
FLOOR_SHARE_GPU = 0.5
"""The same on a GPU, where it was not measured. Of convolution, normalisation and activation the backward pass needs the first
and the last; what is pooled, joined or upsampled it needs whole."""

_MB = 1e6
_BYTES = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """A step of one network, as `liverseg.training.probe` measured it.

    Attributes:
        answer: its `StepCost`.
        facts: the network.
        batch: slices of the step.
    """

    answer: Mapping[str, Any]
    facts: ArchitectureFacts
    batch: int

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU held the arrays."""
        return bool(self.answer["device"] == "GPU")

    def arrays_mb(self, facts: ArchitectureFacts, batch: int) -> float:
        """Arrays of a training of the same architecture, with other options, size or batch.

        What stays goes with the weights. What a step makes goes with feature maps and batch. Its gradients do not, but they
        come while feature maps go, so that they add little to the most there is at once.
        """
        growth = facts.feature_values * batch / (self.facts.feature_values * self.batch)
        kept = float(self.answer["kept_mb"]) * facts.parameters / self.facts.parameters
        return kept + float(self.answer["step_mb"]) * growth

    def process_mb(self, facts: ArchitectureFacts, batch: int, *, gpu: bool) -> float:
        """Private memory of the worker; with `gpu` its arrays are elsewhere.

        On top come copies of the weights: the best epoch's, and, while that is scored in full, those that training ended
        with. TensorFlow keeps what it once took for arrays, so that these do not find room there.
        """
        copies = 2 * facts.parameters * _BYTES / _MB
        return float(self.answer["process_mb"]) + copies + (0.0 if gpu else self.arrays_mb(facts, batch))


def floor_mb(facts: ArchitectureFacts, setting: Mapping[str, Any], *, gpu: bool) -> float:
    """Memory that a training needs at the very least, without any measurement: weights, their gradients and feature maps.

    Args:
        facts: the network.
        setting: what is known of `batch_size`, `mixed_precision` and `xla`; the catalogue's defaults otherwise.
        gpu: of the card alone, without the process.
    """
    if _given(setting, "xla"):
        return facts.parameters * 2 * _BYTES / _MB  # XLA computes some maps twice rather than keep them
    width = _BYTES // 2 if _given(setting, "mixed_precision") else _BYTES
    maps = (FLOOR_SHARE_GPU if gpu else FLOOR_SHARE) * facts.feature_values * batch_of(setting) * width
    return (0.0 if gpu else FLOOR_PROCESS_MB) + (facts.parameters * 2 * _BYTES + maps) / _MB


def batch_of(setting: Mapping[str, Any]) -> int:
    """Slices a batch."""
    return int(_given(setting, "batch_size"))


def _given(setting: Mapping[str, Any], name: str) -> Any:
    return setting.get(name, PARAMETERS[name].default)
