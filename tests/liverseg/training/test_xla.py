"""`xla`: the same training, rounded otherwise, compiled once, and never anybody's choice but the spec's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from liverseg.config import PARAMETERS
from liverseg.errors import ConfigError
from liverseg.training import weights
from liverseg.training.loop import TrainingRun
from liverseg.training.network import compile_network
from liverseg.training.weights import load_best, write_best
from tests.liverseg.training.conftest import three_layers
from tests.liverseg.training.packs import tiny_config
from tests.liverseg.training.runs import TRAIN, VALIDATION, assert_same, curve, finish

TOLERANCE = 2e-4
"""Relative, of a loss after nine updates: XLA fuses operations and sums in another order, and each update builds on it."""

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def compiled() -> TrainingRun:
    """A finished training with XLA that counted how often its network was traced."""
    patch = pytest.MonkeyPatch()
    patch.setattr("liverseg.training.network.build_model", three_layers)
    run = TrainingRun(tiny_config(3, {"xla": True}), TRAIN, VALIDATION)
    patch.undo()
    modes: list[bool] = []
    run.modes = modes  # type: ignore[attr-defined]
    call = run.network.model.call

    def counted(*arguments: object, training: bool = False, **options: object) -> object:
        modes.append(bool(training))
        return call(*arguments, training=training, **options)

    run.network.model.call = counted
    return finish(run)


def test_it_is_off_by_default_and_never_left_to_keras() -> None:
    assert PARAMETERS["xla"].kind == "bool" and PARAMETERS["xla"].default is False
    assert compile_network(tiny_config()).model.jit_compile is False
    assert compile_network(tiny_config(parameters={"xla": True})).model.jit_compile is True
    assert not PARAMETERS["xla"].accepts("auto")


def without_chance(
    name: str, *, size_px: int, classes: int, options: Mapping[str, Any], mixed_precision: bool, seed: int
) -> keras.Model:
    """No dropout: XLA draws other random numbers. None of our architectures draws any."""
    image = keras.Input((size_px, size_px, 1))
    kernels = [keras.initializers.GlorotUniform(seed=seed + k) for k in range(2)]
    x = keras.layers.Conv2D(4, 5, padding="same", kernel_initializer=kernels[0])(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(
        image, keras.layers.Conv2D(classes, 3, padding="same", kernel_initializer=kernels[1])(x), name=name
    )


def test_the_losses_are_nearly_those_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liverseg.training.network.build_model", without_chance)
    runs = [finish(TrainingRun(tiny_config(3, {"xla": xla}), TRAIN, VALIDATION)) for xla in (True, False)]
    losses = [[record.loss for record in run.history] for run in runs]
    np.testing.assert_allclose(*losses, rtol=TOLERANCE)
    assert losses[0] != losses[1], "nothing was compiled"
    assert [run.network.model.jit_compile for run in runs] == [True, False]


def test_the_step_and_the_prediction_are_compiled_once_each(compiled: TrainingRun) -> None:
    assert compiled.updates == 9
    assert sorted(compiled.modes) == [False, True]


def test_a_restored_training_ends_where_an_uninterrupted_one_does(compiled: TrainingRun, tmp_path: Path) -> None:
    first = TrainingRun(compiled.config, TRAIN, VALIDATION)
    first.run_epoch()
    first.save(tmp_path)
    second = TrainingRun(compiled.config, TRAIN, VALIDATION)
    second.restore(tmp_path)
    assert_same(compiled, finish(second))
    assert len(curve(second)) == 3


def test_a_training_without_it_is_another_training(compiled: TrainingRun, tmp_path: Path) -> None:
    compiled.save(tmp_path)
    with pytest.raises(ConfigError, match="parameters differ"):
        TrainingRun(tiny_config(3), TRAIN, VALIDATION).restore(tmp_path)


def test_a_kept_network_predicts_as_it_was_trained(
    compiled: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liverseg.models.build.build_model", lambda *a, **k: three_layers(*a, seed=0, **k))
    for xla in (True, False):
        assert compiled.best is not None
        config = tiny_config(3, {"xla": xla})
        write_best(tmp_path / str(xla), config, compiled.window, compiled.best)
        assert load_best(tmp_path / str(xla)).jit_compile is xla
    assert weights.read_best(tmp_path / "True")[0]["parameters"]["xla"] is True
