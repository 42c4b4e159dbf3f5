"""Scores with a known truth: patients easy or hard for every model, chance of training, and no more unless asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from results.statistics import PatientScore, Scores


def simulate(
    rng: np.random.Generator,
    *,
    models: int = 3,
    patients: int = 12,
    seeds: int = 1,
    effects: Sequence[float] = (),
    between_seeds: float = 0.0,
    labels: Sequence[str] = ("liver", "tumour"),
) -> Scores:
    """Dice of each model on each patient; every fourth patient has no tumour.

    Args:
        rng: source of all chance.
        models: how many.
        patients: how many.
        seeds: of each model.
        effects: what each model's Dice is better by in truth; none of them differ when empty.
        between_seeds: SD of what a seed does to all patients of a model alike.
        labels: of the Dice.
    """
    base = rng.beta(8, 2, patients)
    better = np.array(effects) if len(effects) else np.zeros(models)
    ill = np.arange(patients) % 4 > 0
    dice = {}
    for label in labels:
        values = np.broadcast_to(base, (models, seeds, patients)) - 0.3 * (label == "tumour")
        values = values + rng.normal(0, 0.06, (models, 1, patients)) + rng.normal(0, 0.03, (models, seeds, patients))
        values = values + rng.normal(0, between_seeds, (models, seeds, 1)) + better[:, None, None]
        dice[label] = np.clip(values, 0, 1)
    if "tumour" in dice:
        dice["tumour"][:, :, ~ill] = np.nan
    names = tuple(f"model{i}" for i in range(models))
    return Scores(names, tuple(range(seeds)), tuple(f"p{i:03d}" for i in range(patients)), ill, dice)


def scores_of(label: str, **rows: Sequence[float] | Sequence[Sequence[float]]) -> Scores:
    """Scores of named models on one label: one value a patient, or a row a seed. Every patient has tumour."""
    grids = {name: np.atleast_2d(np.asarray(values, np.float64)) for name, values in rows.items()}
    seeds = max(len(grid) for grid in grids.values())
    patients = next(iter(grids.values())).shape[1]
    values = np.full((len(grids), seeds, patients), np.nan)
    for i, grid in enumerate(grids.values()):
        values[i, : len(grid)] = grid
    names = tuple(f"p{i:03d}" for i in range(patients))
    return Scores(tuple(grids), tuple(range(seeds)), names, np.ones(patients, bool), {label: values})


def records_of(scores: Scores, fold: int = 0) -> list[PatientScore]:
    """The single scores behind simulated ones."""
    return [
        PatientScore(
            model,
            seed,
            fold,
            patient,
            float(scores.dice["liver"][i, j, k]),
            float(scores.dice["tumour"][i, j, k]),
            bool(scores.has_tumour[k]),
        )
        for i, model in enumerate(scores.models)
        for j, seed in enumerate(scores.seeds)
        for k, patient in enumerate(scores.patients)
    ]
