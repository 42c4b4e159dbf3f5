"""Intensity windows: from stored fixed point to what a network sees.

A window is applied inside the trial, so that it can be searched. Named windows map linearly to [0, 1] and clip;
`fingerprint` follows nnU-Net: clip to the 0.5 and 99.5 percentiles of the training foreground, subtract its mean and
divide by its standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from liverseg.config import WINDOWS
from liverseg.errors import ConfigError
from liverseg.preprocess.arrays import HU_CENTRE, HU_STEPS
from liverseg.preprocess.native import HISTOGRAM_BINS, HISTOGRAM_LOW_HU

NAMED_WINDOWS_HU: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"study": (-45.0, 105.0), "liver": (-21.0, 189.0), "wide": (-200.0, 250.0)}
)
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class WindowParams:
    """A window, ready to apply: `(clip(hu, low_hu, high_hu) - mean) / sd`.

    Attributes:
        name: one of `liverseg.config.WINDOWS`.
        low_hu, high_hu: intensities outside are clipped; low is below high.
        mean, sd: in HU. For named windows `low_hu` and the width, which gives [0, 1].
    """

    name: str
    low_hu: float
    high_hu: float
    mean: float
    sd: float


def window_for(name: str, foreground_hu: npt.NDArray[np.int64]) -> WindowParams:
    """The parameters of a window.

    Args:
        name: one of `liverseg.config.WINDOWS`.
        foreground_hu: `(4096,)`, counts by HU from -1024 of the **training** foreground (`Pack.foreground_hu`). Named
            windows do not look at it.

    Raises:
        ConfigError: unknown name; or `fingerprint` of a foreground that is empty or has a single intensity between its
            percentiles, so that there is nothing to normalise by.
    """
    if name in NAMED_WINDOWS_HU:
        low, high = NAMED_WINDOWS_HU[name]
        return WindowParams(name, low, high, low, high - low)
    if name != "fingerprint":
        raise ConfigError("unknown window", where="window", got=repr(name), allowed=" | ".join(WINDOWS))
    return _fingerprint(np.asarray(foreground_hu, np.int64))


def _fingerprint(counts: npt.NDArray[np.int64]) -> WindowParams:
    if counts.shape != (HISTOGRAM_BINS,):
        raise ConfigError("not a histogram", where="foreground_hu", got=counts.shape, allowed=f"({HISTOGRAM_BINS},)")
    total = int(counts.sum())
    if total == 0:
        raise _no_fingerprint("no voxel of the training scans is labelled")
    cumulative = np.cumsum(counts)
    low_bin, high_bin = (int(np.searchsorted(cumulative, share / 100 * total)) for share in _PERCENTILES)
    if low_bin == high_bin:
        raise _no_fingerprint(f"the foreground has one intensity only, {low_bin + HISTOGRAM_LOW_HU} HU")
    hu = np.clip(np.arange(HISTOGRAM_BINS), low_bin, high_bin).astype(np.float64) + HISTOGRAM_LOW_HU
    mean = float(hu @ counts / total)
    sd = float(np.sqrt((hu - mean) ** 2 @ counts / total))
    return WindowParams("fingerprint", float(hu[0]), float(hu[-1]), mean, sd)


def _no_fingerprint(got: str) -> ConfigError:
    named = " | ".join(NAMED_WINDOWS_HU)
    return ConfigError(
        "the window cannot be derived from the training foreground",
        where="window: fingerprint",
        got=got,
        next_step=f"use a named window ({named}) or check the masks",
    )


def apply_window(stored: npt.NDArray[np.int16], params: WindowParams) -> npt.NDArray[np.float32]:
    """Network input of stored fixed point: int16 `(b, s, s)` to float32 `(b, s, s, 1)`.

    Bounds beyond the fixed point's own range (-1072 to 3023.9 HU) act at its ends. `b` may be 0.
    """
    low, high = ((bound - HU_CENTRE) * HU_STEPS for bound in (params.low_hu, params.high_hu))
    clipped = np.clip(stored, _int16(low), _int16(high))
    out: npt.NDArray[np.float32] = np.subtract(clipped, (params.mean - HU_CENTRE) * HU_STEPS, dtype=np.float32)
    out *= np.float32(1.0 / (params.sd * HU_STEPS))
    return out[..., np.newaxis]


def _int16(value: float) -> np.int16:
    return np.int16(min(max(round(value), -32768), 32767))
