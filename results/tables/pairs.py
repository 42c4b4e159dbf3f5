"""All pairs of architectures on the same patients, and how firm their ranking is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from results.statistics import Comparison, Pair, Ranking, pair_verdict

_PAIR = (
    *("first", "second", "label", "n", "zeros", "difference", "ci_low", "ci_high", "rank_biserial", "p_raw", "p_holm"),
    *(
        "first_seeds",
        "second_seeds",
        "seed_margin",
        "outcome",
        "needed_patients",
        "with_seeds",
        "needed_seeds",
        "verdict",
    ),
)
_COUNTS = ("n", "zeros", "first_seeds", "second_seeds", "needed_patients", "with_seeds", "needed_seeds")


def pair_table(comparison: Comparison) -> pd.DataFrame:
    """One row a pair and label: the pairs of the first model come first, then those of the second.

    Columns: `first`, `second`, `label`, `n` (patients that both scored), `zeros` (of them without a difference),
    `difference` (mean of first − second), `ci_low`, `ci_high` (95 % bootstrap interval), `rank_biserial`, `p_raw`
    (Wilcoxon), `p_holm`, `first_seeds`, `second_seeds`, `seed_margin`, `outcome`, `needed_patients`, `with_seeds`,
    `needed_seeds` (see `results.statistics.Plan`), `verdict` (in words).
    """
    models, labels = comparison.scores.models, comparison.scores.labels
    pairs = sorted(comparison.pairs, key=lambda pair: (models.index(pair.first), labels.index(pair.label)))
    frame = pd.DataFrame([_pair_row(pair) for pair in pairs], columns=list(_PAIR))
    return frame.astype(dict.fromkeys(_COUNTS, "Int64"))


def _pair_row(pair: Pair) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(pair, name) for name in _PAIR if hasattr(pair, name)}
    row |= {"difference": pair.mean, "p_raw": pair.p, "verdict": pair_verdict(pair)}
    row["first_seeds"], row["second_seeds"] = pair.seeds
    plan = pair.plan
    row["needed_patients"] = plan.patients if plan else None
    row["with_seeds"] = plan.with_seeds if plan else None
    row["needed_seeds"] = plan.seeds if plan else None
    return row


def rank_table(comparison: Comparison) -> pd.DataFrame:
    """One row a ranking (each label, then all labels) and architecture, best first.

    Columns: `label`, `architecture`, `n` (patients that all scored), `mean` (Dice over those), `rank`, `rank_low` and
    `rank_high` (within which it was in 90 % of the resamples), `chance_1`, `chance_2`, … (share of the resamples in
    which it had that rank). Nothing with fewer than two models.
    """
    count = len(comparison.scores.models)
    chances = [f"chance_{rank}" for rank in range(1, count + 1)]
    columns = ["label", "architecture", "n", "mean", "rank", "rank_low", "rank_high", *chances]
    rows = [row for ranking in comparison.rankings for row in _rank_rows(ranking)] if count > 1 else []
    return pd.DataFrame(rows, columns=columns)


def _rank_rows(ranking: Ranking) -> list[dict[str, Any]]:
    if np.isnan(ranking.means).any():
        return []
    reached = np.cumsum(ranking.chances, axis=1)
    low, high = ((reached < share - 1e-9).sum(axis=1) + 1 for share in (0.05, 0.95))
    rows = []
    for i in np.argsort(ranking.ranks, kind="stable"):
        row = {
            "label": ranking.label,
            "architecture": ranking.models[i],
            "n": ranking.n,
            "mean": float(ranking.means[i]),
        }
        row |= {"rank": float(ranking.ranks[i]), "rank_low": int(low[i]), "rank_high": int(high[i])}
        rows.append(row | {f"chance_{rank}": float(share) for rank, share in enumerate(ranking.chances[i], 1)})
    return rows
