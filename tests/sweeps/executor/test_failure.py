from __future__ import annotations

import errno

import pytest

from liverseg.errors import ConfigError, DataError, DeadlineError, MemoryExceeded, NonFiniteError, TrainingError
from liverseg.training.device import memory_errors
from sweeps.executor.failure import InvalidReport, disk_full, failure_kind, failure_message, less_memory

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


def test_the_advice_names_the_part_of_the_gpu_that_was_given() -> None:
    oom = ResourceExhaustedError("OOM when allocating tensor with shape[8,64,512,512] by allocator GPU_0_bfc")
    message = failure_message(oom, "batch_size 8, size 512, trial.gpus 0.25", 0.25)
    assert "batch_size 8, size 512, trial.gpus 0.25" in message and "raise trial.gpus (now 0.25" in message
    assert "give trial.gpus: 1" not in message and "trial.memory" not in message
    whole = failure_message(oom, "", 1.0)
    assert "mixed_precision" in whole and "a whole card" in whole and "raise trial.gpus" not in whole
    assert "give trial.gpus: 1" in failure_message(oom, "") and less_memory() in failure_message(oom, "")


def test_want_of_the_machine_s_memory_beside_a_gpu_is_told_from_the_card_s() -> None:
    message = failure_message(MemoryError("Unable to allocate 16.0 GiB"), "", 0.5)
    assert "raise trial.memory" in message and "trial.gpus" not in message


def test_a_library_s_advice_gives_way_to_that_of_the_sweep_and_pages_are_cut() -> None:
    try:
        with memory_errors("training step"):
            raise ResourceExhaustedError("Out of memory while trying to allocate 99 bytes.\n" + "Buffer\n" * 999)
    except MemoryExceeded as error:
        message = failure_message(error, "batch_size 8", 0.5)
    assert message.startswith(
        "training step: the training ran out of memory; got Out of memory while trying to allocate"
    )
    assert message.count("lower batch_size or size") == 1 and "now 0.5" in message
    raw = failure_message(RuntimeError("RESOURCE_EXHAUSTED: " + "Buffer " * 999), "batch_size 8")
    assert len(raw) < 500 and raw.endswith("trial.gpus: 1")
