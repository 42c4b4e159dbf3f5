"""The scores that go with what validation decides: those of the model as it will be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from liverseg.handover.postprocess import PostProcess
from liverseg.metrics.mask_file import cut
from liverseg.preprocess.arrays import NativeReference
from sweeps.handover.decision import decide, ways_of
from sweeps.handover.rehearsal import ENSEMBLE, SINGLE, Rehearsed

LABELS = ("liver", "tumour")


@dataclass(frozen=True)
class _Case:
    patient: str


@dataclass(frozen=True)
class _Found:
    """Predictions that lie in memory."""

    cases: tuple[_Case, ...]
    references: tuple[NativeReference, ...]
    ways: dict[str, tuple[NativeReference, ...]]

    def pairs(self, way: str) -> Iterator[tuple[NativeReference, NativeReference]]:
        return zip(self.references, self.ways[way], strict=True)


def volume(*, tumour: bool = True, island: bool = False) -> NativeReference:
    labels = np.zeros((4, 12, 24), np.uint8)
    labels[:, 2:8, 2:8] = 1
    labels[1:3, 4:6, 4:6] = 1 + tumour
    if island:
        labels[0, 2:6, 18:22] = 1
    return cut(labels, (1.0, 10.0, 10.0))


def found(ways: dict[str, NativeReference], patients: int = 8) -> Rehearsed:
    """So many patients, the last without tumour; each way predicts the same for all of them."""
    truth = (*(volume() for _ in range(patients - 1)), volume(tumour=False))
    cases = tuple(_Case(f"case-{number}") for number in range(patients))
    made = {name: tuple(one for _ in range(patients)) for name, one in ways.items()}
    return cast(Rehearsed, _Found(cases, truth, made))


def test_the_scores_are_those_of_the_model_as_it_will_be() -> None:
    decision = decide(found({SINGLE: volume(island=True)}), LABELS, ways_of(1, False))
    assert decision.postprocess == PostProcess(True, False, 0.0) and not decision.ensemble
    scores: dict[str, Any] = decision.evidence["scores"]
    assert scores["liver"] == {"patients": 8, "failures": 0, "mean": 1.0, "median": 1.0, "ci_low": 1.0, "ci_high": 1.0}
    assert scores["tumour"]["patients"] == 7 and scores["tumour"]["mean"] == pytest.approx(1.0)
    assert decision.evidence["postprocess"]["after"]["tumour_free_clean"] == 0.0
    json.dumps(dict(decision.evidence), allow_nan=False)


def test_what_one_patient_cannot_tell_is_null() -> None:
    decision = decide(found({SINGLE: volume()}, patients=1), LABELS, ways_of(1, False))
    scores = decision.evidence["scores"]
    assert scores["liver"]["mean"] == 1.0 and scores["liver"]["ci_low"] is None
    assert scores["tumour"] == {
        "patients": 0,
        "failures": 0,
        "mean": None,
        "median": None,
        "ci_low": None,
        "ci_high": None,
    }


@pytest.mark.parametrize("insist", [False, True])
def test_an_ensemble_that_gains_nothing_is_kept_only_where_it_is_asked_for(insist: bool) -> None:
    missed = volume(tumour=False)
    decision = decide(found({SINGLE: volume(), ENSEMBLE: missed}), LABELS, ways_of(2, False), insist=insist)
    assert decision.ensemble is insist
    assert decision.evidence["ensemble"]["verdict"] == "single" and decision.evidence["ensemble"]["insisted"] is insist
    assert decision.evidence["scores"]["tumour"]["failures"] == (7 if insist else 0)
