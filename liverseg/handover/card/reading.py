"""What a model's description says, as far as a card needs it, read with care: a part that is not there is empty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from liverseg.handover.card.facts import FreeFacts, ScoreFacts
from liverseg.handover.description import ModelDescription


def evidence(description: ModelDescription, *names: str) -> Mapping[str, Any]:
    """A part of `choice` by the names that lead to it; empty where there is none."""
    found: Any = description.choice
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def sentence(description: ModelDescription, *names: str) -> str:
    """The sentence that a part of `choice` gives for people; empty where there is none."""
    return str(evidence(description, *names).get("sentence") or "")


def exported_scores(description: ModelDescription) -> tuple[ScoreFacts, ...]:
    """Validation Dice by label of the model as it is handed over: all networks together, flips and post-processing included.

    With intervals where the choice kept them, else only the means.
    """
    kept, after = evidence(description, "scores"), evidence(description, "postprocess", "after")
    found = []
    for label in description.labels:
        row = kept.get(label)
        if isinstance(row, Mapping):
            numbers = {name: number(row.get(key)) for name, key in _KEYS}
            found.append(
                ScoreFacts(label, int(row.get("patients") or 0), **numbers, failures=int(row.get("failures") or 0))
            )
        elif not math.isnan(number(after.get(label))):
            found.append(ScoreFacts(label, _patients(description, label), number(after[label])))
    return tuple(score for score in found if score.patients)


_KEYS = (("mean", "mean"), ("low", "ci_low"), ("high", "ci_high"), ("median", "median"))


def exported_free(description: ModelDescription) -> FreeFacts | None:
    """Tumour-free validation patients by the model as it is handed over; None where nobody counted, or there is none."""
    found = evidence(description, "postprocess")
    share, patients = number(evidence(description, "postprocess", "after").get("tumour_free_clean")), 0
    if "tumour" in description.labels and not math.isnan(share):
        patients = int(found.get("tumour_free_patients") or 0)
    return FreeFacts(patients, round(share * patients)) if patients else None


def number(value: Any) -> float:
    """A number of JSON; NaN for None."""
    return math.nan if value is None else float(value)


def _patients(description: ModelDescription, label: str) -> int:
    found = evidence(description, "postprocess")
    return int(found.get("tumour_patients" if label == "tumour" else "patients") or 0)


def kind_text(description: ModelDescription) -> str:
    """`one network of the architecture unet`, `an ensemble of 3 networks (unet, segnet)`."""
    names = list(dict.fromkeys(member.config.architecture for member in description.members))
    if len(description.members) == 1:
        return f"one network of the architecture {names[0]}"
    return f"an ensemble of {len(description.members)} networks ({', '.join(names)})"


def treated(description: ModelDescription) -> bool:
    """Whether more is done for a prediction than running one network."""
    return len(description.members) > 1 or description.flips or description.postprocess.switched_on > 0
