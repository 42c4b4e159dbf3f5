"""One network with its loss and optimizer, compiled once: the only file that talks to Keras' trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from liverseg.config import TrainConfig
from liverseg.live_value import is_live
from liverseg.losses import build_loss
from liverseg.models.build import build_model
from liverseg.models.initial import set_initial_weights
from liverseg.training.best import Weights
from liverseg.training.device import memory_errors
from liverseg.training.optimizer import begin_anew, build_optimizer
from liverseg.training.spans import TRACING, span
from liverseg.training.statistics import settled_statistics
from liverseg.training.variables import Readings, Values, assign, read

Arrays = Mapping[str, npt.NDArray[Any]]


class CompiledNetwork:
    """A model with loss and optimizer.

    As long as all batches have one shape, the training step and the prediction are traced once each: the learning rate
    is a variable, and so is everything that `restore` changes.

    Args:
        model, loss, optimizer: Keras' own, not compiled yet.
        xla: compile the step and the prediction with XLA. Never left to Keras: its "auto" turns XLA on where it sees a
            GPU and off elsewhere, so that the same parameters would be computed in two ways, and no record would say
            in which.
        class_weights: those that the loss was made with, if any.

    Attributes:
        model: the Keras model.
        trainings: how many it has been used for, this one included; from the second one on nothing is traced any more.
    """

    def __init__(
        self,
        model: Any,
        loss: Any,
        optimizer: Any,
        *,
        xla: bool = False,
        class_weights: tuple[float, ...] | None = None,
    ) -> None:
        model.compile(optimizer=optimizer, loss=loss, jit_compile=xla)
        optimizer.build(model.trainable_variables)
        self.model = model
        self.trainings = 1
        self._loss, self._optimizer = loss, model.optimizer
        self._class_weights = class_weights
        self._rate: float | None = None
        self._running: Mapping[int, Values] = {}
        self._traced: set[str] = set()

    def train(self, images: npt.NDArray[np.float32], masks: npt.NDArray[np.int32], learning_rate: float) -> float:
        """One gradient update.

        Args:
            images: float32 `(b, s, s, 1)`.
            masks: int32 labels `(b, s, s)`.
            learning_rate: rate of this update.

        Returns:
            The loss before the update.

        Raises:
            MemoryExceeded: the step did not fit.
        """
        if learning_rate != self._rate:
            self._optimizer.learning_rate = learning_rate
            self._rate = learning_rate
        with memory_errors("training step"), self._tracing("step"):
            return float(self.model.train_on_batch(images, masks))

    def predict(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Logits float32 `(b, s, s, c)` of images float32 `(b, s, s, 1)`.

        Raises:
            MemoryExceeded: the batch did not fit.
        """
        with memory_errors("prediction"), self._tracing("prediction"):
            return np.asarray(self.model.predict_on_batch(images), np.float32)

    @contextmanager
    def _tracing(self, what: str) -> Iterator[None]:
        """The first call of its kind is mostly tracing, and is booked as that."""
        if what in self._traced:
            yield
            return
        with span(TRACING):
            yield
        self._traced.add(what)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """A block in which the network predicts as after training: see `settled_statistics`."""
        with settled_statistics(self.model, int(read(self._optimizer.iterations))) as self._running:
            try:
                yield
            finally:
                self._running = {}

    def weights(self) -> Weights:
        """Copies of the model's variables, in the order of the model: weights, statistics and random states."""
        return tuple(read(variable) for variable in self.model.variables)

    def set_weights(self, weights: Weights) -> None:
        """Assign what `weights` gave.

        Raises:
            ValueError: number or shapes differ.
        """
        assign(self.model.variables, weights)

    def state(self) -> Arrays:
        """Everything that changes in training, by name: model variables `m0000`… and optimizer variables `o0000`…

        Values are read when they are asked for, as they are then. Also in a `settled` block they are those with which
        training goes on.
        """
        variables = {f"m{k:04d}": variable for k, variable in enumerate(self.model.variables)}
        variables |= {f"o{k:04d}": variable for k, variable in enumerate(self._optimizer.variables)}
        return Readings(variables, self._running)

    def restore(self, state: Arrays) -> None:
        """Assign what `state` gave.

        Raises:
            ValueError: number or shapes differ; nothing was changed.
        """
        variables = [*self.model.variables, *self._optimizer.variables]
        assign(variables, [state[name] for name in sorted(state)])
        self._rate = None

    def can_begin(self, config: TrainConfig, class_weights: tuple[float, ...] | None) -> bool:
        """Whether `begin` can make it what `compile_network` would make of these arguments, of the same graph.

        Weight decay and class weights are variables with TensorFlow; elsewhere, and in losses of others, they are what they are.
        """
        decay, held = config.get("weight_decay"), self._optimizer.weight_decay
        if held is not None and not is_live(held) and held != decay:
            return False
        return class_weights == self._class_weights or is_live(getattr(self._loss, "live_weights", None))

    def begin(self, config: TrainConfig, class_weights: tuple[float, ...] | None) -> None:
        """Be what `compile_network` would make of these arguments, bit for bit, with the step and the prediction that are
        traced already.

        Args:
            config: a training of the same graph, see `liverseg.training.graph`, for which `can_begin` is true.
            class_weights: see `compile_network`.

        Raises:
            MemoryExceeded: the weights did not fit.
        """
        with memory_errors("resetting the network"):
            set_initial_weights(
                self.model,
                size_px=config.get("size"),
                classes=config.classes,
                options=config.options,
                mixed_precision=config.get("mixed_precision"),
                seed=config.seed,
            )
            rates = {name: config.get(name) for name in ("learning_rate", "weight_decay")}
            begin_anew(self._optimizer, **rates)
            if class_weights is not None and class_weights != self._class_weights:
                self._loss.weigh(class_weights)
        self._class_weights = class_weights
        self._rate, self._running = None, {}
        self.trainings += 1

    @property
    def variable_bytes(self) -> int:
        """Memory of the model's and the optimizer's variables, nearly all of them float32."""
        variables = [*self.model.variables, *self._optimizer.variables]
        return 4 * sum(math.prod(variable.shape) for variable in variables)


def compile_network(config: TrainConfig, class_weights: tuple[float, ...] | None = None) -> CompiledNetwork:
    """Build and compile what a configuration describes, with the initial weights of its seed.

    Args:
        config: the training.
        class_weights: one weight a class, for losses that need them.

    Raises:
        ConfigError: unknown architecture, option or loss, or an impossible value.
        MemoryExceeded: the weights did not fit.
    """
    with span(TRACING), memory_errors("building the network"):
        model = build_model(
            config.architecture,
            size_px=config.get("size"),
            classes=config.classes,
            options=config.options,
            mixed_precision=config.get("mixed_precision"),
            seed=config.seed,
        )
        optimizer = build_optimizer(
            config.get("optimizer"),
            learning_rate=config.get("learning_rate"),
            weight_decay=config.get("weight_decay"),
        )
        built_loss = build_loss(config.get("loss"), classes=config.classes, class_weights=class_weights)
        return CompiledNetwork(model, built_loss, optimizer, xla=config.get("xla"), class_weights=class_weights)
