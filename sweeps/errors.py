"""The exception tree of `sweeps`.

    SweepError             exit code 1: something failed while it ran
    ├── UsageError         exit code 2: the command was given something that cannot work
    └── SpecError          exit code 2: the spec is wrong; carries every problem found, with line and column

Every message says what is wrong, where, what was got, what is allowed and what to do next, as far as each is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


class SweepError(Exception):
    """Root of everything that `sweeps` raises on purpose.

    Args:
        what: one sentence that says what is wrong.
        where: file, sweep or option concerned.
        got: the offending value.
        allowed: what would have been accepted.
        next_step: what the reader can do about it.
    """

    exit_code = 1

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
        self.got = None if got is None else str(got)
        self.allowed = None if allowed is None else str(allowed)
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        return sentence(self.where, self.what, self.got, self.allowed, self.next_step)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


class UsageError(SweepError):
    """The command was given something that cannot work."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a spec.

    Attributes:
        file: the spec as the user named it, or the `--set …` that brought the value in.
        what: what is wrong, without the value.
        line, column: counted from 1; None when the value has no place in a file.
        path: dotted key path, for example `search.space.learning_rate`; empty for the whole file.
        got: the offending value as text.
        allowed: what would have been accepted.
        next_step: what the reader can do about it.
    """

    file: str
    what: str
    line: int | None = None
    column: int | None = None
    path: str = ""
    got: str | None = None
    allowed: str | None = None
    next_step: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = f"{place}: {self.path}" if self.path else place
        return sentence(where, self.what, self.got, self.allowed, self.next_step)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self)


class SpecError(SweepError):
    """The spec is wrong.

    Args:
        problems: everything found, in the order in which it is shown: one line of text each.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the spec is wrong")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def sentence(where: str | None, what: str, got: str | None, allowed: str | None, next_step: str | None) -> str:
    """The one shape of an error message: `where: what; got …; allowed: …; next step`."""
    text = f"{where}: {what}" if where else what
    if got is not None:
        text += f"; got {got}"
    if allowed is not None:
        text += f"; allowed: {allowed}"
    if next_step is not None:
        text += f"; {next_step}"
    return text


def _rebuild(kind: type[SweepError], state: Mapping[str, Any]) -> SweepError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["what"],)
    return error
