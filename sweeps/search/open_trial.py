"""A trial between its suggestion and its end, and what is noted of the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweeps.search.plan import Proposal


@dataclass(frozen=True, slots=True)
class End:
    """How a setting ended (with the mean over its trials, where those belong to the search), or a repetition of one.

    Attributes:
        uid: of the trial.
        state: how it ended.
        values: with a score, the objectives.
        replicate_of: see `Proposal`.
    """

    uid: str
    state: str
    values: tuple[float, ...]
    replicate_of: str = ""


@dataclass(slots=True)
class OpenTrial:
    """A trial that was suggested and has not ended.

    Attributes:
        attempt: how often it was started.
        running: whether a worker has it.
        parked: whether the ledger's last word of it is `stopped`.
        again: it failed and is to be tried again; its end records on disk are those of the failure.
        epochs: the last epoch that the search was told of.
        reports: the first objective after each of those epochs.
        written: how many of those the ledger holds.
        stop_early: what the pruner said after the last of them.
    """

    proposal: Proposal
    attempt: int = 0
    running: bool = False
    parked: bool = False
    again: bool = False
    epochs: int = 0
    reports: list[float] = field(default_factory=list)
    written: int = 0
    stop_early: bool = False

    @property
    def unwritten(self) -> list[float]:
        """Reports that the ledger does not hold yet."""
        return self.reports[self.written :]
