"""What a model is for, what it is not for, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator

from liverseg.handover.card.facts import CardFacts, ScoreFacts
from liverseg.handover.card.reading import exported_free, exported_scores
from liverseg.handover.card.section import Section, counted
from liverseg.handover.description import ModelDescription


def use_section() -> Section:
    """Intended use, and what is none."""
    points = (
        "Meant for research: to study automatic segmentation, to compare methods, and to prepare masks that a person who "
        "knows the anatomy looks at and corrects, one by one.",
        "Not for diagnosis, nor for planning or following a treatment, nor for any other decision about a patient. This is "
        "research software and no medical device.",
        "Not for other images than CT, and not for parts of the body without the liver.",
        "Not for telling whether a patient has a tumour, or of what kind it is.",
    )
    return Section("use", "Intended use", points=points)


def limits_section(description: ModelDescription, facts: CardFacts) -> Section:
    """What is known to be weak, and what is not known at all."""
    points = (*_evidence(description, facts), *_weak(description, facts), *_always(description))
    return Section("limits", "Limits", points=points)


def _evidence(description: ModelDescription, facts: CardFacts) -> Iterator[str]:
    for score in _scores(description, facts):
        if score.patients < facts.fewest:
            yield (
                f"Its Dice for {score.label} comes from {counted(score.patients, 'validation patient')}, and with fewer than "
                f"{facts.fewest} nothing can be concluded (underpowered): take it as an example, not as a measurement."
            )
    if not any(network.tests for network in facts.networks):
        yield "No network of it was scored on patients who played no part in choosing it, so its scores are too good."
    yield (
        "All patients come from one collection of scans. How it does on scans from elsewhere (another hospital, scanner or "
        "protocol than those in it) is not known."
    )
    yield "Age, sex and disease of the patients were not recorded, so a weakness in one group of them would not show here."


def _weak(description: ModelDescription, facts: CardFacts) -> Iterator[str]:
    for score in _scores(description, facts):
        if score.failures:
            what = "with tumour it found nothing of it" if score.label == "tumour" else "it found nothing of the liver"
            yield f"In {score.failures} of {counted(score.patients, 'validation patient')} {what}."
    free = exported_free(description) or (facts.networks[0].validation.free if facts.networks else None)
    if "tumour" in description.labels and free and free.clean < free.patients:
        who = f"{free.patients - free.clean} of {counted(free.patients, 'validation patient')} without tumour"
        yield f"In {who} it called something tumour."


def _scores(description: ModelDescription, facts: CardFacts) -> tuple[ScoreFacts, ...]:
    """On validation: of the model as it is handed over, or of its best network where that was not scored."""
    best = facts.networks[0].validation.scores if facts.networks else ()
    found = {score.label: score for score in (*best, *exported_scores(description))}
    return tuple(found[label] for label in description.labels if label in found)


def _always(description: ModelDescription) -> Iterator[str]:
    sides = sorted({member.size_px for member in description.members})
    shown = " or ".join(f"{side} × {side}" for side in sides)
    yield (
        f"Every slice is brought to {shown} pixels before the network sees it, and the mask is brought back to the scan's own "
        "grid: what is smaller than a pixel of that may be lost, and outlines are no finer."
    )
    if "tumour" in description.labels:
        yield "It does not tell kinds of tumours apart. Cysts, vessels or scars may be called tumour."
    yield (
        "A scan unlike those it was trained on gets a warning, from plain features only (see “Scans that it knows”). No "
        "warning does not mean that the mask is right."
    )
