"""What validation decides about a model: post-processing, flips, and whether an ensemble is worth it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweeps.handover.rehearsal import ENSEMBLE, ENSEMBLE_FLIPS, SINGLE, SINGLE_FLIPS, Rehearsed

if TYPE_CHECKING:
    from liverseg.handover.choice import Chosen
    from liverseg.handover.postprocess import PostProcess
    from results.statistics.gain import Gain


@dataclass(frozen=True, slots=True)
class Decision:
    """What the model will be.

    Attributes:
        ensemble: whether all networks are in it, or the best alone.
        postprocess, flips: what it does.
        evidence: why, as plain values.
        notes: sentences for the user.
    """

    ensemble: bool
    postprocess: PostProcess
    flips: bool
    evidence: Mapping[str, Any]
    notes: tuple[str, ...]


def ways_of(members: int, try_flips: bool) -> tuple[str, ...]:
    """In which ways validation scans have to be predicted."""
    single = (SINGLE, SINGLE_FLIPS) if try_flips else (SINGLE,)
    both = (*single, *((ENSEMBLE, ENSEMBLE_FLIPS) if try_flips else (ENSEMBLE,)))
    return both if members > 1 else single


def decide(found: Rehearsed, labels: Sequence[str], ways: Sequence[str], *, insist: bool = False) -> Decision:
    """Choose on the validation patients, the simpler wherever there is no gain above noise.

    Args:
        found: predictions of the validation scans.
        labels: that the networks were taught.
        ways: those of `ways_of`.
        insist: keep the ensemble whatever it gains.
    """
    single = _chosen(found, labels, SINGLE, ways)
    alone = _dice(found, labels, SINGLE, single)
    if ENSEMBLE not in ways:
        return _decision(False, single, {"scores": _scores(alone)})
    joint = _chosen(found, labels, ENSEMBLE, ways)
    together = _dice(found, labels, ENSEMBLE, joint)
    gain = _gain(alone, together)
    kept = insist or gain.verdict == "ensemble"
    evidence = {
        "ensemble": {**gain.as_json(), "insisted": insist},
        "scores": _scores(together if kept else alone),
    }
    note = gain.sentence + ("" if gain.verdict == "ensemble" else _because(insist))
    return _decision(kept, joint if kept else single, evidence, note)


def _because(insist: bool) -> str:
    if insist:
        return " The ensemble is exported all the same, for --keep-ensemble asks for it."
    return " The best network alone is exported; --keep-ensemble exports the ensemble all the same."


def _decision(ensemble: bool, chosen: Chosen, more: Mapping[str, Any], *notes: str) -> Decision:
    evidence = {"postprocess": dict(chosen.evidence), **more}
    sentences = [chosen.evidence["sentence"]]
    if "flips" in chosen.evidence:
        sentences.append(chosen.evidence["flips"]["sentence"])
    return Decision(ensemble, chosen.postprocess, chosen.flips, evidence, (*notes, *sentences))


def _chosen(found: Rehearsed, labels: Sequence[str], way: str, ways: Sequence[str]) -> Chosen:
    from liverseg.handover.choice import choose, choose_flips

    patients = [case.patient for case in found.cases]
    flipped = f"{way}-flips"
    if flipped in ways:
        return choose_flips(found.pairs(way), found.pairs(flipped), labels, patients)
    return choose(found.pairs(way), labels, patients)


def _gain(alone: Mapping[str, Sequence[float]], together: Mapping[str, Sequence[float]]) -> Gain:
    from results.statistics.gain import ensemble_gain

    return ensemble_gain(alone, together)


def _scores(dice: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """Of the model as it will be, by label: patients, mean and median Dice, interval (95 %) of the mean, patients with 0."""
    from results.statistics import summarise

    found = {label: summarise(values) for label, values in dice.items()}
    return {
        label: {
            "patients": summary.n,
            "failures": summary.failures,
            **{
                name: value if math.isfinite(value := getattr(summary, name)) else None
                for name in ("mean", "median", "ci_low", "ci_high")
            },
        }
        for label, summary in found.items()
    }


def _dice(found: Rehearsed, labels: Sequence[str], way: str, chosen: Chosen) -> dict[str, list[float]]:
    """Dice by label, one a patient (the mean over its scans), patients in a fixed order; NaN where it is not defined."""
    from liverseg.handover.tally import tally

    by: dict[str, dict[str, list[float]]] = {case.patient: {label: [] for label in labels} for case in found.cases}
    pairs = found.pairs(f"{way}-flips" if chosen.flips else way)
    for case, pair in zip(found.cases, pairs, strict=True):
        counted = tally(*pair)
        for label in labels:
            if label == "liver" or counted.has_tumour:
                by[case.patient][label].append(counted.dice(label, chosen.postprocess))
    return {label: [_mean(by[patient][label]) for patient in sorted(by)] for label in labels}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
