"""How long the comparison of architectures takes, and how often it is wrong where the truth is known.

    python -m tests.benchmarks.bench_statistics [--models 10] [--patients 200] [--seeds 5] [--simulations 500] [--json FILE]

CPU seconds and wall seconds, best of five; rates are shares of the simulations.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from results.statistics import compare, compare_pairs, gather_scores, paired_tests, selection_optimism, signed_rank
from tests.benchmarks.bench_table import timed
from tests.results.statistics.simulated import records_of, simulate

TARGET_S = 2.0


def speed(models: int, patients: int, seeds: int) -> dict[str, Any]:
    """Seconds from single scores to the comparison, and of the selection bias on top."""
    scores = simulate(np.random.default_rng(0), models=models, patients=patients, seeds=seeds)
    records = records_of(scores)
    whole = min(timed(lambda: compare(gather_scores(records)))[:2] for _ in range(5))
    selection = min(timed(lambda: selection_optimism(scores))[:2] for _ in range(5))
    return {"comparison_cpu_s": whole[0], "comparison_wall_s": whole[1], "selection_wall_s": selection[1]}


def called_better(simulations: int, *, between_seeds: float) -> tuple[float, float]:
    """Where nothing differs: share of comparisons with a significant paired test, and with a model called better."""
    rng, tested, called = np.random.default_rng(1), 0, 0
    for _ in range(simulations):
        pairs = compare_pairs(simulate(rng, models=4, patients=100, seeds=3, between_seeds=between_seeds))
        tested += any(pair.p_holm <= 0.05 for pair in pairs)
        called += any(pair.outcome in ("first better", "second better") for pair in pairs)
    return tested / simulations, called / simulations


def family_wise(simulations: int) -> float:
    """Where nothing differs, one seed: share of comparisons with any difference found."""
    rng = np.random.default_rng(2)
    found = (paired_tests(simulate(rng, models=4, patients=24)) for _ in range(simulations))
    return sum(any(p <= 0.05 for *_, p in rows) for rows in found) / simulations


def after_selection(simulations: int, first: int, second: int) -> float:
    """Where nothing differs: share of p ≤ 0.05 between the best of `first` and the best of `second` trials, 40 patients."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(simulations):
        ours, theirs = (rng.normal(0, 0.05, (count, 40)) for count in (first, second))
        found += signed_rank(ours[ours.mean(axis=1).argmax()] - theirs[theirs.mean(axis=1).argmax()]).p <= 0.05
    return found / simulations


def measure(models: int, patients: int, seeds: int, simulations: int) -> dict[str, Any]:
    """The measurement, as one document."""
    tested, called = called_better(simulations, between_seeds=0.05)
    return speed(models, patients, seeds) | {
        "target_s": TARGET_S,
        "false_difference": family_wise(4 * simulations),
        "lucky_seed_paired_test": tested,
        "lucky_seed_called_better": called,
        "best_of_10_against_10": after_selection(4 * simulations, 10, 10),
        "best_of_50_against_1": after_selection(4 * simulations, 50, 1),
    }


def main() -> None:
    """Measure and print; write the figures where `--json` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("models", 10), ("patients", 200), ("seeds", 5), ("simulations", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measure(arguments.models, arguments.patients, arguments.seeds, arguments.simulations)
    for name, value in figures.items():
        print(f"{name:28} {value:.4g}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
