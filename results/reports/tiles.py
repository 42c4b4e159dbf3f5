"""The few figures that stand on top of a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from results.columns import MISSING, column
from results.ranking import Setting, best_trial, settings
from results.records import Sweep
from results.tables.architectures import setting_figures
from results.text import printable


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with its name and a few words, printable."""

    name: str
    figure: str
    words: str


def tiles(sweep: Sweep) -> tuple[Tile, ...]:
    """The highest score, its Dice by label, the trials, the patients."""
    best = best_trial(sweep)
    setting = settings(sweep.trials)[best.uid] if best is not None else None
    found = [
        _score(sweep, setting),
        *([_labels(sweep, setting)] if setting is not None else []),
        _trials(sweep),
        _patients(sweep),
    ]
    return tuple(Tile(*map(printable, (tile.name, tile.figure, tile.words))) for tile in found)


def _score(sweep: Sweep, best: Setting | None) -> Tile:
    objective = sweep.sweep.objective
    shown = column(objective.metric)
    name = f"{'Highest' if objective.direction == 'maximize' else 'Lowest'} {shown.title}"
    if best is None:
        return Tile(name, MISSING, "no trial has finished")
    times = f", mean of {len(best.trials)} trainings" if len(best.trials) > 1 else ""
    words = f"{best.first.architecture}, trial {best.first.number}{times}"
    return Tile(name, shown.text(best.mean(objective.metric)), words)


def _labels(sweep: Sweep, best: Setting) -> Tile:
    labels = sweep.sweep.labels
    found = setting_figures(sweep, best)
    means = [column(f"dice_{label}_mean").text(found[f"dice_{label}_mean"]) for label in labels]
    deviations = [column(f"dice_{label}_sd").text(found[f"dice_{label}_sd"]) for label in labels]
    words = f"SD between patients {' / '.join(deviations)}"
    return Tile(f"Its Dice {' / '.join(labels)}", " / ".join(means), words)


def _trials(sweep: Sweep) -> Tile:
    states = Counter(trial.state for trial in sweep.trials if not trial.replicate_of)
    others = [f"{count} {state}" for state, count in sorted(states.items()) if state != "finished"]
    repeated = [trial for trial in sweep.trials if trial.replicate_of]
    words = ", ".join(others) or "none failed"
    if repeated:
        words += f"; {sum(trial.state == 'finished' for trial in repeated)} of {len(repeated)} repetitions"
    return Tile("Trials finished", f"{states['finished']} of {sweep.sweep.trials}", words)


def _patients(sweep: Sweep) -> Tile:
    split = sweep.sweep.split
    if split.folds:
        count = len({patient for fold in split.folds for patient in fold.validation})
        words = f"in {len(split.folds)} folds, {len(split.test)} locked away for the test"
        return Tile("Validation patients", str(count), words)
    words = f"{len(split.train)} for training, {len(split.test)} locked away for the test"
    return Tile("Validation patients", str(len(split.validation)), words)
