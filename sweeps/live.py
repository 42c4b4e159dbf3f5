"""What a person sees while a sweep runs: one live table on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from results.records import Sweep
from results.text import printable

ENDS = ("finished", "pruned", "failed")
OUT = ("stopped", "queued")


@dataclass(slots=True)
class ArchitectureProgress:
    """Counts and best scores of one architecture so far."""

    proposed: int = 0
    ended: int = 0
    failed: int = 0
    best: float = -math.inf
    liver: float = math.nan
    tumour: float = math.nan
    epochs: dict[str, int] = field(default_factory=dict)


class Progress:
    """The state that both views show, kept up to date from the driver's events."""

    def __init__(
        self, trials: int, epochs: int, architectures: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.trials, self.epochs = trials, epochs
        self.rows = {name: ArchitectureProgress() for name in architectures}
        self.began, self._clock = clock(), clock
        self._of: dict[str, str] = {}
        self._before = 0
        self._done_epochs = 0

    def take_up(self, sweep: Sweep) -> None:
        """Start from what an earlier run left: its ended trials count, its open ones are known by name."""
        for trial in sweep.trials:
            row = self.rows.setdefault(trial.architecture, ArchitectureProgress())
            self._of[trial.uid] = trial.architecture
            row.proposed += 1
            if trial.state in ("finished", "pruned", "failed"):
                row.ended += 1
                row.failed += trial.state == "failed"
                self._before += 1
                self._note(row, trial.metrics)

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> ArchitectureProgress:
        """Take in one event and return the row that it changed."""
        if name == "suggested":
            self._of[uid] = str(fields["architecture"])
        row = self.rows.setdefault(self._of[uid], ArchitectureProgress())
        if name == "suggested":
            row.proposed += 1
        elif name == "started":
            row.epochs[uid] = int(fields.get("epoch") or 0)
        elif name == "epoch":
            row.epochs[uid] = int(fields["epoch"])
            self._note(row, fields)
        elif name in OUT:
            row.epochs.pop(uid, None)
        elif name in ENDS:
            row.epochs.pop(uid, None)
            row.ended += 1
            row.failed += name == "failed"
            self._done_epochs += self.epochs
            self._note(row, fields.get("metrics") or {})
        return row

    def architecture(self, uid: str) -> str:
        """The architecture of a trial."""
        return self._of[uid]

    @property
    def ended(self) -> int:
        """Trials that ended, in whatever way."""
        return sum(row.ended for row in self.rows.values())

    @property
    def failed(self) -> int:
        """Trials that failed."""
        return sum(row.failed for row in self.rows.values())

    @property
    def running(self) -> int:
        """Trials that a worker has."""
        return sum(len(row.epochs) for row in self.rows.values())

    @property
    def eta_s(self) -> float:
        """Seconds left, from the share of epochs done; NaN before the first."""
        running = sum(sum(list(row.epochs.values())) for row in list(self.rows.values()))
        done = self._done_epochs + running
        if not done:
            return math.nan
        coming = (self.trials - self._before) * self.epochs
        return (self._clock() - self.began) * max(0, coming - done) / done

    @staticmethod
    def _note(row: ArchitectureProgress, fields: Mapping[str, Any]) -> None:
        value = _number(fields.get("val_dice"))
        if not value > row.best:
            return
        row.best = value
        row.liver = _number(fields.get("dice_liver_mean"))
        row.tumour = _number(fields.get("dice_tumour_mean"))


class PlainView:
    """One line when a trial ends: for logs, pipes and tests."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self.progress, self.console = progress, console

    def event(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """See `sweeps.search.driver.View`."""
        self.progress.event(name, uid, fields)
        self.show(name, uid, fields)

    def show(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """Show an event that the progress has taken in."""
        if name in ENDS or name in OUT:
            self.console.print(self._line(name, uid, fields), markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _line(self, name: str, uid: str, fields: Mapping[str, Any]) -> str:
        progress = self.progress
        head = f"[{progress.ended}/{progress.trials}] {uid} {progress.architecture(uid)} {name}"
        return printable(f"{head}: {outcome(name, fields)}; {duration(progress.eta_s)} left")


class LiveView(PlainView):
    """A table that redraws itself in place; failures stay above it, one line each."""

    def __init__(self, progress: Progress, console: Console) -> None:
        super().__init__(progress, console)
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=2, transient=True)

    def show(self, name: str, uid: str, fields: Mapping[str, Any]) -> None:
        """A line above the table for a failure; the rest is in the table."""
        if name == "failed":
            self.console.print(self._line(name, uid, fields), style="red", markup=False, highlight=False)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def table(self) -> Table:
        """The table of now."""
        return progress_table(self.progress)


def progress_table(progress: Progress) -> Table:
    """A row an architecture, and below them how far the sweep is."""
    counts = f"{progress.ended} of {progress.trials} trials ended, {progress.running} running"
    caption = counts if progress.ended >= progress.trials else f"{counts}, {duration(progress.eta_s)} left"
    table = Table(title=None, caption=caption, caption_justify="left", pad_edge=False)
    table.add_column("architecture")
    for name in ("ended", "best Dice liver", "best Dice tumour", "now at epoch", "failed"):
        table.add_column(name, justify="right")
    # Copies, since Rich draws in a thread of its own.
    for name, row in list(progress.rows.items()):
        running = ", ".join(f"{epoch}/{progress.epochs}" for epoch in list(row.epochs.values()))
        scores = (score(row.liver), score(row.tumour))
        table.add_row(
            Text(printable(name)), f"{row.ended}/{row.proposed}", *scores, running or "–", str(row.failed or "–")
        )
    return table


def make_view(progress: Progress, console: Console, *, plain: bool) -> PlainView:
    """The live table on a terminal, plain lines elsewhere or on request."""
    return PlainView(progress, console) if plain or not console.is_terminal else LiveView(progress, console)


def outcome(name: str, fields: Mapping[str, Any]) -> str:
    """How a trial ended, in a few words."""
    if name == "failed":
        return f"{fields.get('kind')}, {fields.get('message')}"
    if name == "stopped":
        return f"stopped after epoch {fields.get('epochs')}, to be continued"
    if name == "queued":
        return f"goes to another worker ({fields.get('reason')})"
    metrics = fields.get("metrics") or {}
    liver, tumour = (score(_number(metrics.get(f"dice_{label}_mean"))) for label in ("liver", "tumour"))
    place = f"at epoch {fields.get('best_epoch')} of {fields.get('epochs')}"
    return f"Dice liver {liver}, tumour {tumour} {place}, {_number(fields.get('seconds')):.0f} s"


def score(value: float | None) -> str:
    """A score with three digits, or a dash."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def duration(seconds: float) -> str:
    """Seconds in words: `45 s`, `12 min`, `3 h 05 min`."""
    if math.isnan(seconds):
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
