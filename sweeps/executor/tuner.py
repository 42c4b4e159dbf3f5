"""Ray Tune as the executor of a driver: three thin adapters and the call that runs them.

Tune starts, feeds and stops workers. It decides nothing: what to try and when to stop comes from the driver, and what came
of a trial is read from the trial's own records. So Tune's state on disk is disposable.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.tune import Callback, CheckpointConfig, RunConfig, TuneConfig
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from cluster.config import Slots
from sweeps.executor.trial import Trial, TrialSetting
from sweeps.search.driver import DONE, WAIT, Driver

TUNE_SETTINGS = {
    # Tune's own CSV, JSON and TensorBoard writers cost a third of the driver's time; the ledger and the trials' own
    # records hold all of it.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C reaches the driver, which stops trials and closes the ledger itself.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    # Nobody reads Tune's snapshot; one an hour is the rarest that costs nothing.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_V2_ENABLED": "0",
}


DIED = "the worker process died without a word: killed by the system, most often for want of memory"


class _Adapter:
    """Tune writes pickles of its parts to disk; of ours they hold nothing, since nobody is ever to read them back."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class DriverSearcher(_Adapter, Searcher):
    """Hands the driver's proposals to Tune and remembers which Tune trial is which."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(metric=None, mode=None)
        self._driver = driver
        self.uids: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config, None to be asked again, or the end mark."""
        proposal = self._driver.next()
        if proposal == WAIT:
            return None
        if isinstance(proposal, str):
            assert proposal == DONE
            return Searcher.FINISHED
        self.uids[trial_id] = proposal.uid
        return {
            "trial": {
                "uid": proposal.uid,
                "architecture": proposal.architecture,
                "parameters": dict(proposal.parameters),
                "seed": proposal.seed,
            }
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: the scheduler's hooks tell the driver."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger holds all that this object knows."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class DriverScheduler(_Adapter, FIFOScheduler):
    """Asks the driver after every epoch whether the trial goes on, and tells it how trials end."""

    def __init__(self, driver: Driver, searcher: DriverSearcher) -> None:
        super().__init__()
        self._driver, self._searcher = driver, searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Continue or stop."""
        stop = self._driver.epoch(self._searcher.uids[trial.trial_id], unflatten_checkpoint(result))
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> None:
        """The trial said it was done, or was stopped by our decision."""
        uid = self._searcher.uids[trial.trial_id]
        if result.get("last"):
            self._driver.epoch(uid, unflatten_checkpoint(result))
        self._driver.ended(uid)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """The worker died or raised."""
        self._driver.ended(self._searcher.uids[trial.trial_id], error=DIED)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """The trial was dropped before it started."""
        self._driver.ended(self._searcher.uids[trial.trial_id], error="dropped before it started")


class StartCallback(_Adapter, Callback):
    """Tells the driver when a worker begins a trial."""

    def __init__(self, driver: Driver, searcher: DriverSearcher) -> None:
        self._driver, self._searcher = driver, searcher

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has begun."""
        self._driver.started(self._searcher.uids[trial.trial_id])


def run_trials(driver: Driver, setting: TrialSetting, slots: Slots) -> None:
    """Run the driver's trials on the Ray that this process is connected to, until it has no more.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    # Without this Tune starts one worker after another.
    os.environ.update({**TUNE_SETTINGS, "TUNE_MAX_PENDING_TRIALS_PG": str(slots.count)})
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    searcher = DriverSearcher(driver)
    resources = {"CPU": slots.cpus, **({"GPU": slots.gpus} if slots.gpus else {})}
    trainable = tune.with_resources(tune.with_parameters(Trial, setting=setting), resources)
    tune.Tuner(
        trainable,
        tune_config=TuneConfig(
            search_alg=searcher,
            scheduler=DriverScheduler(driver, searcher),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["trial"]["uid"]),
            trial_dirname_creator=lambda trial: str(trial.config["trial"]["uid"]),
        ),
        run_config=RunConfig(
            name="run-001",
            storage_path=str(driver.folder.tune.resolve()),
            callbacks=[StartCallback(driver, searcher)],
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    ).fit()


def unflatten_checkpoint(result: Mapping[str, Any]) -> dict[str, Any]:
    """Tune flattens nested results with `/`; this puts the checkpoint back together."""
    plain = dict(result)
    if "checkpoint/path" in plain:
        plain["checkpoint"] = {"path": plain.pop("checkpoint/path"), "sha256": plain.pop("checkpoint/sha256")}
    return plain
