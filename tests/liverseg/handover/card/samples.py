"""A model and what its sweep knows of it, as small as a card allows."""

from __future__ import annotations

from typing import Any

from liverseg.config import TrainConfig
from liverseg.handover.card import (
    CardFacts,
    DataFacts,
    FreeFacts,
    NetworkFacts,
    OpeningFacts,
    PartFacts,
    PatientScores,
    ScoreFacts,
    TestFacts,
    TrainingFacts,
)
from liverseg.handover.description import Member, ModelDescription
from liverseg.handover.familiar import FamiliarRanges
from liverseg.handover.features import ScanFeatures
from liverseg.handover.postprocess import PostProcess
from liverseg.preprocess.window import WindowParams

SCAN = ScanFeatures(-1024, 1200, -130, 20, 200, 0.5, 0.01, 0.7, 2.5, 200.0, 360.0, 80)
CHOICE: dict[str, Any] = {
    "scores": {
        "liver": {"patients": 8, "mean": 0.951, "median": 0.96, "ci_low": 0.94, "ci_high": 0.96, "failures": 0},
        "tumour": {"patients": 7, "mean": 0.612, "median": 0.7, "ci_low": 0.4, "ci_high": 0.75, "failures": 2},
    },
    "postprocess": {
        "patients": 8,
        "tumour_patients": 7,
        "tumour_free_patients": 1,
        "after": {"liver": 0.951, "tumour": 0.612, "mean": 0.7815, "tumour_free_clean": 1.0},
        "sentence": "Only the largest piece was chosen.",
        "flips": {"sentence": "No gain above noise, they are off."},
    },
}
VALIDATION = PatientScores(
    (ScoreFacts("liver", 8, 0.94, 0.93, 0.95, 0.945, 0, 7.5), ScoreFacts("tumour", 7, 0.55, 0.3, 0.7, 0.6, 2)),
    FreeFacts(1, 0, 4.25),
)


def member(trial: str = "t0000-aa", architecture: str = "unet", **parameters: Any) -> Member:
    config = TrainConfig(
        architecture=architecture,
        options={"base_filters": 8},
        parameters={"size": 96, "learning_rate": 1e-3} | parameters,
    )
    return Member(trial, config, 7, WindowParams("liver", -21.0, 189.0, -21.0, 210.0), ())


def described(*members: Member, labels: tuple[str, ...] = ("liver", "tumour"), **changes: Any) -> ModelDescription:
    found: dict[str, Any] = {
        "name": "liver-v1",
        "fit": "pad",
        "postprocess": PostProcess(True, False, 0.0),
        "choice": CHOICE,
        "familiar": FamiliarRanges.of([SCAN]).as_json(),
        "origin": {"code": "c0de" * 16, "versions": {"keras": "3.15.1"}, "liver_ml": [900.4, 2100.0]},
    }
    return ModelDescription(labels=labels, members=members or (member(),), **(found | changes))


def facts(**changes: Any) -> CardFacts:
    data = changes.pop("data", {})
    parts = (
        PartFacts("train", 20, 21, 1900, 5, "aaaa"),
        PartFacts("validation", 8, 8, 700, 1, "bbbb"),
        PartFacts("test", 6, 6, 500, 2, "cccc"),
    )
    scans = {
        "cases": 35,
        "slices": 3100,
        "tumour_free": 8,
        "parts": parts,
        "fingerprints": {"data": "da7a", "split": "5911"},
    }
    found: dict[str, Any] = {
        "sweep": "quickstart",
        "objective": "validation Dice",
        "ranked": 9,
        "architectures": ("unet", "segnet"),
        "data": DataFacts(**(scans | data)),
        "networks": (network(),),
        "selection": "The best of 9 trials is optimistic.",
        "test": "The 6 test patients are locked.",
        "versions": {"keras": "3.15.0"},
    }
    return CardFacts(**(found | changes))


def network(trial: str = "t0000-aa", **changes: Any) -> NetworkFacts:
    training = TrainingFacts(12, 12, 732, 188.0, "epochs", 540091.0, 9.7)
    found: dict[str, Any] = {"trial": trial, "rank": 1, "training": training, "validation": VALIDATION}
    return NetworkFacts(**(found | changes))


def opened(**changes: Any) -> CardFacts:
    """Facts of a sweep whose test patients were opened once."""
    scored = PatientScores(
        (ScoreFacts("liver", 6, 0.91, 0.88, 0.93, 0.92), ScoreFacts("tumour", 4, 0.4, 0.1, 0.6, 0.5))
    )
    found = {
        "networks": (network(tests=(TestFacts(1, scored),)),),
        "openings": (OpeningFacts(1, "2026-11-23", 5, 6),),
        "test": "The 6 test patients were opened once, on 2026-11-23.",
    }
    return facts(**(found | changes))
