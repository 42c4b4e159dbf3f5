from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from liverseg.training.fused_adam import FusedAdam, FusedAdamW
from liverseg.training.variables import read

GRADIENTS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


def walked(optimizer: Any, steps: int = 6) -> np.ndarray:
    variable = keras.Variable(np.linspace(-1.0, 1.0, 5, dtype=np.float32))
    optimizer.build([variable])
    for gradient in GRADIENTS[:steps]:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(gradient), variable)])
    return read(variable)


@pytest.mark.parametrize(
    ("fused", "plain", "options"),
    [
        (FusedAdam, keras.optimizers.Adam, {}),
        (FusedAdam, keras.optimizers.Adam, {"beta_1": 0.5, "epsilon": 1e-3}),
        (FusedAdamW, keras.optimizers.AdamW, {"weight_decay": 0.1}),
    ],
)
def test_the_fused_update_is_keras_update(fused, plain, options):
    mine, keras_own = (walked(kind(learning_rate=0.05, **options)) for kind in (fused, plain))
    np.testing.assert_allclose(mine, keras_own, rtol=1e-5, atol=1e-6)
    assert not np.allclose(mine, walked(fused(learning_rate=0.05, **options), steps=5))


def test_other_backends_take_keras_own_operations(monkeypatch):
    used: list[str] = []
    monkeypatch.setattr(keras.backend, "backend", lambda: used.append("asked") or "elsewhere")
    fallen_back = walked(FusedAdam(learning_rate=0.05))
    monkeypatch.undo()
    np.testing.assert_array_equal(fallen_back, walked(keras.optimizers.Adam(learning_rate=0.05)))
    assert used
