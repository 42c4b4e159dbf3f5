"""What the record of models is told of an export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from results.model_record import ExportFacts, MemberFacts

if TYPE_CHECKING:
    from liverseg.handover.folder import ModelFolder

Means = Mapping[str, float | None]
_FINGERPRINTS = {"data": ("data", "fingerprint"), "split": ("split",), "test": ("test", "test_fingerprint")}


def export_facts(model: ModelFolder, *, validation: Means, test: Means | None = None) -> ExportFacts:
    """The facts of a model that was just written.

    Args:
        model: from `write_model`.
        validation: mean Dice of each label on the validation patients; None where not defined.
        test: the same on the test patients, when they were opened.
    """
    description = model.description
    members = tuple(
        MemberFacts(member.trial, member.config.architecture, member.config.seed, member.epoch)
        for member in description.members
    )
    return ExportFacts(
        model=model.id,
        name=model.name,
        path=str(model.path),
        sweep=_text(description.origin.get("sweep")),
        fingerprints=_fingerprints(description.origin),
        members=members,
        validation=dict(validation),
        test=dict(test or {}),
    )


def _fingerprints(origin: Mapping[str, Any]) -> dict[str, str]:
    """Those that the origin tells, by what they are of; it may keep them together or apart."""
    together = origin.get("fingerprints")
    source = together if isinstance(together, Mapping) else origin
    found = {}
    for name, keys in _FINGERPRINTS.items():
        values = [source[key] for key in keys if isinstance(source.get(key), str)]
        if values:
            found[name] = values[0]
    return found


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("name")
    return value if isinstance(value, str) else ""
