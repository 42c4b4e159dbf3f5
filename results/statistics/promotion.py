"""Whether a new model is to take the place of an old one, from their paired comparison on the same patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from results.statistics.comparison import Comparison
from results.statistics.pairs import Pair
from results.statistics.planning import ALPHA, fewest_patients
from results.statistics.summary import FEWEST
from results.statistics.verdict import listed
from results.text import printable

Decision = Literal["promote", "keep", "underpowered"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """The end of a validation of one model against another.

    Attributes:
        outcome: `promote`: the new model is better for at least one label, and shown to be worse for none. `keep`: it is
            shown to be worse for one, or for none to be better. `underpowered`: with so few patients no test could
            have shown anything.
        why: in one or two sentences.
    """

    outcome: Decision
    why: str


def promotion(comparison: Comparison, new: str, old: str) -> Promotion:
    """Decide. Nothing but a difference that a paired test shows, after Holm over the labels, takes a model's place.

    Args:
        comparison: of the two on the same patients.
        new: name of the one that may take the place, in it.
        old: name of the other.
    """
    pairs = [comparison.pair(new, old, label) for label in comparison.scores.labels]
    better, worse = _labels(pairs, "first better"), _labels(pairs, "second better")
    if better and not worse:
        return Promotion("promote", _promote(pairs, new, old, better))
    if worse:
        text = f"{printable(new)} is worse than {printable(old)} for {listed(worse)}"
        return Promotion("keep", f"{text}, though better for {listed(better)}." if better else f"{text}.")
    if all(pair.outcome == "underpowered" or pair.hopeless for pair in pairs):
        return Promotion("underpowered", _underpowered(pairs, new, old))
    return Promotion("keep", f"No test shows {printable(new)} to be better than {printable(old)}{_untested(pairs)}.")


def _labels(pairs: Sequence[Pair], *outcomes: str) -> list[str]:
    return [pair.label for pair in pairs if pair.outcome in outcomes]


def _promote(pairs: Sequence[Pair], new: str, old: str, better: Sequence[str]) -> str:
    text = f"{printable(new)} is better than {printable(old)} for {listed(better)}"
    even = [pair.label for pair in pairs if pair.label not in better and pair.outcome != "underpowered"]
    if even:
        text += f", and not shown to be worse for {listed(even)}"
    return f"{text}{_untested(pairs)}."


def _untested(pairs: Sequence[Pair]) -> str:
    """Labels of which the comparison says nothing, for want of patients."""
    found = _labels(pairs, "underpowered")
    return f"; for {listed(found)} there are too few patients to tell" if found else ""


def _underpowered(pairs: Sequence[Pair], new: str, old: str) -> str:
    needed = max(FEWEST, fewest_patients(ALPHA / len(pairs)))
    counts = listed([f"{pair.n} for {pair.label}" for pair in pairs])
    text = f"Too few patients to compare {printable(new)} with {printable(old)}: {counts}"
    return f"{text}; below {needed} not even the clearest difference would show."
