"""Ray Tune's question for the next trial, answered by the driver."""

from __future__ import annotations

from typing import Any

from ray.tune.search.search_algorithm import SearchAlgorithm

from sweeps.executor.adapter import Adapter, Failing
from sweeps.executor.routes import Routes
from sweeps.executor.tune_trial import Job, TuneTrial
from sweeps.search.driver import DONE, WAIT, Driver


class DriverSearcher(Adapter, SearchAlgorithm):
    """Hands the driver's proposals to Tune as trials and remembers which Tune trial is which."""

    def __init__(self, driver: Driver, routes: Routes, failing: Failing) -> None:
        self._driver, self._routes, self._failing = driver, routes, failing
        self._job: Job | None = None
        self.uids: dict[str, str] = {}

    def add_configurations(self, experiments: Any) -> None:
        """Tune says once what all trials have in common."""
        (experiment,) = experiments
        self._job = Job.of(experiment.spec)

    def next_trial(self) -> TuneTrial | None:
        """The next trial; None when none may start now, or, with `is_finished`, when none ever will."""
        with self._failing.guarded():
            proposal = DONE if self._finished else self._driver.next(self._routes)
        if isinstance(proposal, str):
            assert proposal in (WAIT, DONE)
            self._finished = proposal == DONE
            return None
        self._routes.taken()
        assert self._job is not None
        payload = self._driver.launch(proposal.uid).payload()
        # A trial that went back to the queue appears a second time.
        trial = TuneTrial(self._job, f"{proposal.uid}.{payload['attempt']}", {"trial": payload})
        self.uids[trial.trial_id] = proposal.uid
        return trial
