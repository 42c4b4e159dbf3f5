"""What our parts of Ray Tune's loop have in common: they leave nothing on disk, and end the loop when the driver cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from results.errors import ResultsError
from sweeps.errors import SweepError


class Adapter:
    """Tune writes pickles of its parts to disk; of ours they hold nothing, since nobody is ever to read them back."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Failing:
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
