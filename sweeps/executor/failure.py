"""Why a trial gave up: its kind of failure and one readable line, or a full disk or silent store, no trial's fault."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from results.errors import StoreError
from sweeps.errors import SweepError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SMALLER = "lower batch_size or size, choose a smaller network"
LESS_MEMORY = f"{_SMALLER}, raise trial.memory, or give trial.gpus: 1"
_SAID_LIMIT = 200


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
    from liverseg.training.out_of_memory import is_out_of_memory

    if is_out_of_memory(error):
        return "oom"
    if isinstance(error, TrainingError):
        return error.kind
    if isinstance(error, (ConfigError, InvalidReport)):
        return "invalid"
    return "data" if isinstance(error, DataError) else "crash"


def less_memory(gpus: float = 0.0, *, gpu: bool = True) -> str:
    """What to do when a trial has run out of memory.

    Args:
        gpus: GPUs of a trial, or its part of one.
        gpu: whether it was the GPU's memory, as far as is known; with `gpus` 0 it was not.
    """
    if not gpus:
        return LESS_MEMORY
    if not gpu:
        return f"{_SMALLER}, or raise trial.memory"
    if gpus < 1:
        return (
            f"{_SMALLER}, turn mixed_precision on, or raise trial.gpus (now {gpus:g}: that part of one card's memory)"
        )
    return f"{_SMALLER}, or turn mixed_precision on (trial.gpus {gpus:g}: the training had a whole card)"


def failure_message(error: BaseException, conditions: str, gpus: float = 0.0) -> str:
    """One line that says what happened.

    Args:
        error: what ended the trial.
        conditions: batch size and size in words, for want of memory; may be empty.
        gpus: GPUs of the trial, or its part of one.
    """
    from liverseg.errors import LiversegError
    from liverseg.training.out_of_memory import is_out_of_memory, of_gpu

    text = " ".join(str(error).split())
    if is_out_of_memory(error):
        said = _without_advice(error, text) or "the training ran out of memory"
        # Only a limit of the machine's memory is told by errors of Python itself.
        advice = less_memory(gpus, gpu=of_gpu(error) or not isinstance(error, (MemoryError, OSError)))
        return "; ".join(part for part in (said, conditions, advice) if part)
    if isinstance(error, (LiversegError, SweepError)):
        return text
    if isinstance(error, SystemExit):
        return f"the trainer called sys.exit({'' if error.code is None else repr(error.code)})"
    return f"{type(error).__name__}: {text}" if text else f"the trainer raised {type(error).__name__}"


def _without_advice(error: BaseException, text: str) -> str:
    """An error's text, cut where XLA goes on about its buffers, and without the advice of one who does not know the sweep."""
    advice = getattr(error, "next_step", None)
    if isinstance(advice, str):
        text = text.removesuffix(f"; {advice}")
    return text if len(text) <= _SAID_LIMIT else text[: _SAID_LIMIT - 1].rstrip() + "…"


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
