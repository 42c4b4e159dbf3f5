"""What an ensemble gains over its single best model on the same patients, and which of the two is to be used.

An ensemble costs as many predictions as it has members, so ties go to the single model: the ensemble is taken only where
the interval of its gain lies above 0, the signed-rank test agrees, and it is shown to be worse on no label.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from results.statistics.planning import ALPHA
from results.statistics.resampling import DECIMALS, Floats, interval, resample_weights, weighted_means
from results.statistics.signed_rank import signed_rank
from results.statistics.summary import FEWEST, Difference, paired_difference
from results.statistics.verdict import interval_text, p_text, signed


@dataclass(frozen=True, slots=True)
class Gain:
    """`ensemble` − `single`, paired by patient.

    Attributes:
        patients: that both scored on some label.
        fewest: that both scored on the label with the fewest of them; what can be concluded depends on these.
        mean: difference of the mean over labels of the mean Dice; NaN without a patient.
        ci_low: lower end of its bootstrap interval (95 %), patients resampled; NaN where `fewest` is below two.
        ci_high: its upper end.
        p: two-sided signed-rank test of the patients' means over labels; NaN where `fewest` is below `FEWEST`.
        labels: the difference on each label that has a patient, with its own interval.
    """

    patients: int
    fewest: int
    mean: float
    ci_low: float
    ci_high: float
    p: float
    labels: Mapping[str, Difference]

    @property
    def underpowered(self) -> bool:
        """Too few patients to conclude anything from."""
        return self.fewest < FEWEST

    @property
    def worse(self) -> tuple[str, ...]:
        """Labels on which the ensemble's interval lies below 0."""
        return tuple(label for label, found in self.labels.items() if found.ci_high < 0)

    @property
    def verdict(self) -> Literal["ensemble", "single"]:
        """Which of the two to use."""
        shown = self.ci_low > 0 and self.p <= ALPHA
        return "ensemble" if shown and not self.underpowered and not self.worse else "single"

    @property
    def sentence(self) -> str:
        """The gain, and what follows, in one sentence."""
        if not self.patients:
            return "No patient was scored by both the ensemble and the single model: the single model is taken."
        who = f"{self.patients} patient{'' if self.patients == 1 else 's'}"
        text = f"On {who} the mean Dice of the ensemble minus that of the single model is {signed(self.mean)}"
        if not math.isnan(self.ci_low):
            text += f" ({interval_text(self.ci_low, self.ci_high)}"
            text += ")" if math.isnan(self.p) else f"; {p_text(self.p)})"
        return f"{text}: {self._reason()}."

    def _reason(self) -> str:
        if self.verdict == "ensemble":
            return "the ensemble is taken"
        if self.underpowered:
            fewest = f"{self.fewest} patient{'' if self.fewest == 1 else 's'} on one label"
            few = "that" if self.fewest == self.patients else fewest
            return f"{few} is fewer than {FEWEST} (underpowered), so the single model is taken"
        if self.ci_high < 0:
            return "the ensemble is worse, so the single model is taken"
        if self.ci_low > 0 and self.worse:
            return f"but it is worse for {' and '.join(self.worse)}, so the single model is taken"
        if self.ci_low > 0:
            return "but the test does not confirm it, so the single model is taken"
        return "no gain is shown, so the single model is taken"

    def as_json(self) -> dict[str, Any]:
        """Plain values; undefined numbers are None."""
        return {
            "patients": self.patients,
            "fewest": self.fewest,
            "mean": _plain(self.mean),
            "ci_low": _plain(self.ci_low),
            "ci_high": _plain(self.ci_high),
            "p": _plain(self.p),
            "labels": {
                label: {
                    "patients": found.n,
                    "mean": _plain(found.mean),
                    "ci_low": _plain(found.ci_low),
                    "ci_high": _plain(found.ci_high),
                }
                for label, found in self.labels.items()
            },
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


def ensemble_gain(
    single: Mapping[str, Sequence[float]], ensemble: Mapping[str, Sequence[float]], *, seed: int = 0
) -> Gain:
    """Compare an ensemble with the single model that would be used otherwise.

    Args:
        single: Dice by label, one a patient; NaN where it is not defined, which for tumour is every patient without one.
        ensemble: the same labels and the same patients in the same order.
        seed: of the resamples.

    Patients without a number on either side are left out of that label; a label without any is left out.

    Raises:
        ValueError: other labels, or not the same number of patients throughout.
    """
    if set(single) != set(ensemble) or len({len(scores) for scores in (*single.values(), *ensemble.values())}) > 1:
        raise ValueError("the ensemble and the single model were not scored on the same labels and patients")
    found = {label: paired_difference(ensemble[label], single[label], seed=seed) for label in single}
    labels = {label: difference for label, difference in found.items() if difference.n}
    if not labels:
        return Gain(0, 0, math.nan, math.nan, math.nan, math.nan, {})
    differences = np.array([np.asarray(ensemble[label]) - np.asarray(single[label]) for label in labels], np.float64)
    fewest = min(difference.n for difference in labels.values())
    by_patient = _mean_over_labels(differences)
    means = weighted_means(resample_weights(differences.shape[1], seed=seed), differences).mean(axis=1)
    return Gain(
        int(np.count_nonzero(~np.isnan(by_patient))),
        fewest,
        float(np.mean([difference.mean for difference in labels.values()])),
        *interval(np.round(means, DECIMALS), fewest),
        signed_rank(by_patient).p if fewest >= FEWEST else math.nan,
        labels,
    )


def _mean_over_labels(differences: Floats) -> Floats:
    """Of each patient `(labels, patients)` the mean over the labels that it has; NaN without any."""
    known = ~np.isnan(differences)
    count = known.sum(axis=0)
    means: Floats = np.where(count, np.where(known, differences, 0.0).sum(axis=0) / np.maximum(count, 1), math.nan)
    return means


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
