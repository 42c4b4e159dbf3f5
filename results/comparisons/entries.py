"""The sweeps of a comparison under names that tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.records import Sweep, SweepRecord
from results.text import printable


@dataclass(frozen=True, slots=True)
class Entry:
    """A sweep and the name it goes by in this comparison: printable, and different from all others."""

    name: str
    sweep: Sweep

    @property
    def record(self) -> SweepRecord:
        """The sweep as a whole."""
        return self.sweep.sweep


def make_entries(sweeps: Sequence[Sweep]) -> tuple[Entry, ...]:
    """Entries in the order given. Sweeps that are called alike get a number: `archs`, `archs (2)`."""
    names = distinct((sweep.sweep.name for sweep in sweeps), taken=("fact", "the study"))
    return tuple(Entry(name, sweep) for name, sweep in zip(names, sweeps, strict=True))


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names as printable text, each once: from the second on with a number."""
    used, found = set(taken), []
    for name in map(printable, names):
        number, candidate = 1, name
        while candidate in used or not candidate:
            number += 1
            candidate = f"{name} ({number})".strip()
        used.add(candidate)
        found.append(candidate)
    return found
