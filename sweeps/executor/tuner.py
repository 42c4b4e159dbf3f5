"""Ray Tune as the executor of a driver: three thin adapters and the call that runs them.

Tune starts, feeds and stops workers. It decides nothing: what to try and when to stop comes from the driver, and what came
of a trial is read from the trial's own records. So Tune's state on disk is disposable.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.tune import Callback, CheckpointConfig, RunConfig, TuneConfig
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from cluster.config import Slots
from results.errors import ResultsError
from sweeps.errors import SweepError
from sweeps.executor.death import UNREACHED, Losses, cause_of_death, seconds_in_attempt, signed_worker
from sweeps.executor.ended import Ended
from sweeps.executor.gathering import gather_records
from sweeps.executor.routes import Routes
from sweeps.executor.setting import TrialSetting
from sweeps.executor.trial import Trial
from sweeps.executor.watch import Watch, kill_worker
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


class _Adapter:
    """Tune writes pickles of its parts to disk; of ours they hold nothing, since nobody is ever to read them back."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Failing:
    """Remembers what kept the driver from going on, which Tune would wrap or swallow, and ends Tune's loop."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """The ledger could not be written, or the search cannot go on: nothing more is to be decided."""
        try:
            yield
        except (ResultsError, SweepError, OSError) as error:
            self.error = self.error or error
            raise KeyboardInterrupt from error


class DriverSearcher(_Adapter, Searcher):
    """Hands the driver's proposals to Tune and remembers which Tune trial is which."""

    def __init__(self, driver: Driver, routes: Routes, failing: _Failing) -> None:
        super().__init__(metric=None, mode=None)
        self._driver, self._routes, self._failing = driver, routes, failing
        self.uids: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """The next trial's config, None to be asked again, or the end mark."""
        with self._failing.guarded():
            proposal = self._driver.next(self._routes)
        if proposal == WAIT:
            return None
        if isinstance(proposal, str):
            assert proposal == DONE
            return Searcher.FINISHED
        self._routes.taken()
        self.uids[trial_id] = proposal.uid
        return {"trial": self._driver.launch(proposal.uid).payload()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: the scheduler's hooks tell the driver."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger holds all that this object knows."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""


class DriverScheduler(_Adapter, FIFOScheduler):
    """Asks the driver after every epoch whether the trial goes on, and tells it how trials end."""

    def __init__(
        self, driver: Driver, searcher: DriverSearcher, routes: Routes, failing: _Failing, ended: Ended
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
            death = cause_of_death(folder, attempt, trial.error_file)
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


class LoopCallback(_Adapter, Callback):
    """Tells the driver when a worker begins a trial, and looks around at every turn of Tune's loop."""

    def __init__(
        self,
        driver: Driver,
        searcher: DriverSearcher,
        failing: _Failing,
        ended: Ended,
        look: Callable[[], None],
    ) -> None:
        self._driver, self._searcher, self._failing = driver, searcher, failing
        self._ended, self._look = ended, look

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has begun."""
        with self._failing.guarded():
            self._driver.started(self._searcher.uids[trial.trial_id])

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """A turn of the loop, several a second."""
        for trial_id in self._ended.forget():
            self._searcher.uids.pop(trial_id, None)
        with self._failing.guarded():
            self._look()


class _Silence(_Adapter, TrialProgressCallback):
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
    _keep_stdout_clean()
    failing = _Failing()

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


def _keep_stdout_clean() -> None:
    """Ray tells of every worker that dies on stdout, in a paragraph, whatever `log_to_driver` says. The ledger has it all."""
    from ray._private import worker

    worker.print_to_stdstream = lambda data, ignore_prefix: None


def _tuner(
    driver: Driver, setting: TrialSetting, slots: Slots, failing: _Failing, look: Callable[[], None]
) -> tune.Tuner:
    routes, ended = Routes(setting), Ended()
    searcher = DriverSearcher(driver, routes, failing)
    resources = {"CPU": slots.cpus, **({"GPU": slots.gpus} if slots.gpus else {})}
    trainable = tune.with_resources(tune.with_parameters(Trial, setting=setting), resources)
    # A trial that went back to the queue appears a second time.
    title = "{uid}.{attempt}".format_map
    shutil.rmtree(driver.folder.tune, ignore_errors=True)
    return tune.Tuner(
        trainable,
        tune_config=TuneConfig(
            search_alg=searcher,
            scheduler=DriverScheduler(driver, searcher, routes, failing, ended),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: title(trial.config["trial"]),
            trial_dirname_creator=lambda trial: title(trial.config["trial"]),
        ),
        run_config=RunConfig(
            name="run-001",
            storage_path=str(driver.folder.tune.resolve()),
            callbacks=[LoopCallback(driver, searcher, failing, ended, look), _Silence()],
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )


def unflatten_checkpoint(result: Mapping[str, Any]) -> dict[str, Any]:
    """Tune flattens nested results with `/`; this puts the checkpoint back together."""
    plain = dict(result)
    parts = {key.partition("/")[2]: plain.pop(key) for key in list(plain) if key.startswith("checkpoint/")}
    if parts:
        plain["checkpoint"] = parts
    return plain
