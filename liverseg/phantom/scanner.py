"""How a patient is scanned: slices, field of view, storage order, and what the scanner does to the CT numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from liverseg.phantom.config import PhantomConfig
from liverseg.phantom.grid import Point, Volume
from liverseg.phantom.noise import coloured_noise

Choice = TypeVar("Choice")
Voxels = TypeVar("Voxels", bound=np.generic)
Affine = npt.NDArray[np.float64]

TURNS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
STEP_MM = 1.0 / 1024.0
FINEST_MM = 2.6
LOWEST_HU, HIGHEST_HU = -1024, 3071
QUIET_BELOW_HU = -700.0


def stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    """The random numbers of one case for one purpose; they depend on nothing else."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, purpose])))


def deal(choices: Sequence[Choice], seed: int, index: int, purpose: int) -> Choice:
    """The choice of case `index`: each block of `len(choices)` consecutive cases holds every choice once, shuffled."""
    block, place = divmod(index, len(choices))
    return choices[int(stream(seed, block, purpose).permutation(len(choices))[place])]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One scan's geometry and intensity faults.

    Attributes:
        shape: voxels along RAS axes.
        spacing_mm: distances between their centres, multiples of 1/1024 mm and so exact in float32.
        origin_mm: RAS position of voxel (0, 0, 0).
        sub_slices: thinner slices averaged into each stored one.
        orientation: axis codes of the stored array.
        offset_hu: calibration error of the scanner.
        cupping_hu: how much brighter the rim is than the centre.
        noise_hu: standard deviation of the noise in soft tissue.
    """

    shape: tuple[int, int, int]
    spacing_mm: Point
    origin_mm: Point
    sub_slices: int
    orientation: str
    offset_hu: float
    cupping_hu: float
    noise_hu: float

    @classmethod
    def draw(cls, config: PhantomConfig, index: int, width_mm: float, rng: np.random.Generator) -> Acquisition:
        """A random scan of a patient who is `width_mm` wide."""
        low, high = config.matrix_px
        side = 8 * int(rng.integers(low // 8, high // 8 + 1))
        view = float(np.clip(width_mm * rng.uniform(1.03, 1.22), *config.field_of_view_mm))
        pixel = _snap(view / side)
        thickness = _snap(deal(config.thickness_mm, config.seed, index, 101))
        count = int(np.clip(round(rng.uniform(*config.extent_mm) / thickness), *config.slices))
        centre = rng.uniform((-8.0, -12.0, -12.0), (8.0, 4.0, 4.0))
        half = (0.5 * pixel * (side - 1), 0.5 * pixel * (side - 1), 0.5 * thickness * (count - 1))
        origin = tuple(_snap(float(c) - h) for c, h in zip(centre, half, strict=True))
        return cls(
            shape=(side, side, count),
            spacing_mm=(pixel, pixel, thickness),
            origin_mm=(origin[0], origin[1], origin[2]),
            sub_slices=int(np.ceil(thickness / FINEST_MM)),
            orientation=deal(config.orientations, config.seed, index, 102),
            offset_hu=float(rng.normal(0.0, 3.0)),
            cupping_hu=float(rng.uniform(-2.0, 6.0)),
            noise_hu=float(rng.uniform(*config.noise_hu)),
        )

    def fine_axes(self, scale: Point) -> tuple[Volume, Volume, Volume]:
        """Standard-body coordinates of the voxels that are painted: as stored in the plane, thinner slices along z."""
        rows = zip(self.shape, self.spacing_mm, self.origin_mm, strict=True)
        axes = [np.arange(n) * step + first for n, step, first in rows]
        inner = (np.arange(self.sub_slices) + 0.5) / self.sub_slices - 0.5
        axes[2] = (axes[2][:, None] + inner * self.spacing_mm[2]).reshape(-1)
        x, y, z = ((axis / k).astype(np.float32) for axis, k in zip(axes, scale, strict=True))
        return x, y, z

    def average(self, fine: Volume) -> Volume:
        """Average painted slices into stored ones: `(nx, ny, nz * sub_slices)` to `(nx, ny, nz)`."""
        total = fine[:, :, :: self.sub_slices].copy()
        for part in range(1, self.sub_slices):
            total += fine[:, :, part :: self.sub_slices]
        return total / np.float32(self.sub_slices)

    def expose(self, hu: Volume, rng: np.random.Generator) -> npt.NDArray[np.int16]:
        """The scan of noise-free slices: calibration, cupping and noise, in the round field of view.

        Args:
            hu: float32 `(nx, ny, nz)` on stored slices, RAS axes.
            rng: of the noise.

        Returns:
            int16 HU of the same shape; voxels outside the circle have the lowest value.
        """
        x, y = (np.linspace(-1.0, 1.0, n) for n in self.shape[:2])
        radius2 = (x[:, None] ** 2 + y[None, :] ** 2)[:, :, None]
        clean = hu.astype(np.float64)
        loud = np.where(clean < QUIET_BELOW_HU, 0.4, 1.0) * self.noise_hu * (1.12 - 0.3 * np.minimum(radius2, 1.0))
        body = np.where(clean < QUIET_BELOW_HU, 0.0, self.offset_hu + self.cupping_hu * (radius2 - 0.3))
        noisy = clean + body + loud * coloured_noise(self.shape, self.spacing_mm, rng)
        seen = np.where(radius2 <= 1.02, noisy, float(LOWEST_HU))
        return np.clip(np.rint(seen), LOWEST_HU, HIGHEST_HU).astype(np.int16)

    def store(self, volume: npt.NDArray[Voxels]) -> tuple[npt.NDArray[Voxels], Affine]:
        """Bring a RAS volume into the stored orientation.

        Returns:
            The array `(i, j, k)` as stored and its voxel-to-RAS affine, float64 `(4, 4)`.
        """
        affine = np.eye(4)
        affine[:3, :3] = 0.0
        affine[:3, 3] = self.origin_mm
        turns = [TURNS[letter] for letter in self.orientation]
        for stored_axis, (axis, sign) in enumerate(turns):
            affine[axis, stored_axis] = sign * self.spacing_mm[axis]
            if sign < 0:
                affine[axis, 3] += (self.shape[axis] - 1) * self.spacing_mm[axis]
        turned = volume.transpose([axis for axis, _ in turns])
        return np.flip(turned, tuple(j for j, (_, sign) in enumerate(turns) if sign < 0)), affine


def _snap(value_mm: float) -> float:
    return round(value_mm / STEP_MM) * STEP_MM
