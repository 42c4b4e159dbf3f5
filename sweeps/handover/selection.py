"""Which trials of a sweep become a model, and where their weights are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from results.ranking import best_trials
from results.records import Sweep, TrialRecord
from results.text import printable
from sweeps.candidates import find_weights
from sweeps.errors import SweepError, UsageError
from sweeps.folder import SweepFolder

MOST_MEMBERS = 20


@dataclass(frozen=True, slots=True)
class ChosenTrial:
    """A trial with whole weights.

    Attributes:
        trial: what the ledger says of it.
        checkpoint: folder of its weights.
    """

    trial: TrialRecord
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Choice:
    """Trials for a model, the best first, and what has to be said of the choice."""

    trials: tuple[ChosenTrial, ...]
    notes: tuple[str, ...] = ()


def choose_trials(folder: SweepFolder, sweep: Sweep, *, trial: str | None = None, top: int = 1) -> Choice:
    """The trial asked for, or the best `top` of the ranking whose weights were kept.

    Args:
        folder: of the sweep.
        sweep: what its ledger says.
        trial: uid of a trial, or its first part (`t0003`).
        top: how many; not used with `trial`.

    Raises:
        UsageError: no such trial, none that can be ranked, or fewer than two for an ensemble.
        SweepError: the weights of the trial that was asked for are gone or damaged.
    """
    if not 1 <= top <= MOST_MEMBERS:
        raise UsageError("impossible number of networks", where="--top", got=top, allowed=f"1 to {MOST_MEMBERS}")
    if trial is not None:
        return Choice((_whole(folder, _named(folder, sweep, trial)),))
    ranked = best_trials(sweep)
    if not ranked:
        raise UsageError(
            "no trial finished with a score, so there is no model to export",
            where=folder.name,
            next_step=f"see what went wrong: liversweep show {folder.call}",
        )
    if top == 1:
        return Choice((_whole(folder, ranked[0]),))
    return _best(folder, ranked, top)


def _named(folder: SweepFolder, sweep: Sweep, name: str) -> TrialRecord:
    found = [item for item in sweep.trials if item.uid == name or item.uid.split("-")[0] == name]
    if not found:
        known = ", ".join(item.uid for item in best_trials(sweep, 10)) or "none that finished"
        raise UsageError("no such trial", where=folder.name, got=printable(name), allowed=known)
    if found[0].state not in ("finished", "pruned"):
        raise UsageError(
            "the trial has not finished, so it has no best epoch",
            where=found[0].uid,
            got=found[0].state,
            next_step=f"choose another: liversweep show {folder.call}",
        )
    return found[0]


def _whole(folder: SweepFolder, trial: TrialRecord) -> ChosenTrial:
    found = find_weights(folder, [trial])
    if found.unusable:
        raise SweepError(
            f"trial {trial.uid} cannot be exported: {found.unusable[trial.uid]}",
            where=folder.name,
            next_step="choose another with --trial, or keep more weights in the next sweep: --set keep.best=all",
        )
    return ChosenTrial(trial, found.jobs[0].weights)


def _best(folder: SweepFolder, ranked: Sequence[TrialRecord], top: int) -> Choice:
    """The best trials of the fold of the best one: a member of another fold has learned from these validation patients."""
    same = [trial for trial in ranked if trial.fold == ranked[0].fold]
    found = find_weights(folder, same)
    where = {job.uid: job.weights for job in found.jobs}
    chosen = [ChosenTrial(trial, where[trial.uid]) for trial in same if trial.uid in where][:top]
    if len(chosen) < 2:
        raise UsageError(
            "an ensemble needs two trials whose weights were kept",
            where=folder.name,
            got=", ".join(item.trial.uid for item in chosen) or "none",
            next_step="export the best alone: --best; or keep more in the next sweep: --set keep.best=all",
        )
    before = [trial.uid for trial in same[: same.index(chosen[-1].trial)] if trial.uid not in where]
    notes = [f"left out: {', '.join(before)}, whose weights were not kept"] if before else []
    if len(chosen) < top:
        notes.append(f"the ensemble has {len(chosen)} networks: of no more trials are there whole weights")
    return Choice(tuple(chosen), tuple(notes))
