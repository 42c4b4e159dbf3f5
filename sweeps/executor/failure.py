"""Why a trial gave up: its kind of failure and one readable line, or a full disk or silent store, no trial's fault."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from results.errors import StoreError
from sweeps.errors import SweepError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError", "MemoryExceeded")
LESS_MEMORY = "lower batch_size or size, choose a smaller network, raise trial.memory, or give gpus: 1"


class InvalidReport(SweepError):
    """A trainer reported something that the search cannot read."""


def disk_full(error: BaseException) -> bool:
    """Whether a full disk, quota or file size limit, or a store that does not answer, is at the bottom of an error."""
    return _refusal(error) is not None or store_trouble(error) is not None


def store_trouble(error: BaseException) -> StoreError | None:
    """The store's refusal at the bottom of an error."""
    return next((item for item in _chain(error) if isinstance(item, StoreError)), None)


def disk_message(error: BaseException) -> str:
    """What the system said when the disk was full, and of which file; the error's own text when it did not."""
    full, trouble = _refusal(error), store_trouble(error)
    if trouble is not None:
        return str(trouble)
    if full is None:
        return " ".join(str(error).split())
    return f"{full.strerror}: {full.filename}" if full.filename else str(full.strerror)


def sent_away(error: BaseException) -> bool:
    """Whether Ray is ending this worker (its answer to SIGTERM is a `SystemExit` that bears a message): no trial's fault."""
    return isinstance(error, SystemExit) and hasattr(error, "ray_terminate_msg")


def failure_kind(error: BaseException) -> str:
    """One of oom, nan, invalid, timeout, crash, data."""
    from liverseg.errors import ConfigError, DataError, TrainingError

    if _out_of_memory(error):
        return "oom"
    if isinstance(error, TrainingError):
        return error.kind
    if isinstance(error, (ConfigError, InvalidReport)):
        return "invalid"
    return "data" if isinstance(error, DataError) else "crash"


def failure_message(error: BaseException, conditions: str) -> str:
    """One line that says what happened.

    Args:
        error: what ended the trial.
        conditions: batch size and size in words, for want of memory; may be empty.
    """
    from liverseg.errors import LiversegError

    text = " ".join(str(error).split())
    if _out_of_memory(error):
        parts = [text or "the training ran out of memory", conditions]
        advice = "" if isinstance(error, LiversegError) and error.next_step else LESS_MEMORY
        return "; ".join(part for part in (*parts, advice) if part)
    if isinstance(error, (LiversegError, SweepError)):
        return text
    if isinstance(error, SystemExit):
        return f"the trainer called sys.exit({'' if error.code is None else repr(error.code)})"
    return f"{type(error).__name__}: {text}" if text else f"the trainer raised {type(error).__name__}"


def _out_of_memory(error: BaseException) -> bool:
    """Backends are told by the name of the error's class, so that none of them has to be imported."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint(_OUT_OF_MEMORY) or "RESOURCE_EXHAUSTED" in str(error)


def _refusal(error: BaseException) -> OSError | None:
    return next((item for item in _chain(error) if isinstance(item, OSError) and item.errno in _DISK_FULL), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: set[int] = set()
    item: BaseException | None = error
    while item is not None and id(item) not in seen:
        seen.add(id(item))
        yield item
        item = item.__cause__ or item.__context__
