"""Which slices training uses. Validation and test always keep every slice of a scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liverseg.config import SLICES
from liverseg.errors import ConfigError

_LEAST_TISSUE = 0.01


def slices_to_keep(
    rule: str, labelled: npt.NDArray[np.bool_], tissue: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Apply a slice rule to one scan.

    Both inputs describe the native grid, so that every prepared size keeps the same slices.

    Args:
        rule: `all`; `body`, at least 1 % of the field of view is tissue; `liver`, any voxel is labelled.
        labelled: `(n,)`, slices with any label.
        tissue: `(n,)`, share of each slice that is not air, 0 to 1.

    Returns:
        bool `(n,)`. A scan without labels keeps nothing under `liver`.

    Raises:
        ConfigError: unknown rule.
    """
    if rule == "all":
        return np.ones(len(labelled), bool)
    if rule == "body":
        return tissue >= _LEAST_TISSUE
    if rule == "liver":
        return labelled.copy()
    raise ConfigError("unknown slice rule", where="prepare.slices", got=repr(rule), allowed=" | ".join(SLICES))
