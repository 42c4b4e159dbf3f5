"""Whether a new model is to take the place of an old one, from their paired comparison on the same patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from results.statistics.comparison import Comparison
from results.statistics.pairs import Pair
from results.statistics.planning import ALPHA, fewest_patients
from results.statistics.summary import FEWEST
from results.statistics.verdict import interval_text, listed, signed
from results.text import printable

Decision = Literal["promote", "keep", "underpowered"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """The end of a validation of one model against another.

    Attributes:
        outcome: `promote`: the new model is better for at least one label, and for no label is there a sign that it is
            worse. `keep`: there is one, or it is not shown to be better. `underpowered`: with so few patients no test
            could have shown anything.
        why: in one or two sentences.
    """

    outcome: Decision
    why: str


def promotion(comparison: Comparison, new: str, old: str) -> Promotion:
    """Decide, so that a mistake rather keeps a model than loses a good one.

    To be better it takes what a paired test shows, after Holm over the labels. A sign of being worse is less: the 95 %
    interval of the mean difference, not adjusted for anything, lies below 0.

    Args:
        comparison: of the two on the same patients.
        new: name of the one that may take the place, in it.
        old: name of the other.
    """
    pairs = [comparison.pair(new, old, label) for label in comparison.scores.labels]
    better = [pair.label for pair in pairs if pair.outcome == "first better"]
    worse = [pair for pair in pairs if pair.outcome == "second better"]
    if better and not any(map(_sign_of_worse, pairs)):
        return Promotion("promote", _promote(pairs, new, old, better))
    if worse:
        text = f"{printable(new)} is worse than {printable(old)} for {listed([pair.label for pair in worse])}"
        return Promotion("keep", f"{text}, though better for {listed(better)}." if better else f"{text}.")
    if better:
        return Promotion("keep", _doubtful(pairs, new, old, better))
    if all(pair.outcome == "underpowered" or pair.hopeless for pair in pairs):
        return Promotion("underpowered", _underpowered(pairs, new, old))
    return Promotion("keep", f"No test shows {printable(new)} to be better than {printable(old)}{_untested(pairs)}.")


def _sign_of_worse(pair: Pair) -> bool:
    return pair.outcome == "second better" or pair.ci_high < 0


def _doubtful(pairs: Sequence[Pair], new: str, old: str, better: Sequence[str]) -> str:
    """Better for one label, and perhaps worse for another."""
    signs = [
        f"{pair.label} ({signed(pair.mean)}, {interval_text(pair.ci_low, pair.ci_high)})"
        for pair in pairs
        if _sign_of_worse(pair)
    ]
    text = (
        f"{printable(new)} is better than {printable(old)} for {listed(better)}, but may be worse for {listed(signs)}"
    )
    return f"{text}: more patients would tell."


def _promote(pairs: Sequence[Pair], new: str, old: str, better: Sequence[str]) -> str:
    text = f"{printable(new)} is better than {printable(old)} for {listed(better)}"
    even = [pair.label for pair in pairs if pair.label not in better and pair.outcome != "underpowered"]
    if even:
        text += f", and not shown to be worse for {listed(even)}"
    return f"{text}{_untested(pairs)}."


def _untested(pairs: Sequence[Pair]) -> str:
    """Labels of which the comparison says nothing, for want of patients."""
    found = [pair.label for pair in pairs if pair.outcome == "underpowered"]
    return f"; for {listed(found)} there are too few patients to tell" if found else ""


def _underpowered(pairs: Sequence[Pair], new: str, old: str) -> str:
    needed = max(FEWEST, fewest_patients(ALPHA / len(pairs)))
    counts = listed([f"{pair.n} for {pair.label}" for pair in pairs])
    text = f"Too few patients to compare {printable(new)} with {printable(old)}: {counts}"
    return f"{text}; below {needed} not even the clearest difference would show."
