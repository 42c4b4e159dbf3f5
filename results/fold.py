"""From events to records: the ledger is folded, event by event, and every impossible step is refused with its line.

The life of a trial:

    suggested ──> queued ──started──> running ──> finished | pruned | failed | stopped
                    └───────────────────────────> (an end may be written without a start)
    running, stopped, failed ──queued──> queued    (tried again, or its node was lost)
    running, stopped, failed ──started─> running   (continued by a resume)
    stopped ────────> finished | pruned | failed   (a resume found that it had ended)

`finished` and `pruned` are final. `checkpoint` belongs to a trial that is not, `released` to any, `tested` to a finished one.

A sweep that was closed stays closed when its test patients are opened: the search does not go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from results.collector import paused_collector
from results.errors import LedgerError
from results.folding import Folding, refuse
from results.ledger_line import Event
from results.opening_events import OPENING_EVENTS
from results.records import Sweep, SweepRecord
from results.sweep_events import SWEEP_EVENTS
from results.time_sheet import TimeSheet
from results.trial_events import TRIAL_EVENTS

_HANDLERS: Mapping[str, Callable[[Folding, Event], None]] = {**SWEEP_EVENTS, **TRIAL_EVENTS, **OPENING_EVENTS}


def fold(events: Iterable[Event]) -> Sweep:
    """The sweep that the events tell of.

    Raises:
        LedgerError: names the line: no or a second `sweep` event, an unknown event or trial, a trial suggested twice, a
            second end state, or a payload that lacks what its event must have.
    """
    with paused_collector():
        ongoing = OngoingFold()
        for event in events:
            ongoing.take(event)
        return ongoing.sweep()


class OngoingFold:
    """A fold of a ledger that still grows. Its events are the same, and refused for the same reasons, as those of `fold`."""

    def __init__(self) -> None:
        self._folding = Folding()
        self._times = TimeSheet()
        self._last: Event | None = None
        self._closed = False

    def take(self, event: Event) -> None:
        """Take in the next event; raises `LedgerError` as `fold` does."""
        self._last = event
        _apply(self._folding, event, self._times)
        # Opening the test patients of a closed sweep does not let the search go on.
        if event.name not in OPENING_EVENTS:
            self._closed = event.name == "closed"

    @property
    def closed(self) -> str:
        """Why the sweep was closed; empty while it is open."""
        return str(self._folding.sweep["closed"]) if self._closed else ""

    def sweep(self) -> Sweep:
        """The sweep as it stands. Takes time in proportion to the number of trials; raises `LedgerError` without events."""
        folding, last = self._folding, self._last
        if last is None:
            raise LedgerError("the ledger is empty", next_step="delete the folder and run the sweep again")
        whole = folding.sweep | {
            "closed": self.closed,
            "updated": last.time,
            "extended": tuple(folding.extended),
            "inherited": tuple(folding.inherited.values()),
            "openings": tuple(folding.openings),
            "drives": tuple(self._times.drives),
        }
        trials = sorted((draft.freeze() for draft in folding.drafts.values()), key=lambda trial: trial.number)
        return Sweep(SweepRecord(**whole), tuple(trials))


def _apply(folding: Folding, event: Event, times: TimeSheet) -> None:
    handler = _HANDLERS.get(event.name)
    if handler is None:
        raise refuse(event, "the event is unknown", got=event.name, allowed=", ".join(_HANDLERS))
    if bool(folding.sweep) == (event.name == "sweep"):
        raise refuse(event, "a ledger begins with one `sweep` event", got=event.name)
    try:
        handler(folding, event)
        times.take(folding, event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"the `{event.name}` event lacks a part or has one of the wrong kind"
        raise refuse(event, what, got=f"{type(error).__name__}: {error}") from error
