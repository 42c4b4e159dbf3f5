"""Which post-processing a model gets, and whether it predicts with flips: chosen on validation, for the simpler on ties.

Every combination of the options is scored on the same scans, by the mean validation Dice: the mean over labels of the means
over patients, the figure that trials are ranked by. A combination is *beaten* when any other is better by more than noise:
by more than `LEAST_GAIN`, and by more than one standard error of the paired difference over patients (the one-standard-error
rule of Breiman et al., Classification and Regression Trees, 1984). Of those that are not beaten the simplest is chosen: the
one with the fewest options switched on, and of these the best. One patient alone never decides: of a difference that only
one patient makes, the standard error is the whole difference.

The patients that choose are those that score: the gain is optimistic, and the evidence says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product, starmap
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from liverseg.handover.option_scores import OptionScores
from liverseg.handover.postprocess import PostProcess
from liverseg.handover.tally import tally
from liverseg.preprocess.arrays import NativeReference

MINIMUM_ML = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)
LEAST_GAIN = 0.001
"""Mean Dice that switching something on must bring at least."""

DECIMALS = 9

Floats = npt.NDArray[np.float64]
Pair = tuple[NativeReference, NativeReference]
"""A scan's reference and its prediction without post-processing."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, and on what grounds.

    Attributes:
        postprocess: to apply to every prediction.
        flips: whether to predict with flips.
        evidence: plain JSON values; undefined numbers are None. `patients`, `tumour_patients`, `tumour_free_patients`;
            `before` and `after`, each with the figures of `OptionScores.row`; `gain`, the difference of the two means, and
            `limit`, the least gain and the standard error that it was held to; `best`, the combination with the highest
            mean; `options`, every combination tried with its figures; `sentence`. Where flips were compared also `flips`.
    """

    postprocess: PostProcess
    flips: bool
    evidence: Mapping[str, Any]


def grid(labels: Sequence[str]) -> tuple[PostProcess, ...]:
    """The combinations that are tried, simplest first; a network without tumours has only stray livers to lose."""
    if "tumour" not in labels:
        return (PostProcess(False, False, 0.0), PostProcess(True, False, 0.0))
    found = [PostProcess(*values) for values in product((True, False), (True, False), MINIMUM_ML)]
    # A stable order: of equally simple ones the largest liver comes first, and smaller minimum sizes before larger ones.
    return tuple(sorted(found, key=lambda options: options.switched_on))


def choose(cases: Iterable[Pair], labels: Sequence[str], patients: Iterable[str] | None = None) -> Chosen:
    """The post-processing for predictions without flips.

    Args:
        cases: scans, taken one at a time and dropped before the next is asked for.
        labels: that the network was taught.
        patients: whose scan each is, in the same order; None: each scan is of a patient of its own.

    Without any scan nothing is switched on.

    Raises:
        ValueError: a prediction on another grid than its reference, or not as many patients as scans.
    """
    scores = OptionScores(grid(labels), labels)
    # Tallies are made by `starmap`, which lets go of a scan before it asks for the next.
    for found, patient in _with_patients(starmap(tally, cases), patients):
        scores.add(patient, found)
    return _chosen(scores)


def choose_flips(
    plain: Iterable[Pair], flipped: Iterable[Pair], labels: Sequence[str], patients: Iterable[str] | None = None
) -> Chosen:
    """Whether to predict with flips, and the post-processing for it.

    Each way gets the post-processing that suits it; flips are switched on where their mean Dice is then better by more
    than the noise limit, as they make predicting take that many times as long.

    Args:
        plain: scans predicted without flips.
        flipped: the same scans in the same order, predicted with flips; the two are taken in turns.
        labels: as for `choose`.
        patients: as for `choose`.

    Raises:
        ValueError: as for `choose`; or not as many scans with flips as without.
    """
    ways = [OptionScores(grid(labels), labels) for _ in range(2)]
    both = zip(starmap(tally, plain), starmap(tally, flipped), strict=True)
    for tallies, patient in _with_patients(both, patients):
        for scores, found in zip(ways, tallies, strict=True):
            scores.add(patient, found)
    off, on = (_chosen(scores) for scores in ways)
    places = [scores.options.index(way.postprocess) for scores, way in zip(ways, (off, on), strict=True)]
    gain = _gain(ways[0].shares()[:, places[0]], ways[1].shares()[:, places[1]])
    better = not gain.noise
    kept = on if better else off
    compared = {
        "off": {"postprocess": off.postprocess.as_json(), **off.evidence["after"]},
        "on": {"postprocess": on.postprocess.as_json(), **on.evidence["after"]},
        "gain": gain.mean,
        "limit": gain.limit,
        "sentence": _flips_sentence(off, on, better),
    }
    return Chosen(kept.postprocess, better, {**kept.evidence, "flips": compared})


def _with_patients(tallies: Iterable[Found], patients: Iterable[str] | None) -> Iterable[tuple[Found, str]]:
    if patients is None:
        return zip(tallies, map(str, count()), strict=False)
    return zip(tallies, patients, strict=True)


@dataclass(frozen=True, slots=True)
class _Gain:
    """What one way of predicting gains over another, and its standard error over patients."""

    mean: float
    standard_error: float

    @property
    def noise(self) -> bool:
        """Whether it is too little to count."""
        return self.mean <= max(LEAST_GAIN, self.standard_error)

    @property
    def limit(self) -> dict[str, float | None]:
        """What it was held to."""
        return {"gain": LEAST_GAIN, "standard_error": _plain(self.standard_error)}


def _gain(before: Floats, after: Floats) -> _Gain:
    """From the patients' shares `(n,)` of two means. One patient says nothing of others: the error is infinite.

    Rounded, so that a difference that one patient makes alone is not taken for more than its error.
    """
    difference = after - before
    n = len(difference)
    error = math.sqrt(n) * float(difference.std(ddof=1)) if n > 1 else math.inf
    return _Gain(round(float(difference.sum()), DECIMALS), round(error, DECIMALS))


def _chosen(scores: OptionScores) -> Chosen:
    shares = scores.shares()
    means = np.round(shares.sum(axis=0), DECIMALS)
    kept = [option for option in range(len(means)) if not _beaten(option, shares)]
    simplest = min(scores.options[option].switched_on for option in kept)
    simple = [option for option in kept if scores.options[option].switched_on == simplest]
    taken, best = max(simple, key=lambda option: float(means[option])), int(means.argmax())
    rows = [scores.row(option) for option in range(len(scores.options))]
    postprocess, gain = scores.options[taken], _gain(shares[:, 0], shares[:, taken])
    evidence = {
        "chosen_on": "the validation patients that score it",
        "patients": scores.patients,
        "tumour_patients": scores.tumour_patients,
        "tumour_free_patients": scores.tumour_free_patients,
        "before": rows[0],
        "after": rows[taken],
        "best": {"postprocess": scores.options[best].as_json(), **rows[best]},
        "gain": gain.mean,
        "limit": gain.limit,
        "options": [
            {"postprocess": options.as_json(), **row} for options, row in zip(scores.options, rows, strict=True)
        ],
        "sentence": _sentence(scores, postprocess, rows[0], rows[taken]),
    }
    return Chosen(postprocess, False, evidence)


def _beaten(option: int, shares: Floats) -> bool:
    """Whether any combination is better than this one by more than noise; the best is not."""
    return any(not _gain(shares[:, option], other).noise for other in shares.T)


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _sentence(scores: OptionScores, chosen: PostProcess, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if not scores.patients:
        return "No patient was there to choose post-processing on: none is switched on."
    who = _patients(scores.patients)
    if not chosen.switched_on:
        return f"No post-processing brings more than noise on the {who} of validation: none is switched on."
    changes = ", ".join(
        f"{label} {before[label]:.3f} → {after[label]:.3f}" for label in scores.labels if before[label] is not None
    )
    dropped = _dropped(before, after)
    return (
        f"Of {len(scores.options)} combinations, “{chosen.in_words()}” was chosen on the {who} of validation: mean Dice "
        f"{before['mean']:.3f} → {after['mean']:.3f} ({changes}){dropped}. It was chosen on the patients that score it, so the "
        "gain is optimistic."
    )


def _dropped(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What it costs, where it drops tumours: Dice hardly notices small ones."""
    if "true_tumours" not in before:
        return ""
    true, false = (before[name] - after[name] for name in ("true_tumours", "false_tumours"))
    if not true and not false:
        return ""
    return f"; it drops {false} false tumour{'' if false == 1 else 's'} and {true} true one{'' if true == 1 else 's'}"


def _flips_sentence(off: Chosen, on: Chosen, better: bool) -> str:
    who = _patients(off.evidence["patients"])
    if off.evidence["after"]["mean"] is None:
        return "No patient was there to try flips on: they are off."
    text = f"With flips the mean Dice on the {who} of validation is {on.evidence['after']['mean']:.3f}, without "
    text += f"{off.evidence['after']['mean']:.3f}: "
    if better:
        return text + "they are on. They were chosen on the patients that score them, so the gain is optimistic."
    return text + "no gain above noise, they are off."


def _patients(n: int) -> str:
    return f"{n} patient{'' if n == 1 else 's'}"
