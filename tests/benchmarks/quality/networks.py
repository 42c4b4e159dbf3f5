"""Compiled networks that are used again: TensorFlow traces a graph once, and not once a training.

Only what the benchmark needs: every training starts from the initial weights of its seed, an optimizer that has seen nothing
and its own class weights. `python -m tests.benchmarks.bench_quality --verify` compares with fresh networks, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import liverseg.training.loop
from liverseg.config import TrainConfig
from liverseg.losses.cross_entropy import WeightedCrossEntropy
from liverseg.models.build import build_model
from liverseg.training.best import Weights
from liverseg.training.network import CompiledNetwork, compile_network
from liverseg.training.optimizer import build_optimizer
from liverseg.training.variables import read


class _Loss(WeightedCrossEntropy):
    """Weighted cross-entropy whose weights can be set after it was traced."""

    def __init__(self, class_weights: Sequence[float]) -> None:
        import tensorflow as tf

        super().__init__(classes=len(class_weights), class_weights=class_weights)
        self.held = tf.Variable(list(class_weights), dtype="float32")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """See `WeightedCrossEntropy`."""
        self.class_weights = self.held
        return super().call(y_true, y_pred)


class Networks:
    """One compiled network a graph."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], tuple[CompiledNetwork, _Loss, dict[str, Any]]] = {}
        self._weights: dict[tuple[str, int], Weights] = {}

    def install(self) -> None:
        """Let trainings of this process take their networks from here."""
        liverseg.training.loop.compile_network = self.compile  # type: ignore[attr-defined]

    @staticmethod
    def remove() -> None:
        """Let trainings build their own again."""
        liverseg.training.loop.compile_network = compile_network  # type: ignore[attr-defined]

    def compile(self, config: TrainConfig, class_weights: Sequence[float] | None = None) -> CompiledNetwork:
        """See `liverseg.training.network.compile_network`."""
        assert class_weights is not None
        key = (config.architecture, config.get("batch_size"), config.get("size"))
        if key not in self._kept:
            self._kept[key] = self._fresh(config, class_weights)
        network, loss, start = self._kept[key]
        loss.held.assign(list(class_weights))
        weights = self._initial(config)
        network.restore({**start, **{f"m{k:04d}": value for k, value in enumerate(weights)}})
        return network

    def _fresh(
        self, config: TrainConfig, class_weights: Sequence[float]
    ) -> tuple[CompiledNetwork, _Loss, dict[str, Any]]:
        loss = _Loss(class_weights)
        optimizer = build_optimizer(
            config.get("optimizer"),
            learning_rate=config.get("learning_rate"),
            weight_decay=config.get("weight_decay"),
        )
        network = CompiledNetwork(_model(config), loss, optimizer)
        return network, loss, dict(network.state())

    def _initial(self, config: TrainConfig) -> Weights:
        """Initial weights do not depend on the size of the input."""
        key = (config.architecture, config.seed)
        if key not in self._weights:
            self._weights[key] = tuple(read(variable) for variable in _model(config).variables)
        return self._weights[key]


def _model(config: TrainConfig) -> Any:
    return build_model(
        config.architecture,
        size_px=config.get("size"),
        classes=config.classes,
        options=config.options,
        seed=config.seed,
    )
