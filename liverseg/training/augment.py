"""Random changes of training slices, made in NumPy so that masks stay whole numbers and every draw has its own seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liverseg.config import TrainConfig

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]

BRIGHTNESS, CONTRAST, NOISE = 0.2, 0.5, 0.1
"""Largest changes at intensity strength 1: shift and noise SD in spans of the window, contrast as a relative change."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training slices are changed; all zero leaves them as they are.

    Attributes:
        flip: probability of a left-right flip.
        rotate_deg: largest rotation either way, degrees.
        scale: largest relative change of size, either way.
        intensity: strength of brightness, contrast and noise changes, 0 to 1.
        span: width of the windowed intensities, to which brightness and noise are relative.
        air: windowed intensity of what comes into view from outside.
    """

    flip: float = 0.0
    rotate_deg: float = 0.0
    scale: float = 0.0
    intensity: float = 0.0
    span: float = 1.0
    air: float = 0.0

    @classmethod
    def of(cls, config: TrainConfig, *, span: float, air: float) -> Augmentation:
        """The augmentation that a configuration asks for."""
        return cls(
            flip=config.get("augment_flip"),
            rotate_deg=config.get("augment_rotate_deg"),
            scale=config.get("augment_scale"),
            intensity=config.get("augment_intensity"),
            span=span,
            air=air,
        )

    @property
    def active(self) -> bool:
        """Whether anything is ever changed."""
        return any((self.flip, self.rotate_deg, self.scale, self.intensity))


def augment_slice(
    image: Floats, mask: Labels, how: Augmentation, generator: np.random.Generator
) -> tuple[Floats, Labels]:
    """One slice changed at random.

    Args:
        image: float32 `(s, s)`, windowed.
        mask: uint8 `(s, s)`.
        how: strengths.
        generator: the only source of chance.

    Returns:
        Image (float32) and mask (uint8, the same values as before) of the same shape.
    """
    flips = generator.random() < how.flip
    angle = math.radians(how.rotate_deg) * generator.uniform(-1.0, 1.0)
    zoom = 1.0 + how.scale * generator.uniform(-1.0, 1.0)
    if flips:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if how.rotate_deg or how.scale:
        image, mask = _turned(image, mask, angle, zoom, how.air)
    if how.intensity:
        image = _recoloured(image, how, generator)
    return np.ascontiguousarray(image, np.float32), np.ascontiguousarray(mask)


def _turned(image: Floats, mask: Labels, angle: float, zoom: float, air: float) -> tuple[Floats, Labels]:
    """Rotation and magnification about the centre: linear for the image, nearest for the mask."""
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    centre = (np.array(image.shape) - 1) / 2.0
    offset = centre - matrix @ centre
    turned = ndimage.affine_transform(image, matrix, offset, order=1, mode="constant", cval=air)
    return turned, ndimage.affine_transform(mask, matrix, offset, order=0, mode="constant", cval=0)


def _recoloured(image: Floats, how: Augmentation, generator: np.random.Generator) -> Floats:
    """Contrast about the slice's mean, brightness, then Gaussian noise of a random SD."""
    contrast = 1.0 + CONTRAST * how.intensity * generator.uniform(-1.0, 1.0)
    shift = BRIGHTNESS * how.intensity * how.span * generator.uniform(-1.0, 1.0)
    noise_sd = NOISE * how.intensity * how.span * generator.random()
    mean = float(image.mean(dtype=np.float64))
    noise = generator.standard_normal(image.shape, np.float32) * np.float32(noise_sd)
    return np.asarray((image - np.float32(mean)) * np.float32(contrast) + np.float32(mean + shift) + noise, np.float32)
