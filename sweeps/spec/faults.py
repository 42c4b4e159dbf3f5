"""What is wrong with a value, before it is known in which file and line it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NoReturn

Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong at `path` (keys and list indices from the place where the check ran).

    `at_key` says that the key is wrong, not its value: the message then points at the key.
    """

    what: str
    path: Path = ()
    got: str | None = None
    allowed: str | None = None
    next_step: str | None = None
    at_key: bool = False

    def below(self, *path: str | int) -> Fault:
        """The same fault seen from further up."""
        return replace(self, path=(*path, *self.path))

    def hinting(self, next_step: str | None) -> Fault:
        """The same fault with another next step, if there is one."""
        return replace(self, next_step=next_step) if next_step else self


def show(value: Any) -> str:
    """A value the way a reader of YAML knows it, cut to 60 characters."""
    if value is None:
        text = "nothing"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {show(item)}" for key, item in list(value.items())[:8]) + "}"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(show(item) for item in value[:16]) + "]"
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def did_you_mean(word: Any, known: Iterable[str]) -> str | None:
    """`did you mean 'tpe'?`, or None when nothing known is near."""
    close = get_close_matches(str(word), list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def unknown(kind: str, word: Any, known: Sequence[str], path: Path = (), *, at_key: bool = False) -> Fault:
    """The fault of a word that is none of `known`."""
    what = f"unknown {kind}" if isinstance(word, str) else f"{kind} must be a word"
    step = did_you_mean(word, known)
    return Fault(what=what, path=path, got=show(word), allowed=" | ".join(known), next_step=step, at_key=at_key)


def raise_faults(faults: Sequence[Fault], value: Any) -> NoReturn:
    """Raise faults from inside a pydantic validator, all of them, each with its own place.

    Raises:
        pydantic.ValidationError: always.
    """
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    details = [
        InitErrorDetails(
            type=PydanticCustomError("fault", "{what}", {"what": fault.what, "fault": fault}),
            loc=fault.path,
            input=value,
        )
        for fault in faults
    ]
    raise ValidationError.from_exception_data("spec", details)
