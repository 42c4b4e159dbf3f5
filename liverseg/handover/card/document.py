"""The whole card: plain values for programs, and the same in sections for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liverseg.handover.card.cohort import data_section, familiar_section, split_section
from liverseg.handover.card.facts import CardFacts, plain
from liverseg.handover.card.network import decisions_section, networks_section
from liverseg.handover.card.reading import exported_scores
from liverseg.handover.card.scores import test_section, validation_section
from liverseg.handover.card.section import CardTable, Section
from liverseg.handover.card.summary import summary
from liverseg.handover.card.use import limits_section, use_section
from liverseg.handover.description import NOTICE, ModelDescription

SCHEMA_VERSION = 1
KIND = "liversweep-model-card"

_WORDS = (
    ("CT scan", "a stack of slices through the body; each pixel is a density in Hounsfield units (HU)"),
    ("mask", "an image of the same size that says for every voxel what it is"),
    ("segmentation", "making a mask"),
    ("network", "a program with many numbers (weights) that were learned from examples"),
    ("architecture", "the plan by which a network is built"),
    ("trial, search (sweep)", "one training; many of them with different settings, to find the best"),
    ("training, validation, test", "learning; choosing among what was learned; measuring, once, what was chosen"),
    ("fold", "one of several divisions of the same patients"),
    ("fingerprint", "a few characters that stand for data or a program: they change when anything in it changes"),
    ("pseudonym", "a name made up for a scan, so that the patient's own appears nowhere"),
)


def model_card(description: ModelDescription, facts: CardFacts) -> dict[str, Any]:
    """The card of a model, as JSON can hold it: no NaN, no infinity.

    Args:
        description: what the model is, with the evidence for how it was chosen.
        facts: what its sweep knows of it. Networks that are not there are shown as not recorded.

    Returns:
        `schema_version`, `kind`, `notice`, `name`, `title`; `summary`, paragraphs; `sections`, each with `key`, `title`,
        `text`, `points`, `tables` and `notes`; `facts`, the same as numbers, undefined ones None. Texts are as they came:
        names, notes and the licence are to be escaped by whoever shows them, as `card_markdown` does.
    """
    sections = (
        use_section(),
        limits_section(description, facts),
        validation_section(description, facts),
        test_section(description, facts),
        decisions_section(description),
        networks_section(description, facts),
        data_section(description, facts),
        split_section(description, facts),
        familiar_section(description),
        _origin_section(description, facts),
        Section("words", "Words", tables=(CardTable(("word", "meaning"), _WORDS, (False, False)),)),
    )
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "notice": NOTICE,
        "name": description.name,
        "title": f"Model card: {description.name}",
        "summary": list(summary(description, facts)),
        "sections": [section.as_json() for section in sections],
        "facts": _facts(description, facts),
    }
    return dict(plain(document))


def _facts(description: ModelDescription, facts: CardFacts) -> dict[str, Any]:
    return {
        "labels": list(description.labels),
        "architectures": [member.config.architecture for member in description.members],
        "validation": {
            score.label: {"patients": score.patients, "mean": score.mean, "low": score.low, "high": score.high}
            for score in exported_scores(description)
        },
        "postprocess": description.postprocess.as_json(),
        "flips": description.flips,
        "license": facts.data.license.strip() or None,
        "sweep": facts.as_json(),
    }


def _origin_section(description: ModelDescription, facts: CardFacts) -> Section:
    """Enough to find the sweep, its data and its program again."""
    origin = description.origin
    rows = [
        ("search (sweep)", facts.sweep),
        ("begun", f"{facts.started} UTC" if facts.started else ""),
        ("searched for", facts.objective),
        ("fingerprint of the program that exported it", str(origin.get("code") or "")[:16]),
        ("fingerprint of the program that trained it", str(_trained(origin).get("code") or "")[:16]),
        ("trained with", _packages(facts.versions)),
        ("exported with", _packages(origin.get("versions"))),
    ]
    table = CardTable(("what", "value"), tuple(row for row in rows if row[1]), (False, False))
    notes = (
        "How to use it: liversweep predict MODEL SCAN -o OUT. How to measure it on scans of your own that have masks: liversweep "
        "validate MODEL DATA.",
    )
    return Section("origin", "Where it comes from", tables=(table,), notes=notes)


def _trained(origin: Mapping[str, Any]) -> Mapping[str, Any]:
    found = origin.get("trained_with")
    return found if isinstance(found, Mapping) else {}


def _packages(versions: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, Mapping) else ""
