"""The few figures that stand on top of a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from results.columns import MISSING, column
from results.ranking import best_trial
from results.records import Sweep, TrialRecord
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
    found = [
        _score(sweep, best),
        *([_labels(sweep, best)] if best is not None else []),
        _trials(sweep),
        _patients(sweep),
    ]
    return tuple(Tile(*map(printable, (tile.name, tile.figure, tile.words))) for tile in found)


def _score(sweep: Sweep, best: TrialRecord | None) -> Tile:
    objective = sweep.sweep.objective
    shown = column(objective.metric)
    name = f"{'Highest' if objective.direction == 'maximize' else 'Lowest'} {shown.title}"
    if best is None:
        return Tile(name, MISSING, "no trial has finished")
    return Tile(name, shown.text(best.metric(objective.metric)), f"{best.architecture}, trial {best.number}")


def _labels(sweep: Sweep, best: TrialRecord) -> Tile:
    labels = sweep.sweep.labels
    means = [column(f"dice_{label}_mean").text(best.metric(f"dice_{label}_mean")) for label in labels]
    deviations = [column(f"dice_{label}_sd").text(best.metric(f"dice_{label}_sd")) for label in labels]
    words = f"SD between patients {' / '.join(deviations)}"
    return Tile(f"Its Dice {' / '.join(labels)}", " / ".join(means), words)


def _trials(sweep: Sweep) -> Tile:
    states = Counter(trial.state for trial in sweep.trials)
    others = [f"{count} {state}" for state, count in sorted(states.items()) if state != "finished"]
    return Tile("Trials finished", f"{states['finished']} of {sweep.sweep.trials}", ", ".join(others) or "none failed")


def _patients(sweep: Sweep) -> Tile:
    split = sweep.sweep.split
    words = f"{len(split.train)} for training, {len(split.test)} locked away for the test"
    return Tile("Validation patients", str(len(split.validation)), words)
