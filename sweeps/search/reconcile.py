"""What a resume finds: the search as the ledger tells it, and what trials wrote that the ledger does not know yet.

A trial writes its records before it reports, and the driver dies whenever it dies. So a trial that is open in the ledger
may have finished, failed, or come further than its last `checkpoint` event says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.search.open_trial import OpenTrial
from sweeps.search.standing import Standing
from sweeps.search.states import State, newest_state


@dataclass(frozen=True, slots=True)
class Adoption:
    """An end that a trial reached without the ledger: `finished`, `pruned` or `failed`, with its record."""

    uid: str
    state: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a resume has to do.

    Attributes:
        kept: trials by end state, adopted ones included.
        adopted: ends to write to the ledger first.
        continued: open trials with a state, and from where each goes on, in words.
        queued: open trials that start from nothing.
        new: trials still to be suggested.
        longer: how many of those go on from ended trials.
    """

    kept: Mapping[str, int]
    adopted: tuple[Adoption, ...] = ()
    continued: tuple[tuple[str, str], ...] = ()
    queued: tuple[str, ...] = ()
    new: int = 0
    longer: int = 0
    states: Mapping[str, State] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be written and nothing to be run."""
        return not self.adopted and not self.work

    @property
    def work(self) -> int:
        """Trials to run."""
        return len(self.continued) + len(self.queued) + self.new

    def line(self) -> str:
        """One line for the user: kept, continued, queued, new."""
        ended = [f"{count} {state}" for state, count in self.kept.items() if count]
        adopted = f"; {len(self.adopted)} of them ended unnoticed" if self.adopted else ""
        parts = [f"{sum(self.kept.values())} kept" + (f" ({', '.join(ended)}{adopted})" if ended else "")]
        shown = ", ".join(f"{uid} from {place}" for uid, place in self.continued[:4])
        more = f" and {len(self.continued) - 4} more" if len(self.continued) > 4 else ""
        parts.append(f"{len(self.continued)} continued" + (f" ({shown}{more})" if shown else ""))
        parts.append(f"{len(self.queued)} queued")
        parts.append(f"{self.new} new" + (f" ({self.longer} of them longer trainings)" if self.longer else ""))
        return ", ".join(parts)


def reconcile(standing: Standing, folder: SweepFolder) -> Findings:
    """Look at every open trial's records; the standing is told of epochs that only the trial's state knows.

    Nothing is written. The standing keeps adopted trials open until the driver writes their end.
    """
    adopted: list[Adoption] = []
    states: dict[str, State] = {}
    for uid in list(standing.queue):
        trial = standing.open[uid]
        folder.fetch_states(uid)
        folder.fetch_records(uid)
        state = newest_state(folder.path, uid)
        end = _ended(folder, trial) or _should_have_ended(standing, folder, trial, state)
        if end is not None:
            adopted.append(end)
        elif state is not None:
            states[uid] = state
    left = [uid for uid in standing.queue if uid not in {end.uid for end in adopted}]
    kept = standing.counts
    for end in adopted:
        kept[end.state] += 1
    return Findings(
        kept={state: kept[state] for state in ("finished", "pruned", "failed")},
        adopted=tuple(adopted),
        continued=tuple((uid, states[uid].place) for uid in left if uid in states),
        queued=tuple(uid for uid in left if uid not in states),
        new=standing.left,
        longer=len(standing.longer),
        states=states,
    )


def _ended(folder: SweepFolder, trial: OpenTrial) -> Adoption | None:
    """The end that the trial wrote down itself."""
    if trial.again:
        return None
    uid = trial.proposal.uid
    failed = trial_files.read_record(folder.trial(uid), trial_files.FAILED)
    if failed is not None:
        return Adoption(uid, "failed", failed)
    final = trial_files.read_record(folder.trial(uid), trial_files.FINAL)
    return None if final is None else Adoption(uid, "finished", final)


def _should_have_ended(
    standing: Standing, folder: SweepFolder, trial: OpenTrial, state: State | None
) -> Adoption | None:
    """Tell the search what the trial's state knows more than the ledger; the pruned trial if the pruner now stops it."""
    uid = trial.proposal.uid
    reports = state.reports(standing.objectives[0].metric) if state else ()
    if not trial.proposal.continues:
        for epoch, value in enumerate(reports, start=1):
            standing.report(uid, epoch, value)
    if not trial.stop_early or trial.again:
        return None
    latest = trial_files.read_record(folder.trial(uid), trial_files.LATEST)
    # After its last epoch a trial is finished, whatever the pruner says.
    if latest is None or latest.get("epochs") != trial.epochs or latest.get("stop_reason"):
        return None
    return Adoption(uid, "pruned", {**latest, "stop_reason": f"pruned after epoch {trial.epochs}"})
