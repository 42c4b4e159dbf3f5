"""The trials that the test patients are opened for: the best setting of each architecture, with weights that are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.ranking import best_by_architecture, settings
from results.records import Sweep, TrialRecord
from sweeps.errors import SweepError, UsageError
from sweeps.executor.scoring import ScoringJob
from sweeps.folder import SweepFolder


@dataclass(frozen=True, slots=True)
class Candidates:
    """Trials that can be scored, and why the others cannot.

    Attributes:
        jobs: one a trial whose weights are whole.
        unusable: why not, by trial.
    """

    jobs: tuple[ScoringJob, ...]
    unusable: dict[str, str]


def selected_trials(sweep: Sweep) -> tuple[TrialRecord, ...]:
    """The best setting of each architecture, best architecture first, each with everything that repeats it."""
    found = settings(sweep.trials)
    best = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    return tuple(trial for first in best.values() if first is not None for trial in found[first.uid].trials)


def find_weights(folder: SweepFolder, trials: Sequence[TrialRecord]) -> Candidates:
    """Look for every trial's weights and check each file against its digest. Reads no scan and loads no network."""
    jobs, unusable = [], {}
    for trial in trials:
        found = _job(folder, trial)
        if isinstance(found, str):
            unusable[trial.uid] = found
        else:
            jobs.append(found)
    return Candidates(tuple(jobs), unusable)


def _job(folder: SweepFolder, trial: TrialRecord) -> ScoringJob | str:
    from liverseg.errors import LiversegError
    from liverseg.training.state_file import verify_checkpoint

    if trial.weights is None:
        return "its weights were not kept"
    path = folder.inside(folder.path / trial.weights.path)
    folder.fetch(f"{trial.weights.path}/")
    if not path.is_dir():
        return "its weights are no longer there"
    try:
        state = verify_checkpoint(path)
        if state.digest != trial.weights.sha256:
            return "its weights are not those that the ledger names"
        size_px, store = _size(state.values), folder.ferry.uri
        return ScoringJob(trial.uid, folder.trial(trial.uid).resolve(), path.resolve(), size_px, store)
    except LiversegError as error:
        return f"its weights cannot be used ({error.got or error.what})"


def _size(values: object) -> int:
    """The side of the network's input, as the checkpoint says.

    Raises:
        ConfigError: it says nothing that makes sense.
    """
    from liverseg.config import TrainConfig
    from liverseg.errors import ConfigError

    try:
        return int(TrainConfig(architecture="", parameters=values["parameters"]).get("size"))  # type: ignore[index]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError("the checkpoint does not say how large the network's input is") from error


def check_all_usable(folder: SweepFolder, found: Candidates) -> None:
    """Refuse an opening in which a selected trial could not be scored.

    Raises:
        SweepError: says which, why, and what can be done.
    """
    if not found.unusable:
        return
    lines = [f"  {uid}: {why}" for uid, why in found.unusable.items()]
    text = "\n".join((f"{folder.name}: the test patients stay locked: not every selected trial can be scored", *lines))
    step = "put the weights back from a copy, or run the sweep again under another name with --set keep.best=all"
    raise SweepError(f"{text}\n{step}")


def check_any(folder: SweepFolder, trials: Sequence[TrialRecord]) -> None:
    """Refuse to open the test patients for nothing.

    Raises:
        UsageError: no trial finished with a score.
    """
    if not trials:
        raise UsageError(
            "no trial finished with a score, so there is nothing to test",
            where=folder.name,
            next_step=f"see what went wrong: liversweep show {folder.name}",
        )
