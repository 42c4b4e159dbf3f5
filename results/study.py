"""The reference study's published figures, as facts, with their source.

*Machine Learning for Liver Tumor Segmentation*, MSc dissertation, University of Westminster, 2023. Five 2-D networks on LiTS;
Dice is `(2·|A∩B| + 1) / (|A| + |B| + 1)` per slice, mean and population SD over 176 test slices; liver is label 1 alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SOURCE = "Machine Learning for Liver Tumor Segmentation (MSc dissertation, University of Westminster, 2023)"
LITERATURE_SOURCE = "Seo et al. 2020, as cited by the study"
TEST_SLICES = 176


@dataclass(frozen=True, slots=True)
class SliceDice:
    """Mean and population SD over slices, for liver (label 1) and tumour; NaN where nothing was published."""

    liver: float
    tumour: float
    liver_sd: float
    tumour_sd: float


@dataclass(frozen=True, slots=True)
class StudyNetwork:
    """One of the five networks.

    Attributes:
        architecture: our name for the rebuilt network.
        title: the study's name.
        parameters: trainable and not, at three classes.
        s_per_epoch: on the study's PC.
        dice: with batch size 16, learning rate 1e-4, 128 × 128.
    """

    architecture: str
    title: str
    parameters: int
    s_per_epoch: float
    dice: SliceDice


@dataclass(frozen=True, slots=True)
class StudySetting:
    """A step of the study's tuning of SegNet, one factor at a time; `dice` is None where the run did not finish."""

    factor: str
    batch_size: int
    learning_rate: float
    size: int
    dice: SliceDice | None
    note: str = ""

    @property
    def value(self) -> float:
        """The value of the factor."""
        return float(getattr(self, self.factor))


@dataclass(frozen=True, slots=True)
class Published:
    """Dice per patient that others published on LiTS, on test sets of their own."""

    method: str
    liver: float
    tumour: float


NETWORKS = (
    StudyNetwork("unet", "UNet", 34_512_323, 440, SliceDice(0.711, 0.224, 0.233, 0.396)),
    StudyNetwork("unet_resnet18", "UNet-ResNet18", 20_788_995, 130, SliceDice(0.737, 0.273, 0.234, 0.429)),
    StudyNetwork("unet_resnet50", "UNet-ResNet50", 30_908_291, 209, SliceDice(0.794, 0.509, 0.230, 0.453)),
    StudyNetwork("segnet", "SegNet", 32_628_547, 295, SliceDice(0.806, 0.554, 0.249, 0.454)),
    StudyNetwork("encoder_decoder", "Custom", 1_758_467, 140, SliceDice(0.754, 0.482, 0.294, 0.128)),
)

TUNED = "segnet"
TUNING = (
    StudySetting("batch_size", 8, 1e-4, 128, SliceDice(0.800, 0.724, 0.263, 0.400)),
    StudySetting("batch_size", 16, 1e-4, 128, SliceDice(0.806, 0.554, 0.249, 0.454)),
    StudySetting("batch_size", 32, 1e-4, 128, SliceDice(0.00074, 0.00016, 0.0011, 0.00018), "0.00074 / 0.00016"),
    StudySetting("learning_rate", 8, 1e-2, 128, SliceDice(0.860, 0.875, 0.181, 0.302), "the best of all"),
    StudySetting("learning_rate", 8, 1e-4, 128, SliceDice(0.800, 0.724, 0.263, 0.400)),
    StudySetting("learning_rate", 8, 1e-5, 128, SliceDice(0.782, 0.292, 0.271, 0.395)),
    StudySetting("size", 8, 1e-2, 64, SliceDice(0.777, 0.862, 0.272, 0.308), "about half the time"),
    StudySetting("size", 8, 1e-2, 128, SliceDice(0.860, 0.875, 0.181, 0.302)),
    StudySetting("size", 8, 1e-2, 256, None, "did not finish: the PC crashed"),
)

LITERATURE = (
    Published("Qin", 0.9718, 0.3982),
    Published("Han", 0.9736, 0.5542),
    Published("Men", 0.9750, 0.8314),
    Published("Li (H-DenseUNet)", 0.9805, 0.8653),
    Published("mU-Net", 0.9851, 0.8972),
)

UNKNOWN = SliceDice(math.nan, math.nan, math.nan, math.nan)
