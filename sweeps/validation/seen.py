"""What a model makes of one labelled scan: labels, what is unlike its training scans, or that it refuses the scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from liverseg.errors import DataError

if TYPE_CHECKING:
    from liverseg.metrics.evaluate import MaskScore
    from liverseg.preprocess.arrays import NativeReference

Warnings = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """That `predict` would write nothing for a scan.

    Attributes:
        rule: F1, no CT; P1, no liver found.
        why: in plain words, without the name of the scan.
    """

    rule: str
    why: str

    @staticmethod
    def of(error: DataError) -> Refusal:
        """What the error says that `predict` would end with."""
        return Refusal(error.rule or "", error.what if error.got is None else f"{error.what}; got {error.got}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model's segmenter gives of a scan.

    Attributes:
        volume: labels in the display frame, post-processed; None of a refused scan.
        warnings: in the form of a prediction's record, see `sweeps.handover.familiarity.unlike`; none of a scan that is no
            CT, which cannot be compared.
        refusal: why the model refuses the scan; None where it does not.
    """

    volume: NativeReference | None
    warnings: Warnings = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class SeenScore:
    """The same, scored. A refused scan is scored as one in which nothing was found.

    Attributes:
        score: every metric.
        warnings, refusal: as in `Seen`.
    """

    score: MaskScore
    warnings: Warnings = ()
    refusal: Refusal | None = None
