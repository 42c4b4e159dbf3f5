"""Ctrl-C and SIGTERM: the first asks trials to save themselves, the second ends everything at once.

Neither loses what is finished: trials write their records before they report, and a resume takes up what the ledger
does not know yet.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

GRACE_S = 5.5
"""How long trials may take to save their states; with Ray's own end the command is gone within ten seconds."""

EXIT_INTERRUPTED = 130
WHOLE = "sweeps.search.driver"
"""What this module does is never cut short: ledger and search would contradict each other from there on."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PAUSE_S = 0.02


class Interrupts:
    """Handlers of both signals for as long as the block lasts. Use in the main thread.

    Args:
        abandon: ends what this process has started; called before the process ends at once.
        note: tells the user one line.
    """

    def __init__(self, abandon: Callable[[], None], note: Callable[[str], None] = lambda text: None) -> None:
        self._abandon, self._note = abandon, note
        self._ask: Callable[[], None] | None = None
        self._asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.getsignal(number) for number in (*_SIGNALS, signal.SIGALRM)}
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def install(self) -> None:
        """Take the signals (again: Ray puts in a SIGTERM handler of its own when it starts)."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_alarm)

    @contextmanager
    def softly(self, ask: Callable[[], None]) -> Iterator[None]:
        """Within the block a first signal calls `ask` and goes on; KeyboardInterrupt comes when the grace is over."""
        self.check()
        self._ask = ask
        try:
            yield
        finally:
            self._ask = None
            signal.setitimer(signal.ITIMER_REAL, 0)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come: libraries may have swallowed the first one."""
        if self._asked:
            raise KeyboardInterrupt

    def request(self) -> None:
        """As a first signal; asking twice is no second signal."""
        if self._asked:
            return
        self._asked = True
        if self._ask is None:
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        self._note("stopping: trials save their state (once more ends at once, and loses nothing that is finished)")
        self._ask()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            self._leave()
        self.request()

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        """The grace is over; a moment later when it ends while an event is being written and acted on."""
        if _inside(frame, WHOLE):
            signal.setitimer(signal.ITIMER_REAL, _PAUSE_S)
            return
        raise KeyboardInterrupt

    def _leave(self) -> None:
        self._abandon()
        if sys.stderr.isatty():
            sys.stderr.write("\x1b[?25h")  # the live table hides the cursor
        os._exit(EXIT_INTERRUPTED)


def _inside(frame: FrameType | None, module: str) -> bool:
    """Whether a function of the module is being executed."""
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back
    return frame is not None
