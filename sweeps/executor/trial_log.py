"""A trial's log: what it does, what its training prints, and where it hung."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path


class TrialLog:
    """The log of one trial; the file is made with the first line."""

    def __init__(self, uid: str, path: Path) -> None:
        self.path = path
        # Not `getLogger`, which would keep one for every trial that this process has ever trained.
        self._logger = logging.Logger(f"liversweep.trial.{uid}", logging.INFO)
        handler = _Handler(path, delay=True, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._logger.addHandler(handler)

    def info(self, text: str) -> None:
        """Write what goes on."""
        self._logger.info("%s", text)

    def error(self, text: str) -> None:
        """Write what went wrong."""
        self._logger.error("%s", text)

    @contextlib.contextmanager
    def captured(self) -> Iterator[None]:
        """Send what is printed to the log."""
        stream = _LogStream(self)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield

    def close(self) -> None:
        """Close the file."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            with contextlib.suppress(OSError):
                handler.close()


class _Handler(logging.FileHandler):
    """Drops lines that cannot be written. Logging's own complaint would go to stderr, which leads back here."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class _LogStream:
    """A text stream whose lines go to a log."""

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    def write(self, text: str) -> int:
        if text.strip():
            self._log.info(text.rstrip())
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
