"""Implicit shapes: functions that give about the signed distance in mm to a surface, negative inside.

All take three coordinate arrays of one shape (or broadcastable) and return a float32 array of it. Distances of warped
and combined shapes are first-order estimates, which is all that a boundary one voxel wide needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.phantom.grid import Point, Volume

Coordinates = tuple[Volume, Volume, Volume]


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An axis-parallel ellipsoid."""

    centre: Point
    radii: Point

    @property
    def low(self) -> Point:
        """The corner with the smallest coordinates."""
        return _subtract(self.centre, self.radii)

    @property
    def high(self) -> Point:
        """The corner with the largest coordinates."""
        return _add(self.centre, self.radii)

    def distance(self, where: Coordinates) -> Volume:
        """First-order distance `q (q - 1) / |grad|` with `q = |p / r|`; finite at the centre."""
        rows = zip(where, self.centre, self.radii, strict=True)
        scaled = [(axis - np.float32(c)) / np.float32(r) for axis, c, r in rows]
        steep = [part / np.float32(r) for part, r in zip(scaled, self.radii, strict=True)]
        q = np.sqrt(scaled[0] * scaled[0] + scaled[1] * scaled[1] + scaled[2] * scaled[2])
        gradient = np.sqrt(steep[0] * steep[0] + steep[1] * steep[1] + steep[2] * steep[2])
        result: Volume = q * (q - np.float32(1)) / np.maximum(gradient, np.float32(1e-4))
        return np.where(q < np.float32(0.05), np.float32(-min(self.radii)), result)


@dataclass(frozen=True, slots=True)
class Capsule:
    """A straight tube with round ends; its radius changes linearly from `start_radius` to `end_radius`."""

    start: Point
    end: Point
    start_radius: float
    end_radius: float

    @property
    def low(self) -> Point:
        """The corner with the smallest coordinates."""
        widest = max(self.start_radius, self.end_radius)
        a, b = self.start, self.end
        return min(a[0], b[0]) - widest, min(a[1], b[1]) - widest, min(a[2], b[2]) - widest

    @property
    def high(self) -> Point:
        """The corner with the largest coordinates."""
        widest = max(self.start_radius, self.end_radius)
        a, b = self.start, self.end
        return max(a[0], b[0]) + widest, max(a[1], b[1]) + widest, max(a[2], b[2]) + widest

    def distance(self, where: Coordinates) -> Volume:
        """Distance to the tube's surface, exact for equal radii."""
        along = _subtract(self.end, self.start)
        length2 = max(sum(part * part for part in along), 1e-6)
        offset = [axis - np.float32(s) for axis, s in zip(where, self.start, strict=True)]
        share = sum(o * np.float32(a / length2) for o, a in zip(offset, along, strict=True))
        share = np.clip(share, np.float32(0), np.float32(1))
        rest = [o - share * np.float32(a) for o, a in zip(offset, along, strict=True)]
        radius = np.float32(self.start_radius) + share * np.float32(self.end_radius - self.start_radius)
        result: Volume = np.sqrt(rest[0] * rest[0] + rest[1] * rest[1] + rest[2] * rest[2]) - radius
        return result


def unite(first: Volume, second: Volume, *, blend_mm: float = 8.0) -> Volume:
    """Union with a rounded crease (quadratic smooth minimum)."""
    overlap = np.maximum(np.float32(blend_mm) - np.abs(first - second), np.float32(0))
    result: Volume = np.minimum(first, second) - overlap * overlap * np.float32(0.25 / blend_mm)
    return result


def intersect(first: Volume, second: Volume, *, blend_mm: float = 4.0) -> Volume:
    """Intersection with a rounded edge."""
    return -unite(-first, -second, blend_mm=blend_mm)


def cut(first: Volume, second: Volume, *, gap_mm: float = 0.0) -> Volume:
    """`first` without `second`, which is grown by `gap_mm` before."""
    return intersect(first, np.float32(gap_mm) - second, blend_mm=3.0)


def coverage(distance: Volume, edge_mm: float) -> Volume:
    """Share of each voxel that lies inside, 0..1: partial volume over an edge `edge_mm` wide."""
    share: Volume = np.clip(np.float32(0.5) - distance / np.float32(edge_mm), np.float32(0), np.float32(1))
    return share


def _add(a: Point, b: Point) -> Point:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _subtract(a: Point, b: Point) -> Point:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]
