"""From a scan to a mask in words, for people who have a model's folder and not this program.

With `model.json`, a network in another format (`onnx/`, `saved_model/`) and these steps a mask can be made anew, voxel by
voxel; `tests/liverseg/handover/outsider.py` does so with NumPy, SciPy, nibabel and ONNX Runtime alone. What changes in
`liverseg.preprocess`, `liverseg.inference` or `liverseg.handover.postprocess` has to change here.
"""

from __future__ import annotations

from liverseg.preprocess.arrays import HU_CENTRE, HU_STEPS
from liverseg.preprocess.prepare import AIR_HU

_INT16 = (-32768, 32767)
_FITS = {
    "pad": "longer side of the field of view fills the square",
    "crop": "shorter side of the field of view fills the square, and the longer one is cut off equally at both ends",
}
_TRIANGLE = (
    "triangle filter along rows and columns apart: for n_in pixels made n_out, with scale = n_in / n_out and support = "
    "max(scale, 1), pixel i of the result is the mean of the pixels j weighted by max(0, 1 - |j + 0.5 - (i + 0.5) scale| / "
    "support), the weights scaled to a sum of 1 (Pillow's BILINEAR in mode F)"
)


def before_network(fit: str) -> tuple[str, ...]:
    """What is done to a scan, in order, until a network sees it.

    Args:
        fit: how slices are brought into the square, see `PrepareConfig.fit`.
    """
    low, high = (value / HU_STEPS + HU_CENTRE for value in _INT16)
    side = "longer" if fit == "pad" else "shorter"
    return (
        "Intensities are Hounsfield units: stored value times slope plus intercept.",
        "Axes are put in the order of `frame` by the scan's affine (sform where its code is above 0, else qform), by "
        "transposing and flipping alone; an oblique axis counts as the anatomical one it is nearest to.",
        f"Every slice is resampled so that the {_FITS[fit]}: with S = input_px and L = the {side} side in mm (pixels times "
        "their distance), a side of l mm becomes max(1, floor(l / L * S + 0.5)) pixels.",
        f"Resampling is by a {_TRIANGLE}.",
        f"Values are rounded to multiples of 1/{HU_STEPS} HU, halves to even ones, and clipped to {low:g} to {high:g} HU.",
        "The result of h rows and w columns is put into a square of S by S at row floor((S - h) / 2) and column "
        f"floor((S - w) / 2), floors towards minus infinity; the rest of the square is {AIR_HU:g} HU, what lies outside is lost.",
        "Of each member: (clip(HU, low_hu, high_hu) - mean) / sd of its `window`, float32. That is a network's input, "
        "`slice`, (n, S, S, 1).",
    )


def after_network(labels: tuple[str, ...]) -> tuple[str, ...]:
    """What is done with a network's logits, in order, until there is a mask.

    Args:
        labels: foreground labels that the model knows.
    """
    channels = ", ".join(f"{value} {name}" for value, name in enumerate(("background", *labels)))
    return (
        f"A network gives `logits`, (n, S, S, channels); channels are {channels}. They are no probabilities yet.",
        "Each channel is brought to the slice's own pixels by the same filter, from the h by w pixels of the slice in the "
        "square; of weights that fall on pixels outside the square the others are scaled to a sum of 1, and a pixel whose "
        "centre is outside the square is background.",
        "With one member and `flips` false a pixel's label is the channel with the largest logit, the lower one of equals.",
        "Otherwise logits become probabilities (softmax over channels) at the slice's own pixels, their mean over members "
        "(and, with `flips` true, over each member's two predictions) is taken, and the largest wins likewise. With `flips` a "
        "member also predicts the square with its columns reversed, and the logits' columns are reversed back.",
        "Post-processing looks at pieces (of all labels together) and lesions (of label 2), both connected in 3-D by faces, "
        "edges or corners, as the networks left them. The largest piece is the one of most voxels among those that hold label 1, "
        "of equals the one whose first voxel comes first, slice by slice of the frame and row by row.",
        "largest_liver: pieces other than the largest that hold label 1 become background, with the lesions in them.",
        "tumour_inside_liver: a lesion that touches no label 1 becomes background.",
        "minimum_lesion_ml: a lesion of fewer millilitres (voxels times the product of their distances) becomes label 1 "
        "where it touches label 1, else background.",
        "The mask is put back in the order of the scan's own axes; it has the scan's shape and affine.",
    )
