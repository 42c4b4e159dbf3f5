"""The resumable states that a trial left on disk: which is the newest one that is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liverseg.training.position import Position

STATES = "state"


@dataclass(frozen=True, slots=True)
class State:
    """A verified state.

    Attributes:
        path: below the sweep's folder, with `/`.
        position: how far it had come, with its history.
    """

    path: str
    position: Position

    @property
    def place(self) -> str:
        """How far it had come, in words."""
        done, begun = self.position.epochs, self.position.batches
        return f"within epoch {done + 1}" if begun else f"epoch {done}"

    def reports(self, metric: str) -> Sequence[float]:
        """The metric after each of its epochs, NaN where it was none."""
        return [float(record.metrics.get(metric, record.val_dice)) for record in self.position.history]


def newest_state(sweep: Path, uid: str) -> State | None:
    """The newest state of a trial whose every file matches its checksum; None when there is none.

    A damaged one is passed over: an older one, or a start from nothing, gives the same numbers and costs only time.
    """
    from liverseg.errors import LiversegError
    from liverseg.training.position import read_position

    found: list[State] = []
    for folder in sorted((sweep / "trials" / uid / STATES).glob("[0-9]*")):
        try:
            found.append(State(folder.relative_to(sweep).as_posix(), read_position(folder)))
        except LiversegError:
            continue
    return max(found, key=lambda state: (state.position.updates, state.path), default=None)
