"""One review: a clinician's verdict on one prediction, as it stands in the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from results.chain import Entry
from results.errors import LedgerError
from results.reviews.prediction import PARTS, ReviewedModel, ReviewedScan

ACCEPT, REJECT, CORRECTED = VERDICTS = ("accept", "reject", "corrected")
EVENT = "review"
NOTE_LIMIT = 500
"""Characters of a note."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected mask.

    Attributes:
        image_file: name of the scan kept beside it, `image.nii.gz` or `image.nii`.
        image_sha256: of that file: of the scan itself, or of what a DICOM series was converted to.
        mask_sha256: of the mask as it is kept.
        dice_liver, dice_tumour: of the prediction against it; None where neither has any (nothing to agree on), and of
            tumours where the model knows none.
        liver_ml, tumour_ml: its volumes.
    """

    image_file: str
    image_sha256: str
    mask_sha256: str
    dice_liver: float | None
    dice_tumour: float | None
    liver_ml: float
    tumour_ml: float


@dataclass(frozen=True, slots=True)
class Review:
    """A verdict.

    Attributes:
        scan, model: what was predicted, and by what.
        mask_sha256: of the predicted mask that was looked at.
        liver_ml, tumour_ml: predicted volumes.
        verdict: one of `VERDICTS`.
        note: free text, empty for none.
        learned: `train` or `validation` when the model was trained or chosen on the scan; empty for neither.
        correction: with the verdict `corrected`.
        time: UTC, ISO 8601 with a `Z`; empty before it is in the record.
        seq: its line in the record, 0 before.
    """

    scan: ReviewedScan
    model: ReviewedModel
    mask_sha256: str
    liver_ml: float
    tumour_ml: float
    verdict: str
    note: str = ""
    correction: Correction | None = None
    learned: str = ""
    time: str = ""
    seq: int = 0

    def payload(self) -> dict[str, Any]:
        """What the record keeps of it."""
        plain = asdict(self)
        for name in ("time", "seq"):
            del plain[name]
        return {"schema_version": 1, **plain}

    def without_name(self) -> dict[str, Any]:
        """Plain values that may be shown to others: the scan by its pseudonym only."""
        plain = {key: value for key, value in self.payload().items() if key != "schema_version"}
        plain["scan"] = {key: value for key, value in plain["scan"].items() if key != "name"}
        return {"number": self.seq, "time": self.time, **plain}


def review_of(entry: Entry, where: str) -> Review:
    """The review of a line.

    Raises:
        LedgerError: the line is no review (names it).
    """
    facts = dict(entry.payload)
    try:
        if entry.event != EVENT or facts.pop("schema_version") != 1 or facts["verdict"] not in VERDICTS:
            raise ValueError(entry.event)
        if facts.get("learned", "") not in ("", *PARTS):
            raise ValueError(facts["learned"])
        correction = facts.pop("correction")
        return Review(
            scan=ReviewedScan(**_texts(facts.pop("scan"))),
            model=ReviewedModel(**_texts(facts.pop("model"))),
            correction=None if correction is None else Correction(**correction),
            time=entry.time,
            seq=entry.seq,
            **facts,
        )
    except (KeyError, TypeError, ValueError):
        step = "update liversweep, or restore the file from a copy"
        raise LedgerError("the line is no review", line=entry.seq, where=where, next_step=step) from None


def _texts(facts: Mapping[str, Any]) -> Mapping[str, str]:
    if not all(isinstance(value, str) for value in facts.values()):
        raise ValueError("not text")
    return facts
