"""Which slices make which batch, and what the network gets to see of them.

Everything random is a pure function of (seed, epoch, position): no state is carried from batch to batch, so a resumed
training sees the same data in the same order as an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liverseg.config import TrainConfig
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.window import WindowParams, apply_window
from liverseg.training.augment import Augmentation, augment_slice

Rows = npt.NDArray[np.int64]

_ORDER, _AUGMENT = 0, 1


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The order of the slices.

    Every batch has the same number of slices, so that the training step is compiled once. Each slice is seen at least
    once an epoch: a last batch that would be short is filled up from the beginning of the epoch's order. A set smaller
    than a batch makes one smaller batch.

    Attributes:
        slices: slices of the training set, at least 1.
        wanted: slices a batch as configured.
        seed: the training's seed.
    """

    slices: int
    wanted: int
    seed: int

    @property
    def batch_size(self) -> int:
        """Slices a batch."""
        return min(self.wanted, self.slices)

    @property
    def batches(self) -> int:
        """Batches an epoch."""
        return -(-self.slices // self.batch_size)

    def rows(self, epoch: int) -> Rows:
        """Slices of every batch of an epoch, int64 `(batches, batch_size)`."""
        order = _generator(self.seed, epoch, _ORDER).permutation(self.slices)
        return np.resize(order, self.batches * self.batch_size).reshape(self.batches, self.batch_size)


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Turns slices of a pack into inputs and targets; only a batch at a time is ever copied.

    Attributes:
        pack: the training slices, read only.
        window: intensity window and normalisation.
        augmentation: random changes.
        top_label: largest label value; higher ones in the masks count as this (tumour as liver).
        seed: the training's seed.
    """

    pack: Pack
    window: WindowParams
    augmentation: Augmentation
    top_label: int
    seed: int

    @classmethod
    def of(cls, config: TrainConfig, pack: Pack, window: WindowParams) -> BatchMaker:
        """That of a training: augmentation as configured, relative to what the window makes of the least and the most HU."""
        ends = apply_window(np.array([[[-32768, 32767]]], np.int16), window).ravel()
        augmentation = Augmentation.of(config, span=float(ends[1] - ends[0]), air=float(ends[0]))
        return cls(pack, window, augmentation, config.classes - 1, config.seed)

    def batch(self, rows: Rows, epoch: int, first: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """One batch.

        Args:
            rows: slices of the pack, `(b,)`.
            epoch: the epoch, from 1.
            first: position in the epoch of the batch's first slice.

        Returns:
            Images float32 `(b, s, s, 1)` and labels int32 `(b, s, s)`.
        """
        images = apply_window(self.pack.image[rows], self.window)
        masks = np.minimum(self.pack.mask[rows], np.uint8(self.top_label))
        if self.augmentation.active:
            for k in range(len(rows)):
                generator = _generator(self.seed, epoch, _AUGMENT, first + k)
                images[k, ..., 0], masks[k] = augment_slice(images[k, ..., 0], masks[k], self.augmentation, generator)
        return images, masks.astype(np.int32)


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(list(key)))
