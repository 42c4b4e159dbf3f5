"""Post-processing once more, straight from its definition, voxel by voxel. Slow, and shares no code with the project."""

from __future__ import annotations

import itertools

import numpy as np

NEIGHBOURS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]


def pieces(mask) -> list[set[tuple[int, int, int]]]:
    """Components of a mask with 26 neighbours, in order of their first voxel."""
    left = {tuple(map(int, voxel)) for voxel in np.argwhere(mask)}
    found = []
    for seed in sorted(left):
        if seed not in left:
            continue
        left.discard(seed)
        piece, edge = {seed}, [seed]
        while edge:
            for near in around(edge.pop()):
                if near in left:
                    left.discard(near)
                    piece.add(near)
                    edge.append(near)
        found.append(piece)
    return found


def around(voxel):
    return [(voxel[0] + a, voxel[1] + b, voxel[2] + c) for a, b, c in NEIGHBOURS]


def processed(labels, chosen, voxel_ml):
    """What post-processing leaves of `labels`."""
    tissue = {tuple(map(int, voxel)) for voxel in np.argwhere(labels == 1)}
    left = np.array(labels)
    livers = [piece for piece in pieces(labels != 0) if piece & tissue]
    if chosen.largest_liver and livers:
        largest = max(livers, key=len)
        for piece in livers:
            for voxel in piece if piece is not largest else ():
                left[voxel] = 0
    for lesion in pieces(labels == 2):
        touches = any(near in tissue for voxel in lesion for near in around(voxel))
        gone = chosen.tumour_inside_liver and not touches
        small = len(lesion) * voxel_ml < chosen.minimum_lesion_ml
        for voxel in lesion:
            if left[voxel] and gone:
                left[voxel] = 0
            elif left[voxel] and small:
                left[voxel] = 1 if touches else 0
    return left


def has_tie(labels) -> bool:
    """Whether two largest livers are of equal size."""
    tissue = {tuple(map(int, voxel)) for voxel in np.argwhere(labels == 1)}
    sizes = sorted(len(piece) for piece in pieces(labels != 0) if piece & tissue)
    return len(sizes) > 1 and sizes[-1] == sizes[-2]
