"""What a look at a cluster found: a line each, with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        subject: what was looked at, a word or two.
        text: what was found.
        advice: what to do; empty when all is well.
    """

    level: Level
    subject: str
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self) | {"level": self.level.value}

    def __str__(self) -> str:
        text = f"{self.subject}: {self.text}"
        return f"{text}; {self.advice}" if self.advice else text


def ok(subject: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str, advice: str) -> Finding:
    """A sweep runs, but not as well as it could, or not as safely."""
    return Finding(Level.WARN, subject, text, advice)


def fail(subject: str, text: str, advice: str) -> Finding:
    """A sweep would not run, would not end well, or would lay open what must not be."""
    return Finding(Level.FAIL, subject, text, advice)


def worst(findings: Iterable[Finding]) -> Level:
    """The highest level; ok for nothing."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
