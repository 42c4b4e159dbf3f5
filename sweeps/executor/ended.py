"""Lets Ray Tune forget trials that have ended: it would keep them all, and go through all of them at every turn.

What Ray Tune 2.60 does with an ended trial, found by reading `TuneController` and by measuring:

- It stays in `_trials`, which `FIFOScheduler.choose_trial_to_run` goes through up to twice a turn: time that grows with
  the number of trials. `DriverScheduler` has a queue of its own instead.
- A failed one stays in `_live_trials`, which `is_finished` goes through at every turn.
- It stays in `_stopped_trials` or `_failed_trials`, with its configuration, storage, last result and statistics of every
  metric: tens of kilobytes. Snapshots hold all of it again as text, in `_trial_metadata`.
- `TrialProgressCallback`, which is there at any verbosity, keeps it as well; `sweeps.executor.tuner` puts another in its
  place.
- When the run ends, its folder is searched for results, which are not there.
- It leaves an empty folder among the driver's files in Ray's own folder; `sweeps.executor.tune_trial` makes none.

Nothing of that is ever read: the ledger and the trial's own records hold what is known of it. Running Tune in rounds would
be free of it too, but each round would start all worker processes anew.
"""

from __future__ import annotations

from collections import deque
from typing import Any

KEPT = 1
"""Ended trials that Tune keeps. With none at the end it would look for some in its snapshot, which is a pickle."""


class Ended:
    """Collects trials as they end and removes them from Tune's controller once it has done with them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Any]] = deque()

    def add(self, controller: Any, trial: Any) -> None:
        """The scheduler was told that the trial ends; Tune still has things to do with it in this turn."""
        self._waiting.append((controller, trial))

    def forget(self) -> list[str]:
        """Between two turns: remove all but the last `KEPT`; Tune's names of those removed."""
        gone = []
        while len(self._waiting) > KEPT and self._waiting[0][1].is_finished():
            controller, trial = self._waiting.popleft()
            _remove(controller, trial)
            gone.append(str(trial.trial_id))
        return gone


def _remove(controller: Any, trial: Any) -> None:
    controller._trials.remove(trial)
    if trial in controller._staged_trials:
        # Its worker failed while it was being handed over: Tune would wait for a worker for it to the end.
        controller._unstage_trial_with_resources(trial)
    for name in ("_live_trials", "_stopped_trials", "_failed_trials", "_resetting_trials", "_trials_to_cache"):
        getattr(controller, name).discard(trial)
    controller._trial_metadata.pop(trial.trial_id, None)
