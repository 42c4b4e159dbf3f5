"""How whoever watches a sweep is told what goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from results.records import Sweep
from sweeps.search.launch import View


class Reporter(Protocol):
    """Tells the user what goes on before and while trials run."""

    def note(self, text: str) -> None:
        """One line."""

    def steps(self, label: str, total: int) -> AbstractContextManager[Callable[..., None]]:
        """A progress display; yields what to call after each item."""

    def trials(
        self, total: int, epochs: int, architectures: tuple[str, ...], before: Sweep | None
    ) -> AbstractContextManager[View]:
        """The display of running trials; `before` is what an earlier run left."""
