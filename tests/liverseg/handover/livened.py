"""Networks whose every weight matters, as after training: one that starts has zero biases and idle normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from liverseg.models.build import build_model


def livened(architecture: str, *, size_px: int = 32, mixed_precision: bool = False, seed: int = 0) -> Any:
    """A narrow network with biases, and with means and variances that normalisations have to use."""
    options = {"base_filters": 4}
    network = build_model(architecture, size_px=size_px, options=options, mixed_precision=mixed_precision, seed=seed)
    generator = np.random.default_rng(seed)
    for variable in network.variables:
        noise = generator.normal(0.0, 0.4, variable.shape)
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(np.exp(noise))
        elif len(variable.shape) == 1:
            variable.assign(noise)
    return network
