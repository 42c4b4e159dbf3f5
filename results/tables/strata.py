"""Scores of each architecture's selected setting by class of patients, and what it finds where there is no tumour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.statistics.casewise import Figures, PatientFigures
from results.statistics.resampling import Floats, mean_interval
from results.statistics.share import wilson_interval
from results.statistics.strata import Strata, Stratum, scored_in
from results.statistics.summary import FEWEST

_DICE, _DISTANCES = ("dice_liver", "dice_tumour"), ("hd95_liver", "hd95_tumour")
_COLUMNS = (
    *("stratum", "architecture", "n"),
    *(f"{name}_{part}" for name in _DICE for part in ("n", "mean", "sd", "ci_low", "ci_high")),
    *("missed", *(f"{name}_{part}" for name in _DISTANCES for part in ("mean", "failures"))),
    *("lesions", "lesion_recall", "underpowered"),
)
_FREE_COLUMNS = ("architecture", "n", "specificity", "ci_low", "ci_high", "false_ml", "false_lesions", "underpowered")
_WHOLE = ("n", "dice_liver_n", "dice_tumour_n", "missed", "hd95_liver_failures", "hd95_tumour_failures")


def strata_table(figures: Figures, strata: Strata) -> pd.DataFrame:
    """One row a class that has patients and an architecture, classes in order.

    Columns: `stratum`; `architecture`; `n` patients of the class that it scored; for `dice_liver` and `dice_tumour` the
    number of patients with a number `_n`, `_mean`, `_sd` (between patients), `_ci_low` and `_ci_high` (bootstrap over patients,
    95 %); `missed`, patients of whose tumour nothing was found (Dice 0); `hd95_…_mean` in mm over patients with a finite one and
    `hd95_…_failures` beside it; `lesions` in the reference and `lesion_recall`, the share of all of them that were matched
    (IoU > 0.5); `underpowered`: fewer than 6 patients, in all or with tumour (none with tumour is none to judge). NaN where the
    ledger does not tell, or nobody has the score.
    """
    rows = [_row(name, several, found) for found in strata.filled for name, several in figures.items()]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(dict.fromkeys(_WHOLE, "Int64"))


def _row(name: str, several: Sequence[PatientFigures], stratum: Stratum) -> dict[str, Any]:
    mine = [one for one in several if one.patient in set(stratum.patients)]
    row: dict[str, Any] = {"stratum": stratum.name, "architecture": name, "n": len(mine)}
    for score in _DICE:
        row |= {f"{score}_{part}": value for part, value in _figures(scored_in(mine, stratum, score)).items()}
    row["missed"] = sum(one.score("dice_tumour") == 0 for one in mine)
    for score in _DISTANCES:
        values = scored_in(mine, stratum, score)
        finite = values[np.isfinite(values)]
        row[f"{score}_mean"] = float(finite.mean()) if finite.size else math.nan
        row[f"{score}_failures"] = values.size - finite.size if values.size else None
    pairs = [(one.score("lesions_reference"), one.score("lesions_matched")) for one in mine]
    known = [(there, matched) for there, matched in pairs if not math.isnan(there + matched)]
    there = math.fsum(pair[0] for pair in known)
    row["lesions"] = there if known else math.nan
    row["lesion_recall"] = math.fsum(pair[1] for pair in known) / there if there else math.nan
    ill = sum(one.has_tumour for one in mine)
    return row | {"underpowered": len(mine) < FEWEST or 0 < ill < FEWEST}


def _figures(values: Floats) -> dict[str, Any]:
    mean = float(values.mean()) if values.size else math.nan
    sd = float(values.std(ddof=1)) if values.size > 1 else math.nan
    low, high = mean_interval(values)
    return {"n": values.size, "mean": mean, "sd": sd, "ci_low": low, "ci_high": high}


def tumour_free_table(figures: Figures) -> pd.DataFrame:
    """One row an architecture that scored a patient without tumour in any scan.

    Columns: `architecture`; `n` such patients; `specificity`, the share in which nothing was taken for tumour, with its Wilson
    interval (95 %) `ci_low`, `ci_high`; `false_ml` and `false_lesions`, mean volume and number of what was, NaN where trials
    were not scored in full; `underpowered` below 6 patients.
    """
    rows = []
    for name, several in figures.items():
        free = [one for one in several if not one.has_tumour]
        if free:
            clean = float(np.mean([one.score("clean") for one in free]))
            low, high = wilson_interval(clean, len(free))
            row = {"architecture": name, "n": len(free), "specificity": clean, "ci_low": low, "ci_high": high}
            row |= {score: _mean([one.score(score) for one in free]) for score in ("false_ml", "false_lesions")}
            rows.append(row | {"underpowered": len(free) < FEWEST})
    return pd.DataFrame(rows, columns=list(_FREE_COLUMNS))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
