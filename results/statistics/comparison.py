"""The comparison of models as a whole: figures, pairs and rankings over the same resamples of the patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from results.statistics.pairs import Pair, compare_pairs
from results.statistics.ranks import ALL_LABELS, Agreement, Ranking, agreement, rankings
from results.statistics.resampling import RESAMPLES, resample_weights
from results.statistics.scores import Scores
from results.statistics.summary import Summary, summaries


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Models compared on the same patients.

    Attributes:
        scores: what was compared.
        resamples: of the patients, the same for everything in here.
        summaries: by `(model, label)`.
        pairs: every pair on every label; labels in order, then pairs in the order of the models.
        rankings: one a label, and one over all labels where there are several.
        agreements: between the rankings of two labels each.
    """

    scores: Scores
    resamples: int
    summaries: Mapping[tuple[str, str], Summary]
    pairs: tuple[Pair, ...]
    rankings: tuple[Ranking, ...]
    agreements: tuple[Agreement, ...]

    @property
    def ranking(self) -> Ranking | None:
        """The ranking over all labels, or that of the only one; None without a label."""
        return self.rankings[-1] if self.rankings else None

    def pair(self, first: str, second: str, label: str) -> Pair:
        """The pair with its models in that order; raises `KeyError` when they were not compared."""
        for pair in self.pairs:
            if pair.label == label and {pair.first, pair.second} == {first, second}:
                return pair if pair.first == first else pair.turned
        raise KeyError((first, second, label))


def compare(scores: Scores, *, count: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare the models. The same scores and seed give the same comparison, in whatever order the records came."""
    weights = resample_weights(len(scores.patients), count=count, seed=seed)
    ranked = rankings(scores, weights)
    single = [ranking for ranking in ranked if ranking.label != ALL_LABELS]
    return Comparison(
        scores=scores,
        resamples=count,
        summaries=summaries(scores, weights),
        pairs=compare_pairs(scores, weights),
        rankings=ranked,
        agreements=tuple(agreement(first, second) for first, second in combinations(single, 2)),
    )
