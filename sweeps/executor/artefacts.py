"""What a trial keeps of its training: the learning curve, the best epoch, and states from which it can go on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps import trial_files

if TYPE_CHECKING:
    from liverseg.training.record import EpochRecord
    from sweeps.executor.trainer import Trainer

HISTORY, CASES, PICTURES, WEIGHTS, STATES = "history.csv", "cases.parquet", "pictures.npz", "checkpoint", "state"
OVERLAYS = trial_files.OVERLAYS
_OF_AN_ATTEMPT = (trial_files.FINAL, trial_files.FAILED, trial_files.UNSTARTED)
_OF_A_TRAINING = (trial_files.LATEST, HISTORY, CASES, PICTURES, OVERLAYS, WEIGHTS, STATES)

Kept = Mapping[str, Any]
"""`epoch`, `path` below the sweep's folder, and `sha256` that stands for the whole."""


class Artefacts:
    """The files of one trial.

    Args:
        sweep: the sweep's folder.
        uid: the trial.
        keep_last: resumable states kept.
    """

    def __init__(self, sweep: Path, uid: str, keep_last: int) -> None:
        self._sweep, self._uid, self._keep_last = sweep, uid, keep_last
        self.folder = sweep / "trials" / uid
        self._slot = 0
        self.weights: Kept | None = None
        self.state: Kept | None = None

    def begin(self, state: str | None) -> None:
        """Remove what an earlier attempt said of its end; and all it trained, unless this attempt goes on from there.

        Args:
            state: the state that is to be restored, below the sweep's folder.
        """
        stale = _OF_AN_ATTEMPT if self._is_own(state) else (*_OF_AN_ATTEMPT, *_OF_A_TRAINING)
        for name in stale:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def agree(self, run: Trainer, state: str) -> bool:
        """Make the files agree with a run that has just restored `state`: what came after it is gone.

        Returns:
            Whether `state` is the trial's own, so that nothing would be lost if it ended here.
        """
        from liverseg.training.checkpoint import checkpoint_digest
        from liverseg.training.record import write_history

        write_history(self.folder / HISTORY, run.history)
        if run.best is not None:
            self._write_best(run)
        if not self._is_own(state):
            return False
        folder = self._sweep / state
        # The slot that was restored is the last to be overwritten.
        self._slot = (int(folder.name) + 1) % self._keep_last
        self.state = {"epoch": len(run.history), "path": state, "sha256": checkpoint_digest(folder)}
        return True

    def epoch(self, run: Trainer, record: EpochRecord) -> None:
        """Write the epoch's row and, if it is the best so far, its weights, scores and pictures."""
        from liverseg.training.record import append_history

        append_history(self.folder / HISTORY, record)
        if run.best is not None and run.best.record.epoch == record.epoch:
            self._write_best(run)

    def save(self, run: Trainer) -> Kept:
        """Write a resumable state in place of the oldest; a crash leaves the others, and that one, whole."""
        from liverseg.training.checkpoint import checkpoint_digest

        folder = self.folder / STATES / str(self._slot)
        run.save(folder)
        self._slot = (self._slot + 1) % self._keep_last
        self._drop_others()
        path = folder.relative_to(self._sweep).as_posix()
        self.state = {"epoch": len(run.history), "path": path, "sha256": checkpoint_digest(folder)}
        return self.state

    def _write_best(self, run: Trainer) -> None:
        from liverseg.inference.pictures import write_pictures
        from liverseg.training.record import write_cases
        from liverseg.training.weights import write_best

        best, folder = run.best, self.folder / WEIGHTS
        assert best is not None
        write_cases(self.folder / CASES, best.cases)
        write_pictures(self.folder / PICTURES, best.pictures)
        digest = write_best(folder, run.config, run.window, best)
        path = folder.relative_to(self._sweep).as_posix()
        self.weights = {"epoch": best.record.epoch, "path": path, "sha256": digest}

    def _drop_others(self) -> None:
        """Remove states of a time when more were kept."""
        for folder in (self.folder / STATES).iterdir():
            if folder.name.isdigit() and int(folder.name) >= self._keep_last:
                shutil.rmtree(folder)

    def _is_own(self, state: str | None) -> bool:
        return state is not None and (self._sweep / state).parent == self.folder / STATES
