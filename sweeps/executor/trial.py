"""Ray Tune's view of a trial: one epoch a step, in a worker process that is kept for the next trial.

Starting Python and TensorFlow anew costs more than a short training, so a worker is used again; but never after a
failure, and not when the trials before have left it with too little memory.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray import get_runtime_context, tune

from sweeps.errors import SweepError
from sweeps.executor.desk import say_unstarted
from sweeps.executor.memory import private_memory_bytes
from sweeps.executor.networks import relieve
from sweeps.executor.session import TrialSession
from sweeps.executor.setting import TrialSetting

__all__ = ["Trial", "TrialSetting"]

# A trial that begins with less than half of its memory free would be ended for what others left behind.
_USED_UP = 0.5


class Trial(tune.Trainable):
    """Ray Tune's view of a trial. Its config is `{"trial": payload}`, see `TrialSession`."""

    def setup(self, config: dict[str, Any], setting: TrialSetting | None = None) -> None:
        """Take up the first trial; everything that can fail waits for the first step."""
        assert setting is not None
        self._setting = setting
        self._session: TrialSession | None = None
        self._open(config)

    def step(self) -> dict[str, Any]:
        """One epoch, or the failure that ends the trial."""
        if self._session is None:
            self._session = TrialSession(self._payload, self._setting, node_id=get_runtime_context().get_node_id())
        return self._session.step()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next trial in this same process.

        Raises:
            SweepError: the process holds too much memory to be used again. `unstarted.json` in the trial's folder says
                so: it has not begun and belongs back in the queue. (An answer of False would end the trial without a
                word to Tune's scheduler; after an error Tune gives the process up, and says so.)
        """
        self._open(new_config)
        limit, used = self._setting.memory_bytes, private_memory_bytes()
        if limit is not None and used > _USED_UP * limit and relieve():
            used = private_memory_bytes()
        if limit is not None and used > _USED_UP * limit:
            message = f"process {os.getpid()} still holds {used / 1e9:.2f} GB of the {limit / 1e9:.2f} GB of a trial"
            record = {"attempt": self._payload["attempt"], "message": message}
            say_unstarted(self._setting, self._payload["uid"], record)
            raise SweepError(message, next_step="the trial starts in a fresh process")
        return True

    def get_auto_filled_metrics(self, *args: Any, **known: Any) -> dict[str, Any]:
        """Nothing that Tune would add to every result: the date, the machine's names, the whole configuration."""
        return {}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a trial keeps its own checkpoints in its own folder."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

    def cleanup(self) -> None:
        """Let go of the training, and of the working directory."""
        self._close()
        self._leave(self._place)

    def _open(self, config: dict[str, Any]) -> None:
        self._close()
        self._payload: dict[str, Any] = dict(config["trial"])
        self._leave(getattr(self, "_place", None))
        self._place = getattr(self, "_logdir", None)

    @staticmethod
    def _leave(place: str | None) -> None:
        """Tune gives every trial a working directory of its own, in which nothing is ever put."""
        if place is not None:
            with suppress(OSError):
                Path(place).rmdir()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
