"""From a checked scan to the arrays that every trial reads; `arrays` says what they look like.

prepared = load_or_prepare(uid, patient, image, mask, PrepareConfig(sizes_px=(64, 128)), cache=Cache(root))
training = pack([prepared[128]], training=True)
inputs = apply_window(training.image, window_for("study", training.foreground_hu))
"""

from __future__ import annotations

from liverseg.preprocess.arrays import (
    CaseSpan,
    NativeReference,
    Pack,
    PlaneMap,
    PreparedCase,
    hu_from_stored,
    stored_from_hu,
)
from liverseg.preprocess.cache import Cache, cache_key, cache_keys, load_or_prepare
from liverseg.preprocess.pack import check_kept, estimate_reference_bytes, estimate_store_bytes, pack
from liverseg.preprocess.planes import plane_map
from liverseg.preprocess.prepare import PREPARE_VERSION, check_prepare, prepare_case
from liverseg.preprocess.resize import nearest_indices, resize_matrix
from liverseg.preprocess.slices import slices_to_keep
from liverseg.preprocess.window import NAMED_WINDOWS_HU, WindowParams, apply_window, window_for

__all__ = [
    "NAMED_WINDOWS_HU",
    "PREPARE_VERSION",
    "Cache",
    "CaseSpan",
    "NativeReference",
    "Pack",
    "PlaneMap",
    "PreparedCase",
    "WindowParams",
    "apply_window",
    "cache_key",
    "cache_keys",
    "check_kept",
    "check_prepare",
    "estimate_reference_bytes",
    "estimate_store_bytes",
    "hu_from_stored",
    "load_or_prepare",
    "nearest_indices",
    "pack",
    "plane_map",
    "prepare_case",
    "resize_matrix",
    "slices_to_keep",
    "stored_from_hu",
    "window_for",
]
