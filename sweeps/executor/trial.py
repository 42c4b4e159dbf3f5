"""One trial on a Ray worker: a training run, one epoch a step, with its records on disk before every report.

The worker process is kept for the next trial (starting Python and TensorFlow anew costs more than a short training), but
never after a failure.
"""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import ObjectRef, tune

from sweeps import trial_files

if TYPE_CHECKING:
    from liverseg.inference.pictures import PictureChoice
    from liverseg.preprocess import Pack


@dataclass(frozen=True, slots=True)
class TrialSetting:
    """What all trials of a sweep share.

    Attributes:
        trials_folder: absolute path of `runs/<name>/trials`.
        packs: prepared slices by `(split, size_px)`, as references: they are read where they lie.
        pictures: validation slices to draw, the same for every trial.
        labels, epochs, updates, early_stopping, deadline_s, threads: see `liverseg.config.TrainConfig`.
    """

    trials_folder: str
    packs: Mapping[tuple[str, int], ObjectRef[Pack]]
    pictures: tuple[PictureChoice, ...]
    labels: tuple[str, ...]
    epochs: int
    updates: int | None
    early_stopping: int | None
    deadline_s: float | None
    threads: int


class Trial(tune.Trainable):
    """Ray Tune's view of a trial. Its config is `{"trial": <params.json's payload>}`."""

    def setup(self, config: dict[str, Any], setting: TrialSetting | None = None) -> None:
        """Take up the first trial; everything that can fail waits for the first step."""
        assert setting is not None
        self._setting = setting
        self._session: TrialSession | None = None
        self._open(config)

    def step(self) -> dict[str, Any]:
        """One epoch, or the failure that ends the trial."""
        if self._session is None:
            self._session = TrialSession(self._payload, self._setting)
        return self._session.epoch()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next trial in this same process."""
        self._open(new_config)
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a trial keeps its own checkpoint in its own folder."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

    def cleanup(self) -> None:
        """Let go of the training."""
        self._close()

    def _open(self, config: dict[str, Any]) -> None:
        self._close()
        self._payload: dict[str, Any] = dict(config["trial"])

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


class TrialSession:
    """The training of one trial in this process, from building the network to the final record."""

    def __init__(self, payload: Mapping[str, Any], setting: TrialSetting) -> None:
        self.folder = Path(setting.trials_folder) / payload["uid"]
        self.payload, self.setting = payload, setting
        self.began = time.monotonic()
        self.run: Any = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = _file_log(payload["uid"], self.folder / "log.txt")

    def epoch(self) -> dict[str, Any]:
        """Train and validate one epoch and write the records; the result is what the driver sees.

        Raises:
            Exception: whatever ended the trial, after `failed.json` says so in one line.
        """
        try:
            with self._captured():
                return self._epoch()
        except Exception as error:
            self._fail(error)
            raise

    def close(self) -> None:
        """Free the network and close the log."""
        if self.run is not None:
            from liverseg.training.device import release_models

            self.run = None
            release_models()
        for handler in list(self._log.handlers):
            self._log.removeHandler(handler)
            handler.close()

    def _epoch(self) -> dict[str, Any]:
        if self.run is None:
            self.run = self._build()
        record = self.run.run_epoch()
        self._log.info(
            "epoch %d: loss %.5f, val_dice %.4f, %.1f s", record.epoch, record.loss, record.val_dice, record.seconds
        )
        checkpoint = self._keep(record)
        final = self.run.final_record()
        trial_files.write_record(self.folder, trial_files.LATEST, final)
        if self.run.finished:
            trial_files.write_record(self.folder, trial_files.FINAL, final)
        numbers = {name: getattr(record, name) for name in ("epoch", "updates", "loss", "learning_rate", "seconds")}
        return {
            **trial_files.finite({**record.metrics, **numbers}),
            "checkpoint": checkpoint,
            "last": self.run.finished,
            "done": self.run.finished,
        }

    def _keep(self, record: Any) -> dict[str, str] | None:
        """Write the epoch's row and, if it is the best so far, its weights, scores and pictures.

        Returns:
            The checkpoint's path below the sweep's folder and its digest; None when the epoch is not the best.
        """
        from liverseg.inference.pictures import write_pictures
        from liverseg.training.record import append_history, write_cases
        from liverseg.training.weights import write_best

        append_history(self.folder / "history.csv", record)
        best = self.run.best
        if best.record.epoch != record.epoch:
            return None
        write_cases(self.folder / "cases.parquet", best.cases)
        write_pictures(self.folder / "pictures.npz", best.pictures)
        digest = write_best(self.folder / "checkpoint", self.run.config, self.run.window, best)
        return {"path": f"trials/{self.payload['uid']}/checkpoint", "sha256": digest}

    def _build(self) -> Any:
        import ray

        from liverseg.config import TrainConfig
        from liverseg.training.device import pin_threads
        from liverseg.training.loop import TrainingRun
        from sweeps.spec.space import split_parameters

        setting = self.setting
        options, parameters = split_parameters(self.payload["architecture"], self.payload["parameters"])
        pin_threads(setting.threads)
        config = TrainConfig(
            architecture=self.payload["architecture"],
            options=options,
            parameters=parameters,
            labels=setting.labels,
            epochs=setting.epochs,
            updates=setting.updates,
            early_stopping=setting.early_stopping,
            seed=self.payload["seed"],
            deadline_s=setting.deadline_s,
            threads=setting.threads,
        )
        size = config.get("size")
        train, validation = ray.get([setting.packs["train", size], setting.packs["validation", size]])
        self._log.info("%s", config)
        return TrainingRun(config, train, validation, pictures=setting.pictures)

    def _fail(self, error: Exception) -> None:
        self._log.error("%s", "".join(traceback.format_exception(error)))
        epochs = len(self.run.history) if self.run is not None else 0
        seconds = time.monotonic() - self.began
        trial_files.write_failure(
            self.folder, failure_kind(error), str(error) or repr(error), epochs=epochs, seconds=seconds
        )

    @contextlib.contextmanager
    def _captured(self) -> Iterator[None]:
        """Send what the training prints to the trial's log."""
        stream = _LogStream(self._log)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield


class _LogStream:
    """A text stream whose lines go to a logger."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def write(self, text: str) -> int:
        if text.strip():
            self._log.info("%s", text.rstrip())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def failure_kind(error: BaseException) -> str:
    """One of oom, nan, invalid, timeout, crash, data."""
    from liverseg.errors import ConfigError, DataError, TrainingError

    if isinstance(error, TrainingError):
        return error.kind
    if isinstance(error, ConfigError):
        return "invalid"
    if isinstance(error, DataError):
        return "data"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "oom"
    return "crash"


def _file_log(uid: str, path: Path) -> logging.Logger:
    log = logging.getLogger(f"liversweep.trial.{uid}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log
