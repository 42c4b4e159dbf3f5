"""Tiny packs of bright discs (liver) with darker spots (tumour), to train on in seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liverseg.config import TrainConfig
from liverseg.preprocess.arrays import CaseSpan, NativeReference, Pack, PlaneMap, stored_from_hu
from liverseg.preprocess.slice_stack import SliceStack

SIZE = 32
NATIVE = 48


def blob_pack(cases: int = 2, slices: int = 6, seed: int = 0, tumours: bool = True) -> Pack:
    """A read-only pack; native slices have 48 x 48 pixels, the network's square 32 x 32. The first slice is empty."""
    generator = np.random.default_rng(seed)
    images, masks, spans, counts = [], [], [], np.zeros(4096, np.int64)
    for k in range(cases):
        native = np.stack([_labels(generator, z, slices, tumours) for z in range(slices)])
        small = native[:, ::3, ::3].repeat(2, axis=1).repeat(2, axis=2)
        hu = np.choose(small, [-80.0, 110.0, 40.0]) + generator.normal(0, 10, small.shape)
        counts[1024 + 110] += int((native == 1).sum())
        counts[1024 + 40] += int((native == 2).sum())
        images.append(stored_from_hu(hu))
        masks.append(small.astype(np.uint8))
        spans.append(_span(k, k * slices, native))
    for array in (*images, *masks):
        array.flags.writeable = False
    return Pack(SliceStack(images), SliceStack(masks), tuple(spans), counts)


def _labels(generator: np.random.Generator, z: int, slices: int, tumours: bool) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[:NATIVE, :NATIVE]
    y, x = generator.integers(16, 32, 2)
    labels = np.zeros((NATIVE, NATIVE), np.uint8)
    if z:
        labels[(rows - y) ** 2 + (columns - x) ** 2 < 13**2] = 1
        if tumours:
            labels[(rows - y - 3) ** 2 + (columns - x) ** 2 < 6**2] = 2
    return labels


def _span(k: int, start: int, native: npt.NDArray[np.uint8]) -> CaseSpan:
    reference = NativeReference(native.shape, (2.5, 0.8, 0.8), (0, 0, 0), native)
    plane = PlaneMap((NATIVE, NATIVE), (SIZE, SIZE), 0, 0, SIZE)
    return CaseSpan(f"case-{k:08x}", f"case-{k:08x}", start, start + len(native), plane, reference)


def tiny_config(epochs: int = 2, parameters: dict[str, object] | None = None, **fields: object) -> TrainConfig:
    """A network of four filters on 32 pixels."""
    values = {"size": SIZE, "batch_size": 4, "learning_rate": 3e-3} | (parameters or {})
    return TrainConfig(
        **({"architecture": "encoder_decoder", "options": {"base_filters": 4}, "epochs": epochs} | fields),  # type: ignore[arg-type]
        parameters=values,
    )
