"""Pairs of masks that other tools have scored. Nothing here but NumPy: the recording runs without the project."""

from __future__ import annotations

import numpy as np

Spacing = tuple[float, float, float]


def ball(shape, spacing, centre, radius):
    """Voxels whose centre is within `radius` mm (one number, or one an axis) of `centre` mm."""
    axes = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")
    radii = np.broadcast_to(radius, 3)
    return sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1.0


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray, Spacing]]:
    """Reference, prediction and spacing by name."""
    thick, cubic = (2.5, 0.75, 0.75), (1.0, 1.0, 1.0)
    shape = (24, 60, 64)
    liver = ball(shape, thick, (30, 22, 20), (22, 16, 15)) | ball(shape, thick, (34, 22, 34), (14, 11, 11))
    left_lobe = ball(shape, thick, (34, 22, 38), (12, 9, 8))
    box, wider = np.zeros((2, 20, 20, 20), bool)
    box[5:12, 5:12, 5:12], wider[5:15, 5:12, 6:12] = True, True
    at_the_edge = np.zeros((6, 9, 9), bool)
    at_the_edge[0:3, 0:5, 2:9] = True
    blobs = ball((30, 30, 30), cubic, (7, 7, 7), 4) | ball((30, 30, 30), cubic, (22, 22, 20), 5)
    return {
        "balls": (ball((30,) * 3, cubic, (14, 14, 14), 9), ball((30,) * 3, cubic, (15, 14, 13), 8), cubic),
        "balls, thick slices": (
            ball(shape, thick, (30, 22, 22), 18),
            ball(shape, thick, (31, 23, 22), 16.5),
            thick,
        ),
        "boxes": (box, wider, (1.5, 0.8, 0.8)),
        "a lobe is missing": (liver, liver & ~left_lobe, thick),
        "a lesion is missing": (blobs, ball((30, 30, 30), cubic, (22, 21, 20), 5), cubic),
        "at the edge of the volume": (at_the_edge, np.roll(at_the_edge, 1, axis=1), (5.0, 0.7, 0.7)),
    }
