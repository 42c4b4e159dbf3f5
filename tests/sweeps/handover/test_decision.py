"""What validation decides: the simpler, unless it is shown to be worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from liverseg.metrics.mask_file import cut
from liverseg.preprocess.arrays import NativeReference
from sweeps.handover.decision import decide, ways_of
from sweeps.handover.rehearsal import ENSEMBLE, ENSEMBLE_FLIPS, SINGLE, SINGLE_FLIPS


def volume(*, miss: int = 0, tumour: bool = True, shift: int = 0) -> NativeReference:
    """A liver of 8 × 8 × 8 with a tumour; `miss` planes of the liver left out, the tumour moved by `shift`."""
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2 : 10 - miss, 2:10, 2:10] = 1
    if tumour:
        labels[3:6, 3 + shift : 6 + shift, 3:6] = 2
    return cut(labels, (2.0, 1.0, 1.0))


@dataclass
class Case:
    uid: str

    @property
    def patient(self) -> str:
        return self.uid


class Shown:
    """Stands for a rehearsal: predictions by way, one a patient."""

    def __init__(self, patients: int, **ways: list[NativeReference]) -> None:
        self.cases = [Case(f"case-{index:08x}") for index in range(patients)]
        self._ways = {name.replace("_", "-"): volumes for name, volumes in ways.items()}

    def pairs(self, way: str) -> Iterator[tuple[NativeReference, NativeReference]]:
        for prediction in self._ways[way]:
            yield volume(), prediction


LABELS = ("liver", "tumour")


def decision(shown: Any, ways: tuple[str, ...], **more: bool) -> Any:
    return decide(shown, LABELS, ways, **more)


def test_ways_are_no_more_than_are_needed() -> None:
    assert ways_of(1, False) == (SINGLE,) and ways_of(1, True) == (SINGLE, SINGLE_FLIPS)
    assert ways_of(3, True) == (SINGLE, SINGLE_FLIPS, ENSEMBLE, ENSEMBLE_FLIPS)


def test_a_tie_goes_to_the_single_network_without_flips() -> None:
    same = [volume(miss=index % 3) for index in range(8)]
    shown = Shown(8, single=same, single_flips=same, ensemble=same, ensemble_flips=same)
    found = decision(shown, ways_of(2, True))
    assert not found.ensemble and not found.flips and found.postprocess.switched_on == 0
    assert found.evidence["ensemble"]["verdict"] == "single"
    assert "--keep-ensemble" in found.notes[0]
    assert decision(shown, ways_of(2, True), insist=True).ensemble


def test_an_ensemble_that_is_shown_to_be_better_is_kept() -> None:
    worse = [volume(miss=2 + index % 2, shift=1) for index in range(8)]
    better = [volume(miss=index % 2) for index in range(8)]
    found = decision(Shown(8, single=worse, ensemble=better), ways_of(2, False))
    assert found.ensemble and found.evidence["ensemble"]["ci_low"] > 0


def test_with_few_patients_even_a_clear_gain_is_not_shown() -> None:
    worse, better = [volume(miss=3)] * 3, [volume()] * 3
    found = decision(Shown(3, single=worse, ensemble=better), ways_of(2, False))
    assert not found.ensemble and "underpowered" in found.notes[0]


def test_flips_that_help_are_switched_on() -> None:
    plain = [volume(miss=3) for _ in range(8)]
    flipped = [volume(miss=index % 2) for index in range(8)]
    found = decision(Shown(8, single=plain, single_flips=flipped), ways_of(1, True))
    assert found.flips and "flips" in found.evidence["postprocess"]


@pytest.mark.parametrize("labels", [("liver",), ("liver", "tumour")])
def test_a_model_of_liver_alone_is_decided_on_liver(labels: tuple[str, ...]) -> None:
    liver = [volume(tumour=False) for _ in range(6)]
    found = decide(Shown(6, single=liver, ensemble=liver), labels, ways_of(2, False))  # type: ignore[arg-type]
    assert set(found.evidence["ensemble"]["labels"]) == set(labels)
