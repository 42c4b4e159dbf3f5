"""A card in a few sentences, for those who read nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from liverseg.handover.card.facts import CardFacts, ScoreFacts
from liverseg.handover.card.reading import exported_scores, kind_text, treated
from liverseg.handover.card.section import counted, dice_text, interval_text
from liverseg.handover.description import ModelDescription


def summary(description: ModelDescription, facts: CardFacts) -> tuple[str, ...]:
    """Paragraphs: what it does, what it was made of, how good it is."""
    return tuple(text for text in (_does(description), _made(description, facts), _good(description, facts)) if text)


def _does(description: ModelDescription) -> str:
    if "tumour" in description.labels:
        what, values = "the liver and the tumours in it", "1 is liver, 2 is tumour, 0 is everything else"
    else:
        what, values = (
            "the liver, with the tumours in it,",
            "1 is liver, 0 is everything else; it does not mark tumours",
        )
    return (
        f"This model marks {what} in CT scans of the abdomen. From a scan it makes a mask, an image of the same size in which "
        f"{values}. It looks at one slice at a time, and nothing has to be drawn by hand."
    )


def _made(description: ModelDescription, facts: CardFacts) -> str:
    part = facts.data.part("train")
    learned = f", trained on {counted(part.patients, 'patient')}" if part else ""
    text = f"It is {kind_text(description)}{learned}."
    if facts.ranked > 1:
        among = f" of {counted(len(facts.architectures), 'architecture')}" if len(facts.architectures) > 1 else ""
        text += f" It was chosen among {facts.ranked} trained networks{among} in the search “{facts.sweep}”."
    return text


def _good(description: ModelDescription, facts: CardFacts) -> str:
    scores = exported_scores(description)
    if not scores and facts.networks:
        scores = facts.networks[0].validation.scores
    parts = [f"On validation patients, who helped to choose it, its mean Dice is {_dice(scores)}"] if scores else []
    test = facts.networks[0].tests[:1] if facts.networks else ()
    if test and test[0].scored.scores:
        apart = (
            "who were kept apart" if test[0].opening == 1 else "who were kept apart at first but had been opened before"
        )
        whose = "that of its best network, as trained," if treated(description) else "it"
        parts.append(f"On test patients, {apart}, {whose} is {_dice(test[0].scored.scores)}")
    text = ". ".join(parts) + "." if parts else "How good it is was not measured."
    if parts:
        text += " Dice is the overlap with the reference masks, which are taken for true: 1 is perfect, 0 is nothing in common."
    if parts and not test:
        text += " Scores on patients who chose nothing are not known: expect less than this on new patients."
    return text


def _dice(scores: Sequence[ScoreFacts]) -> str:
    found = []
    for score in scores:
        interval = interval_text(score.low, score.high)
        more = "" if interval == "—" else f", 95 % interval {interval}"
        found.append(f"{dice_text(score.mean)} for {score.label} ({counted(score.patients, 'patient')}{more})")
    return " and ".join(found)
