"""The model card: what a model is, what it was made of, how good it is and where it ends, for people who did not make it."""

from liverseg.handover.card.document import model_card
from liverseg.handover.card.facts import (
    CardFacts,
    DataFacts,
    FreeFacts,
    NetworkFacts,
    OpeningFacts,
    PartFacts,
    PatientScores,
    ScoreFacts,
    SizeFacts,
    TestFacts,
    TrainingFacts,
)
from liverseg.handover.card.markdown import card_markdown

__all__ = [
    "CardFacts",
    "DataFacts",
    "FreeFacts",
    "NetworkFacts",
    "OpeningFacts",
    "PartFacts",
    "PatientScores",
    "ScoreFacts",
    "SizeFacts",
    "TestFacts",
    "TrainingFacts",
    "card_markdown",
    "model_card",
]
