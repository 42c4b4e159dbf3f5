"""What a comparison says of whole sweeps: the best of each, and the same architecture in several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from results.comparisons.scores import Model
from results.statistics import Comparison, Pair, pair_verdict
from results.statistics.verdict import listed

_WORDS = (
    ("first better", "better in {first}: {names}"),
    ("second better", "better in {second}: {names}"),
    ("mixed", "ranks and mean disagree: {names}"),
    ("within seeds", "within chance of training: {names}"),
    ("not told apart", "not told apart: {names}"),
    ("underpowered", "too few patients: {names}"),
)


def best_sentences(models: Sequence[Model], comparison: Comparison) -> Iterator[str]:
    """The best architecture of each sweep against that of every other, by the comparison's own ranking."""
    best = [_best(name, models, comparison) for name in dict.fromkeys(model.entry for model in models)]
    for first, second in combinations([model for model in best if model is not None], 2):
        for label in comparison.scores.labels:
            pair = comparison.pair(first.name, second.name, label)
            if pair.n:
                yield pair_verdict(pair)


def _best(entry: str, models: Sequence[Model], comparison: Comparison) -> Model | None:
    """The first of a sweep's models, by mean over the patients that all have scored; its first one where there are none."""
    own = [model for model in models if model.entry == entry and model.name in comparison.scores.models]
    ranking = comparison.ranking
    if ranking is None or not own or not len(ranking.ranks):
        return own[0] if own else None
    return min(own, key=lambda model: ranking.ranks[ranking.models.index(model.name)])


def alike(models: Sequence[Model], comparison: Comparison) -> Iterator[tuple[Model, Model, Pair]]:
    """Every pair of models of two sweeps that are the same architecture, on every label."""
    known = [model for model in models if model.name in comparison.scores.models]
    for label in comparison.scores.labels:
        for first, second in combinations(known, 2):
            if first.architecture == second.architecture and first.entry != second.entry:
                yield first, second, comparison.pair(first.name, second.name, label)


def alike_verdicts(models: Sequence[Model], comparison: Comparison) -> tuple[str, ...]:
    """The same architecture in two sweeps, in words: a paragraph a pair and label."""
    return tuple(pair_verdict(pair) for _, _, pair in alike(models, comparison) if pair.n)


def alike_sentences(models: Sequence[Model], comparison: Comparison) -> Iterator[str]:
    """The same in short: a sentence for two sweeps and a label, such as `liver, better in b: unet; not told apart: segnet`."""
    groups: dict[tuple[str, str, str], list[tuple[str, Pair]]] = {}
    for first, second, pair in alike(models, comparison):
        groups.setdefault((first.entry, second.entry, pair.label), []).append((first.architecture, pair))
    for (first_name, second_name, label), pairs in groups.items():
        parts = []
        for outcome, words in _WORDS:
            names = [architecture for architecture, pair in pairs if pair.outcome == outcome and pair.n]
            if names:
                parts.append(words.format(first=first_name, second=second_name, names=listed(names)))
        if parts:
            yield f"The same architecture in {first_name} and {second_name}, {label}: {'; '.join(parts)}."
