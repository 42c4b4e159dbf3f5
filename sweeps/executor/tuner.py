"""Ray Tune as the executor of a driver: the call that runs it, and who looks around at every turn of its loop.

Tune starts, feeds and stops workers. It decides nothing: what to try and when to stop comes from the driver, and what came
of a trial is read from the trial's own records. So Tune's state on disk is disposable.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.tune import Callback, CheckpointConfig, RunConfig, TuneConfig
from ray.tune.progress_reporter import TrialProgressCallback

from cluster.config import Slots
from cluster.quiet import keep_stdout_for_data
from sweeps.executor.adapter import Adapter, Failing
from sweeps.executor.ended import Ended
from sweeps.executor.routes import Routes
from sweeps.executor.scheduler import DriverScheduler
from sweeps.executor.searcher import DriverSearcher
from sweeps.executor.setting import TrialSetting
from sweeps.executor.trial import Trial
from sweeps.executor.watch import Watch
from sweeps.search.driver import Driver

TUNE_SETTINGS = {
    # Tune's own CSV, JSON and TensorBoard writers cost a third of the driver's time; the ledger and the trials' own
    # records hold all of it.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C reaches the driver, which stops trials and closes the ledger itself.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "1",
    # The driver looks for its objective itself.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # Nobody reads Tune's snapshot; one an hour is the rarest that costs nothing.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_V2_ENABLED": "0",
}

LOOK_S = 0.1
"""Between two looks around."""


class LoopCallback(Adapter, Callback):
    """Tells the driver when a worker begins a trial, and looks around at every turn of Tune's loop."""

    def __init__(
        self,
        driver: Driver,
        searcher: DriverSearcher,
        failing: Failing,
        ended: Ended,
        look: Callable[[], None],
    ) -> None:
        self._driver, self._searcher, self._failing = driver, searcher, failing
        self._ended, self._look = ended, look
        self._looked = -math.inf

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has begun."""
        with self._failing.guarded():
            self._driver.started(self._searcher.uids[trial.trial_id])

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """A turn of the loop: several a second, with short trials several hundred."""
        for trial_id in self._ended.forget():
            self._searcher.uids.pop(trial_id, None)
        if time.monotonic() - self._looked < LOOK_S:
            return
        with self._failing.guarded():
            self._look()
        self._looked = time.monotonic()


class _Silence(Adapter, TrialProgressCallback):
    """In the place of Tune's own reporter of progress, which keeps every trial with its results for as long as it runs."""

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Nothing."""

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Nothing."""

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Nothing."""


def run_trials(
    driver: Driver, setting: TrialSetting, slots: Slots, watch: Watch, ask_to_stop: Callable[[], None]
) -> None:
    """Run the driver's trials on the Ray that this process is connected to, until it has no more.

    Args:
        driver: decides.
        setting: what all trials share.
        slots: trials at once, and what each gets.
        watch: ends workers that hang.
        ask_to_stop: called when somebody else asks the sweep to stop.

    Raises:
        KeyboardInterrupt: a signal.
        LedgerError, SweepError, OSError: what kept the driver from going on.
        Exception: what kept Tune from going on.
    """
    # Without this Tune starts one worker after another.
    os.environ.update({**TUNE_SETTINGS, "TUNE_MAX_PENDING_TRIALS_PG": str(slots.count)})
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    keep_stdout_for_data()
    failing = Failing()

    def look() -> None:
        watch.look({uid: driver.launch(uid).attempt for uid in driver.running})
        if not driver.interrupted and driver.folder.stop.exists():
            ask_to_stop()

    try:
        with _any_error_ends_one_worker():
            _tuner(driver, setting, slots, failing, look).fit()
    except (KeyboardInterrupt, Exception) as error:
        # Tune may have stumbled again on its way out; what stopped the driver came first.
        if failing.error is not None and failing.error is not error:
            raise failing.error from failing.error.__cause__
        raise
    if failing.error is not None:
        raise failing.error


@contextmanager
def _any_error_ends_one_worker() -> Iterator[None]:
    """Within the block every error of Ray about a trial's call is that trial's business.

    Tune 2.60 ends the whole run when it gets one that it does not expect: the memory monitor's, for one.
    """
    from ray.air.execution._internal import actor_manager
    from ray.exceptions import RayActorError, RayError, RayTaskError

    manager: Any = actor_manager.RayActorManager
    theirs = manager._actor_task_failed

    def failed(self: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, (RayActorError, RayTaskError)):
            exception = RayActorError(error_msg=str(exception))
        theirs(self, tracked_actor_task, exception)

    manager._actor_task_failed = failed
    try:
        yield
    finally:
        manager._actor_task_failed = theirs


def _tuner(
    driver: Driver, setting: TrialSetting, slots: Slots, failing: Failing, look: Callable[[], None]
) -> tune.Tuner:
    routes, ended = Routes(setting), Ended()
    searcher = DriverSearcher(driver, routes, failing)
    resources = {"CPU": slots.cpus, **({"GPU": slots.gpus} if slots.gpus else {})}
    trainable = tune.with_resources(tune.with_parameters(Trial, setting=setting), resources)
    shutil.rmtree(driver.folder.tune, ignore_errors=True)
    return tune.Tuner(
        trainable,
        tune_config=TuneConfig(
            search_alg=searcher,
            scheduler=DriverScheduler(driver, searcher, routes, failing, ended),
            num_samples=-1,
            reuse_actors=True,
        ),
        run_config=RunConfig(
            name="run-001",
            storage_path=str(driver.folder.tune.resolve()),
            callbacks=[LoopCallback(driver, searcher, failing, ended, look), _Silence()],
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )
