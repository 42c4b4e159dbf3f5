"""Every rule id that a data report can name: the file rules N, the folder rules D, and the plausibility rules Q.

N and D are errors: the case, or the folder, is refused. Q are warnings: the data can be used, and somebody should look.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from liverseg.volume import FILE_RULES

FOLDER_RULES: Mapping[str, str] = MappingProxyType(
    {
        "D1": "the folder holds cases in the layout named, and its dataset.json can be understood",
        "D2": "every image has a mask and every mask an image, and both exist",
        "D3": "no case appears twice by name",
        "D4": "no scan appears twice under different names, in any wrapping or orientation: it could land on both sides of "
        "the split",
        "D5": "dataset.json calls label 1 a liver and label 2 a tumour",
        "D6": "a corrected case from reviews is, scan and mask, the one that was reviewed",
    }
)

PLAUSIBILITY_RULES: Mapping[str, str] = MappingProxyType(
    {
        "Q1": "HU look like CT: air near -1000 somewhere, no 8-bit picture, no unshifted detector values",
        "Q2": "some liver is labelled",
        "Q3": "what is labelled liver has the HU of soft tissue",
        "Q4": "slices lie within 20 degrees of an anatomical plane",
        "Q5": "the liver has a human size: 200 to 6000 mL",
        "Q6": "no two scans share one non-empty mask",
    }
)

RULES: Mapping[str, str] = MappingProxyType({**FILE_RULES, **FOLDER_RULES, **PLAUSIBILITY_RULES})


def severity_of(rule: str) -> str:
    """`warning` for the plausibility rules, else `error`."""
    return "warning" if rule in PLAUSIBILITY_RULES else "error"
