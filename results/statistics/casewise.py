"""Every patient's figures by the selected setting of each architecture: the patient is the unit, not the scan or the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from results.ranking import best_by_architecture
from results.records import CaseScore, Sweep, TrialRecord
from results.statistics.replicates import replicates
from results.sweep_parts import CaseFacts

Rows = Sequence[tuple[CaseScore, Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class PatientFigures:
    """One patient, averaged over its scans first, then over the trials that scored it. NaN where not known or not defined.

    Attributes:
        patient: pseudonym.
        has_tumour: in any scan.
        tumour_ml: tumour in the reference, mean over its scans with tumour; 0 without tumour.
        thickness_mm: distance between slices, mean over its scans.
        scores: by name. `dice_liver`, `dice_tumour`, `hd95_liver`, `hd95_tumour` (infinite when one side of any scan is empty);
            those of tumours over scans with tumour. `lesions_reference`, `lesions_matched`, sums over scans. Of a tumour-free
            patient: `clean` (1 when nothing was taken for tumour), `false_ml` (volume that was), `false_lesions`.
    """

    patient: str
    has_tumour: bool
    tumour_ml: float
    thickness_mm: float
    scores: Mapping[str, float]

    def score(self, name: str) -> float:
        """A score; NaN when there is none."""
        return self.scores.get(name, math.nan)


Figures = Mapping[str, tuple[PatientFigures, ...]]
"""By architecture, best first; patients sorted by name."""


def architecture_figures(sweep: Sweep) -> Figures:
    """Figures of the selected setting of each architecture, with all its replicates; without those that have no cases."""
    groups = {trial.uid: group.trials for group in replicates(sweep.trials) for trial in group.trials}
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    chosen = {
        name: groups.get(trial.uid, (trial,)) for name, trial in best.items() if trial is not None and trial.cases
    }
    return {name: patient_figures(trials, sweep.sweep.case_facts) for name, trials in chosen.items()}


def patient_figures(trials: Iterable[TrialRecord], facts: Mapping[str, CaseFacts]) -> tuple[PatientFigures, ...]:
    """Figures of each patient that any of these trials has scored."""
    found: dict[str, list[PatientFigures]] = {}
    for trial in trials:
        rows: dict[str, list[tuple[CaseScore, Mapping[str, float]]]] = {}
        for case, more in zip(trial.cases, trial.case_scores, strict=True):
            rows.setdefault(case.patient, []).append((case, more))
        for patient, mine in rows.items():
            found.setdefault(patient, []).append(_of_one(patient, mine, facts))
    return tuple(_averaged(found[patient]) for patient in sorted(found))


def _averaged(several: Sequence[PatientFigures]) -> PatientFigures:
    first = several[0]
    names = dict.fromkeys(name for one in several for name in one.scores)
    return PatientFigures(
        first.patient,
        first.has_tumour,
        _mean(one.tumour_ml for one in several),
        _mean(one.thickness_mm for one in several),
        {name: _mean(one.score(name) for one in several) for name in names},
    )


def _of_one(patient: str, rows: Rows, facts: Mapping[str, CaseFacts]) -> PatientFigures:
    ill = [row for row in rows if row[0].has_tumour]
    unknown = CaseFacts()
    thickness = _mean(facts.get(case.case, unknown).spacing_mm[2] for case, _ in rows)
    volume = _mean(_tumour_ml(case, more, facts) for case, more in ill) if ill else 0.0
    scores = {
        "dice_liver": _mean(case.dice_liver for case, _ in rows),
        "dice_tumour": _mean(case.dice_tumour for case, _ in ill),
        "hd95_liver": _mean(more.get("hd95_liver", math.nan) for _, more in rows),
        "hd95_tumour": _mean(more.get("hd95_tumour", math.nan) for _, more in ill),
        **{
            name: _sum(more.get(name, math.nan) for _, more in rows)
            for name in ("lesions_reference", "lesions_matched")
        },
    }
    return PatientFigures(patient, bool(ill), volume, thickness, scores | ({} if ill else _false_findings(rows)))


def _tumour_ml(case: CaseScore, more: Mapping[str, float], facts: Mapping[str, CaseFacts]) -> float:
    """From the reference that was scored; where the trial was not scored in full, from the scan's facts."""
    volume = more.get("reference_voxels_tumour", math.nan) * more.get("voxel_ml", math.nan)
    return facts.get(case.case, CaseFacts()).tumour_ml if math.isnan(volume) else volume


def _false_findings(rows: Rows) -> dict[str, float]:
    """What was taken for tumour in a tumour-free patient."""
    marked = [more.get("prediction_voxels_tumour", math.nan) * more.get("voxel_ml", math.nan) for _, more in rows]
    # Dice of an empty reference is 0 when something was predicted and not defined otherwise: known without full scores.
    clean = all(math.isnan(case.dice_tumour) for case, _ in rows)
    lesions = _mean(more.get("lesions_prediction", math.nan) for _, more in rows)
    return {"clean": float(clean), "false_ml": _mean(marked), "false_lesions": lesions}


def _known(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _mean(values: Iterable[float]) -> float:
    known = _known(values)
    return sum(known) / len(known) if known else math.nan


def _sum(values: Iterable[float]) -> float:
    known = _known(values)
    return math.fsum(known) if known else math.nan
