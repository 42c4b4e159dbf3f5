"""Ray Tune's question whether a trial goes on, answered by the driver, who hears here how every trial ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from sweeps.executor.adapter import Adapter, Failing
from sweeps.executor.death import UNREACHED, Losses, cause_of_death, seconds_in_attempt, signed_worker
from sweeps.executor.ended import Ended
from sweeps.executor.gathering import gather_records
from sweeps.executor.routes import Routes
from sweeps.executor.searcher import DriverSearcher
from sweeps.executor.watch import kill_worker
from sweeps.search.driver import Driver


class DriverScheduler(Adapter, FIFOScheduler):
    """Asks the driver after every epoch whether the trial goes on, and tells it how trials end."""

    def __init__(
        self, driver: Driver, searcher: DriverSearcher, routes: Routes, failing: Failing, ended: Ended
    ) -> None:
        super().__init__()
        self._driver, self._searcher, self._routes = driver, searcher, routes
        self._failing, self._ended = failing, ended
        self._losses = Losses()
        self._pending: deque[Any] = deque()

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Remember who waits for a worker: Tune's own way is to go through all trials at every turn."""
        self._pending.append(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The trial that has waited longest; None when none waits. No trial of ours is ever paused or begun again."""
        while self._pending and self._pending[0].status != self._pending[0].PENDING:
            self._pending.popleft()
        return self._pending[0] if self._pending else None

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Continue or stop."""
        with self._failing.guarded():
            stop = self._driver.epoch(self._searcher.uids[trial.trial_id], unflatten_checkpoint(result))
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> None:
        """The trial said it was done, or was stopped by our decision."""
        self._ended.add(tune_controller, trial)
        self._routes.freed(result)
        uid, plain = self._searcher.uids[trial.trial_id], unflatten_checkpoint(result)
        with self._failing.guarded():
            if plain.get("stopped") or plain.get("disk_full"):
                self._driver.paused(uid, plain)
                return
            if plain.get("last"):
                self._driver.epoch(uid, plain)
            self._driver.ended(uid)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """The worker died or raised."""
        self._ended.add(tune_controller, trial)
        self._routes.freed(None)
        uid = self._searcher.uids[trial.trial_id]
        with self._failing.guarded():
            folder, attempt = self._driver.folder.trial(uid), self._driver.launch(uid).attempt
            gather_records(self._driver.folder, uid, attempt)
            death = cause_of_death(folder, attempt, trial.error_text)
            if death.disk:
                self._driver.paused(uid, {"disk_full": True, "message": death.disk})
                return
            worker, seconds = signed_worker(folder, attempt), seconds_in_attempt(folder, attempt)
            if death.blameless == UNREACHED and worker is not None:
                kill_worker(worker)  # it may be alive, and two must not write into one folder
            death = self._losses.judge(uid, death, self._driver.standing.open[uid].epochs)
            self._driver.ended(uid, error=death.message, kind=death.kind, blameless=death.blameless, seconds=seconds)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """The trial was dropped before it started."""
        self._ended.add(tune_controller, trial)
        with self._failing.guarded():
            self._driver.ended(self._searcher.uids[trial.trial_id], error="dropped before it started")


def unflatten_checkpoint(result: Mapping[str, Any]) -> dict[str, Any]:
    """Tune flattens nested results with `/`; this puts the checkpoint back together."""
    plain = dict(result)
    parts = {key.partition("/")[2]: plain.pop(key) for key in list(plain) if key.startswith("checkpoint/")}
    if parts:
        plain["checkpoint"] = parts
    return plain
