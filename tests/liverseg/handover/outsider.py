"""A mask from a scan by somebody who has a model's folder and has never seen liversweep: `outsider.py MODEL SCAN MASK`.

Written from what `model.json` says, with NumPy, SciPy, nibabel and ONNX Runtime alone; it must import nothing of ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import onnxruntime
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
TOUCH = np.ones((3, 3, 3), bool)


def triangle(n_in: int, n_out: int) -> Floats:
    """`(n_out, n_in)`: the filter of `preprocess.steps`."""
    scale = n_in / n_out
    support = max(scale, 1.0)
    centres = (np.arange(n_out)[:, None] + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(n_in)[None] + 0.5 - centres) / support)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def place(extent: int, resized: int, side: int) -> tuple[Floats, Floats]:
    """One axis into the square, `(side, extent)`, and back out of it, `(extent, side)`."""
    offset = (side - resized) // 2
    kept = [pixel for pixel in range(resized) if 0 <= pixel + offset < side]
    into, back = np.zeros((side, extent)), np.zeros((extent, side))
    inside = [pixel + offset for pixel in kept]
    into[inside] = triangle(extent, resized)[kept]
    back[:, inside] = triangle(resized, extent)[:, kept]
    centres = (np.arange(extent) + 0.5) * resized / extent + offset
    back[(centres < 0) | (centres >= side)] = 0
    total = back.sum(axis=1, keepdims=True)
    return into, np.divide(back, total, out=np.zeros_like(back), where=total > 0)


def squares(slices: Floats, into: tuple[Floats, Floats], resized: tuple[int, int]) -> Floats:
    """HU of every slice in its square."""
    shrunk = np.einsum("ri,nij,cj->nrc", into[0], slices, into[1], optimize=True)
    hu = np.clip(np.round(shrunk * 16) / 16, -1072.0, 3023.9375)
    outside = np.ones(hu.shape[1:], bool)
    side = hu.shape[1]
    rows, columns = ((max(0, (side - one) // 2), min(side, (side - one) // 2 + one)) for one in resized)
    outside[rows[0] : rows[1], columns[0] : columns[1]] = False
    hu[:, outside] = -1024.0
    return np.asarray(hu, np.float64)


def sizes(shape: tuple[int, ...], spacing: Floats, side: int, fit: str) -> tuple[int, int]:
    """Rows and columns of a slice in the square."""
    lengths = [shape[1] * spacing[1], shape[2] * spacing[2]]
    reference = max(lengths) if fit == "pad" else min(lengths)
    height, width = (max(1, int(np.floor(one / reference * side + 0.5))) for one in lengths)
    return height, width


def predictions(folder: Path, model: dict[str, Any], slices: Floats, spacing: Floats) -> list[Floats]:
    """Logits of every member (and mirrored slice) at the slices' own pixels, `(n, h, w, channels)` each."""
    found = []
    for member in model["members"]:
        side, window = member["input_px"], member["window"]
        resized = sizes(slices.shape, spacing, side, model["preprocess"]["fit"])
        axes = [place(extent, one, side) for extent, one in zip(slices.shape[1:], resized, strict=True)]
        hu = squares(slices, (axes[0][0], axes[1][0]), resized)
        seen = (np.clip(hu, window["low_hu"], window["high_hu"]) - window["mean"]) / window["sd"]
        program = onnxruntime.InferenceSession(folder / "onnx" / f"{member['trial']}.onnx")
        for step in (1, -1) if model["flips"] else (1,):
            given = np.ascontiguousarray(seen[:, :, ::step, None], np.float32)
            logits = np.concatenate([program.run(["logits"], {"slice": one[None]})[0] for one in given])[:, :, ::step]
            found.append(np.einsum("ir,nrck,jc->nijk", axes[0][1], logits, axes[1][1], optimize=True))
    return found


def labelled(found: list[Floats]) -> Labels:
    """The label of every pixel."""
    if len(found) == 1:
        return np.asarray(found[0].argmax(axis=-1), np.uint8)
    powers = [np.exp(one - one.max(axis=-1, keepdims=True)) for one in found]
    mean = sum(one / one.sum(axis=-1, keepdims=True) for one in powers)
    return np.asarray(np.argmax(mean, axis=-1), np.uint8)


def cleaned(labels: Labels, wish: dict[str, Any], voxel_ml: float) -> Labels:
    """Post-processing."""
    result = labels.copy()
    pieces, count = ndimage.label(labels > 0, TOUCH)
    tissue = np.bincount(pieces[labels == 1], minlength=count + 1)
    largest = (
        int(np.where(tissue > 0, np.bincount(pieces.ravel(), minlength=count + 1), 0)[1:].argmax()) + 1 if count else 0
    )
    lesions, number = ndimage.label(labels == 2, TOUCH)
    for lesion in range(1, number + 1):
        there = lesions == lesion
        alone = not tissue[pieces[there][0]]
        if alone and wish["tumour_inside_liver"]:
            result[there] = 0
        elif there.sum() * voxel_ml < wish["minimum_lesion_ml"]:
            result[there] = 0 if alone else 1
    if wish["largest_liver"]:
        result[(tissue[pieces] > 0) & (pieces != largest)] = 0
    return result


def mask_of(folder: Path, scan: Path) -> tuple[Labels, Floats]:
    """The mask on the scan's own grid, and its affine."""
    model = json.loads((folder / "model.json").read_text())
    image: Any = nibabel.load(scan)
    here = nibabel.io_orientation(image.affine)
    there = nibabel.orientations.axcodes2ornt(("R", "A", "S"))
    # x to the right, y to the front, z to the head; then slices first, rows from front to back, columns from right to left.
    turn = nibabel.orientations.ornt_transform(here, there)
    upright = nibabel.orientations.apply_orientation(np.asarray(image.dataobj, np.float64), turn)
    slices = upright.transpose(2, 1, 0)[:, ::-1, ::-1]
    lengths = np.linalg.norm(image.affine[:3, :3], axis=0)
    x, y, z = (lengths[int(np.flatnonzero(here[:, 0] == axis)[0])] for axis in range(3))
    found = labelled(predictions(folder, model, slices, np.array((z, y, x))))
    found = cleaned(found, model["postprocess"], float(x * y * z) / 1000)
    back = nibabel.orientations.ornt_transform(there, here)
    stored = nibabel.orientations.apply_orientation(found[:, ::-1, ::-1].transpose(2, 1, 0), back)
    return np.asarray(stored, np.uint8), np.asarray(image.affine, np.float64)


if __name__ == "__main__":
    labels, affine = mask_of(Path(sys.argv[1]), Path(sys.argv[2]))
    nibabel.save(nibabel.Nifti1Image(labels, affine), sys.argv[3])
