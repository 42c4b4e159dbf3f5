from __future__ import annotations

import errno

import pytest

from liverseg.errors import ConfigError, DataError, DeadlineError, MemoryExceeded, NonFiniteError, TrainingError
from sweeps.executor.failure import InvalidReport, disk_full, failure_kind, failure_message

ResourceExhaustedError = type("ResourceExhaustedError", (Exception,), {})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigError("no"), "invalid"),
        (InvalidReport("no"), "invalid"),
        (DataError("no", case="c1"), "data"),
        (TrainingError("no"), "crash"),
        (DeadlineError("late"), "timeout"),
        (NonFiniteError("nan"), "nan"),
        (MemoryExceeded("much"), "oom"),
        (MemoryError(), "oom"),
        (ResourceExhaustedError("OOM when allocating tensor"), "oom"),
        (RuntimeError("RESOURCE_EXHAUSTED: out"), "oom"),
        (ValueError("odd"), "crash"),
        (SystemExit(), "crash"),
        (KeyboardInterrupt(), "crash"),
    ],
)
def test_every_error_has_a_kind_and_a_line(error: BaseException, kind: str) -> None:
    assert failure_kind(error) == kind
    message = failure_message(error, "batch_size 8, size 64")
    assert message and "\n" not in message
    assert ("batch_size 8, size 64" in message) == (kind == "oom")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_found_behind_other_errors(number: int) -> None:
    full = OSError(number, "full")
    wrapped, during = RuntimeError("saving failed"), ValueError("cannot close")
    wrapped.__cause__, during.__context__ = full, wrapped
    assert disk_full(full) and disk_full(wrapped) and disk_full(during)


def test_other_errors_are_not_a_full_disk() -> None:
    looped = ValueError("one")
    looped.__context__ = other = ValueError("two")
    other.__context__ = looped
    assert not disk_full(looped) and not disk_full(OSError(errno.EACCES, "no"))
