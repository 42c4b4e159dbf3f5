"""All scores once more, straight from their definitions, voxel against voxel. Slow, and shares no code with the project."""

from __future__ import annotations

import itertools
import math

import numpy as np

FACES = [step for step in itertools.product((-1, 0, 1), repeat=3) if sum(map(abs, step)) == 1]
CORNERS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]


def boundary(mask) -> list[tuple[int, int, int]]:
    """Voxels with a face neighbour that is not in the mask, or not in the volume."""
    voxels = {tuple(map(int, voxel)) for voxel in np.argwhere(mask)}
    return [voxel for voxel in sorted(voxels) if any(_moved(voxel, step) not in voxels for step in FACES)]


def _moved(voxel, step):
    return (voxel[0] + step[0], voxel[1] + step[1], voxel[2] + step[2])


def distances(from_mask, to_mask, spacing) -> list[float]:
    """Distance of every boundary voxel of one mask to the nearest of the other, every pair looked at."""
    sites = boundary(to_mask)
    return [
        min(
            math.dist(
                [a * s for a, s in zip(x, spacing, strict=True)], [b * s for b, s in zip(y, spacing, strict=True)]
            )
            for y in sites
        )
        for x in boundary(from_mask)
    ]


def percentile(values, share) -> float:
    """Linear interpolation between ranks."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def surface(reference, prediction, spacing, tolerance) -> dict[str, float]:
    """ASSD, RMSD, MSSD, HD95 and NSD."""
    if not reference.any() and not prediction.any():
        return dict.fromkeys(("assd", "rmsd", "mssd", "hd95", "nsd"), math.nan)
    if not reference.any() or not prediction.any():
        return dict.fromkeys(("assd", "rmsd", "mssd", "hd95"), math.inf) | {"nsd": 0.0}
    there, back = distances(reference, prediction, spacing), distances(prediction, reference, spacing)
    pooled = there + back
    return {
        "assd": math.fsum(pooled) / len(pooled),
        "rmsd": math.sqrt(math.fsum(d * d for d in pooled) / len(pooled)),
        "mssd": max(pooled),
        "hd95": max(percentile(there, 0.95), percentile(back, 0.95)),
        "nsd": sum(d <= tolerance + 1e-7 for d in pooled) / len(pooled),
    }


def components(mask) -> list[set[tuple[int, int, int]]]:
    """Parts that hang together by faces, edges or corners, in order of their first voxel."""
    left = {tuple(map(int, voxel)) for voxel in np.argwhere(mask)}
    found = []
    for start in sorted(left):
        if start not in left:
            continue
        part, edge = set(), [start]
        left.discard(start)
        while edge:
            voxel = edge.pop()
            part.add(voxel)
            for step in CORNERS:
                other = _moved(voxel, step)
                if other in left:
                    left.discard(other)
                    edge.append(other)
        found.append(part)
    return found


def lesions(mask, other) -> tuple[list[int], list[float]]:
    """Sizes, and the best IoU with a part of the other mask."""
    parts, others = components(mask), components(other)
    iou = [max((len(a & b) / len(a | b) for b in others), default=0.0) for a in parts]
    return [len(part) for part in parts], iou
