"""The exception tree of `liverseg`.

    LiversegError
    ├── ConfigError        a parameter has a value that cannot work
    ├── DataError          a scan, mask or folder breaks a rule (carries case and rule)
    └── TrainingError      a training ended early; `kind` is the failure kind of the trial
        ├── NonFiniteError     kind "nan"
        ├── DeadlineError      kind "timeout"
        ├── MemoryExceeded     kind "oom"
        └── DeviceError        kind "crash": a GPU is not there, or does not keep to its limit

Every message says what is wrong, where, what was got, what is allowed and what to do next, as far as each is known.
All of them survive pickling, because Ray carries them between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LiversegError(Exception):
    """Root of everything that `liverseg` raises on purpose.

    Args:
        what: one sentence that says what is wrong.
        where: file, case or parameter concerned.
        got: the offending value.
        allowed: what would have been accepted.
        next_step: what the reader can do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        got: object = None,
        allowed: object = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.got = got if got is None else str(got)
        self.allowed = allowed if allowed is None else str(allowed)
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.got is not None:
            text += f"; got {self.got}"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        if self.next_step is not None:
            text += f"; {self.next_step}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[LiversegError], state: Mapping[str, Any]) -> LiversegError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["what"],)
    return error


class ConfigError(LiversegError, ValueError):
    """A parameter has a value that cannot work."""


class DataError(LiversegError):
    """A scan, mask or folder breaks a rule.

    Args:
        case: the case's name as the user knows it (never copied into reports or logs).
        rule: short id of the broken rule, for example `N3`.
    """

    def __init__(self, what: str, *, case: str | None = None, rule: str | None = None, **fields: Any) -> None:
        super().__init__(what, **fields)
        self.case = case
        self.rule = rule

    def __str__(self) -> str:
        head = ", ".join(
            part for part in (self.case and f"case {self.case}", self.rule and f"rule {self.rule}") if part
        )
        return f"[{head}] {super().__str__()}" if head else super().__str__()


class TrainingError(LiversegError):
    """A training ended early. `kind` is the failure kind that the trial's record gets."""

    kind = "crash"


class NonFiniteError(TrainingError):
    """The loss became NaN or infinite."""

    kind = "nan"


class DeadlineError(TrainingError):
    """The training ran past its deadline."""

    kind = "timeout"


class MemoryExceeded(TrainingError):
    """The training needed more memory than it was given."""

    kind = "oom"


class DeviceError(TrainingError):
    """A GPU is not there, does not answer, or cannot be held to the memory that the training was given."""
