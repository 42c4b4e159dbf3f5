"""Ledgers whose patients differ in tumour size and slice thickness, scored in full, with the facts of their scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.results.ledger_factory import FakeLedger, finished_payload, suggested_payload, sweep_payload, uid_of

VOXEL_ML = 0.001
COLUMNS = (
    *("voxel_ml", "reference_voxels_tumour", "prediction_voxels_tumour", "hd95_liver", "hd95_tumour"),
    *("lesions_reference", "lesions_prediction", "lesions_matched"),
)


@dataclass(frozen=True)
class Patient:
    """One patient with one scan, as every architecture finds it unless told otherwise.

    `tumour` is its Dice; None, and 0 mL, without tumour. `false_ml` is what is taken for tumour in a tumour-free patient.
    """

    name: str
    tumour_ml: float
    thickness_mm: float
    liver: float = 0.9
    tumour: float | None = 0.5
    false_ml: float = 0.0


def facts_of(patients: Sequence[Patient]) -> dict[str, Any]:
    """The `case_facts` of a sweep's event."""
    return {
        one.name: {
            "slices": 100,
            "spacing_mm": [0.7, 0.7, one.thickness_mm],
            "liver_ml": 1500.0,
            "tumour_ml": one.tumour_ml,
        }
        for one in patients
    }


def finished(uid: str, patients: Sequence[Patient], *, full: bool = True) -> dict[str, Any]:
    """The end of a trial that scored these patients; `full` adds surface distances and lesions."""
    payload = finished_payload(uid, "unet", np.random.default_rng(0), cases=1, epochs=2)
    payload["cases"] = [[one.name, one.name, one.liver, _dice(one), one.tumour_ml > 0] for one in patients]
    payload["metrics"]["val_dice"] = float(np.mean([one.liver for one in patients]))
    if full:
        payload["scores"] = {"columns": list(COLUMNS), "rows": [_row(one) for one in patients]}
    return payload


def _dice(one: Patient) -> float | None:
    if one.tumour_ml:
        return one.tumour
    return 0.0 if one.false_ml else None


def _row(one: Patient) -> list[Any]:
    voxels = round(one.tumour_ml / VOXEL_ML)
    found = round((one.false_ml if not one.tumour_ml else one.tumour_ml * bool(one.tumour)) / VOXEL_ML)
    distance: Any = None if not one.tumour_ml else 4.0 if found else "inf"
    lesions = [2, 1, bool(found)] if one.tumour_ml else [0, 3 if found else 0, 0]
    return [VOXEL_ML, voxels, found, 2.0, distance, *map(int, lesions)]


def ledger_of(
    networks: Mapping[str, Sequence[Patient]], *, facts: bool = True, full: bool = True, **changes: Any
) -> FakeLedger:
    """One finished trial an architecture."""
    rng, ledger = np.random.default_rng(1), FakeLedger()
    known: dict[str, Any] = {"case_facts": facts_of(next(iter(networks.values())))} if facts else {}
    ledger.add("sweep", **sweep_payload(len(networks), **known, architectures=list(networks), **changes))
    for number, (name, patients) in enumerate(networks.items()):
        ledger.add("suggested", **suggested_payload(number, name, rng))
        ledger.add("finished", **finished(uid_of(number), patients, full=full))
    ledger.add("closed", reason="finished")
    return ledger
