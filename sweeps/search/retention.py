"""Which trials' weights and states are still needed: those of the best of the sweep, and of each architecture's best.

Labels kept to be looked at (`overlays.npz`) stay and go with the weights: reports show those of the architectures' best
only, and whoever has the weights can make them anew.

Decided anew after every end of a trial, from what was kept before and the trial that ended, never from all trials. What
has been given up cannot come back, so each rule is one under which nothing that was worse can become better later: a
trial that leaves the best `n`, or its architecture's first place, is out for good. The order by fronts lacks that
property from the second front on, so further fronts are told apart among what is still kept.
"""

from __future__ import annotations

import errno
import heapq
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from results.ranking import pareto_fronts
from results.storage import sync_folder
from results.sweep_parts import Objective

WEIGHTS, STATE = "weights", "state"
_ENTRIES = {WEIGHTS: ("checkpoint", "overlays.npz"), STATE: ("state",)}


@dataclass(frozen=True, slots=True)
class Release:
    """Parts of a trial (`weights`, `state`) that nobody needs any more."""

    uid: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A finished trial. `gains` are finite, more is better."""

    uid: str
    number: int
    gains: tuple[float, ...]

    @property
    def merit(self) -> tuple[float, ...]:
        """Larger is better: by the first objective, then the others, then the lower number."""
        return (*self.gains, -self.number)


class _Podium(Protocol):
    """The best so many trials, by uid."""

    uids: set[str]

    def add(self, entry: _Entry) -> list[str]:
        """Take up a trial; returns who has no place afterwards, possibly itself."""


class Retention:
    """Says after each end of a trial what may be deleted.

    Kept are weights and state of the `best` best finished trials and of each architecture's best. Better means what
    `results.ranking` says; with several objectives the whole first front counts as best, filled up by further fronts to
    `best`, and an architecture's best is the one with the best first objective. A pruned trial keeps nothing. A failed
    trial keeps its state, from which it may be tried again and which holds its best weights too. A finished trial
    without a number for every objective is nobody's best.

    Fed with the same ends in the same order, two objects decide alike: that is how a resume rebuilds one. One call takes
    O(log best) steps with one objective; with several, a pass over the first front and a comparison of what fills it up.

    Args:
        best: how many are kept; None keeps the weights of every trial, and the state of all but pruned ones.
        objectives: of the sweep.
    """

    def __init__(self, best: int | None, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)
        self._all = best is None
        count = best or 0
        self._podium: _Podium = _Top(count) if len(self._objectives) == 1 else _Fronts(count)
        self._first: dict[str, _Entry] = {}
        self._finished: set[str] = set()
        self._repeats: dict[str, list[str]] = {}
        self._released: set[str] = set()

    @property
    def kept(self) -> frozenset[str]:
        """Finished trials that keep weights and state."""
        if self._all:
            return frozenset(self._finished)
        return frozenset(self._podium.uids) | {entry.uid for entry in self._first.values()}

    def ended(
        self, uid: str, number: int, architecture: str, state: str, values: Sequence[float]
    ) -> tuple[Release, ...]:
        """Note how a trial ended.

        Args:
            uid: the trial.
            number: its position in the order of suggestions.
            architecture: its network.
            state: `finished`, `pruned` or `failed`; in any other state a trial is not at its end and keeps all.
            values: of the objectives, NaN for a missing one; read for `finished` only.

        Returns:
            What may be deleted now. A finished trial is counted once, however often it is named.
        """
        if state == "pruned":
            return (Release(uid, (STATE,) if self._all else (WEIGHTS, STATE)),)
        if state == "failed":
            return () if self._all else (Release(uid, (WEIGHTS,)),)
        if state != "finished" or uid in self._finished:
            return ()
        self._finished.add(uid)
        if self._all:
            return ()
        gains = tuple(item.gain(value) for item, value in zip(self._objectives, values, strict=True))
        if not all(math.isfinite(gain) for gain in gains):
            return self._release([uid])
        return self._release(self._ranked(architecture, _Entry(uid, number, gains)))

    def repeated(self, uid: str, first: str, state: str) -> tuple[Release, ...]:
        """Note how a repetition of a setting ended; its weights are kept as long as those of the setting's first trial.

        Args:
            uid: the trial.
            first: the trial that it repeats.
            state: as for `ended`. No training goes on from a repetition, so a finished one needs no state.
        """
        if state == "failed":
            return () if self._all else (Release(uid, (WEIGHTS,)),)
        if state != "finished" or self._all:
            return ()
        if first in self._released:
            return (Release(uid, (WEIGHTS, STATE)),)
        self._repeats.setdefault(first, []).append(uid)
        return (Release(uid, (STATE,)),)

    def _release(self, uids: Iterable[str]) -> tuple[Release, ...]:
        """Give up finished trials, and with them their repetitions."""
        gone = []
        for uid in uids:
            self._released.add(uid)
            gone += [uid, *self._repeats.pop(uid, ())]
        return tuple(Release(uid, (WEIGHTS, STATE)) for uid in gone)

    def _ranked(self, architecture: str, entry: _Entry) -> list[str]:
        """Give a finished trial its places; returns those who lost theirs and have no other."""
        lost = self._podium.add(entry)
        before = self._first.get(architecture)
        if before is None or entry.merit > before.merit:
            self._first[architecture] = entry
            lost += [before.uid] if before else []
        firsts = {first.uid for first in self._first.values()}
        return [uid for uid in dict.fromkeys(lost) if uid not in firsts and uid not in self._podium.uids]


class _Top:
    """The best `count` trials by one objective."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[tuple[float, ...], str]] = []
        self.uids: set[str] = set()

    def add(self, entry: _Entry) -> list[str]:
        """See `_Podium.add`."""
        heapq.heappush(self._heap, (entry.merit, entry.uid))
        self.uids.add(entry.uid)
        if len(self._heap) <= self._count:
            return []
        _, last = heapq.heappop(self._heap)
        self.uids.discard(last)
        return [last]


class _Fronts:
    """The first Pareto front, and from further fronts as many as are missing to `count`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._front: list[_Entry] = []
        self._rest: list[_Entry] = []
        self.uids: set[str] = set()

    def add(self, entry: _Entry) -> list[str]:
        """See `_Podium.add`."""
        self.uids.add(entry.uid)
        self._place(entry)
        room = max(0, self._count - len(self._front))
        if len(self._rest) <= room:
            return []
        if room:
            self._sort_rest()
        lost = [other.uid for other in self._rest[room:]]
        del self._rest[room:]
        self.uids.difference_update(lost)
        return lost

    def _sort_rest(self) -> None:
        """Best first, as `results.ranking` orders them."""
        fronts = pareto_fronts(np.array([other.gains for other in self._rest]))
        by_uid = {other.uid: int(front) for other, front in zip(self._rest, fronts, strict=True)}
        self._rest.sort(key=lambda other: (by_uid[other.uid], -other.gains[0], other.number))

    def _place(self, entry: _Entry) -> None:
        """Put the trial into the front, and out of it whom it dominates; or into the rest."""
        if not self._front:
            self._front.append(entry)
            return
        difference = np.array([other.gains for other in self._front]) - np.array(entry.gains)
        if ((difference >= 0).all(axis=1) & (difference > 0).any(axis=1)).any():
            self._rest.append(entry)
            return
        beaten = (difference <= 0).all(axis=1) & (difference < 0).any(axis=1)
        self._rest += [other for other, is_beaten in zip(self._front, beaten, strict=True) if is_beaten]
        self._front = [other for other, is_beaten in zip(self._front, beaten, strict=True) if not is_beaten]
        self._front.append(entry)


def delete(trial: Path, what: Iterable[str]) -> None:
    """Remove parts of a trial from disk: `weights` are `checkpoint` and `overlays.npz`, `state` is the folder `state`.

    Each is renamed to a hidden name first and then emptied, so a crash leaves no half one under its own name; the
    next call removes what such a crash has left. What is not there is as good as removed.

    Args:
        trial: `runs/<name>/trials/<uid>`. A link in its place is refused; of links inside it only the link goes.
        what: of `weights` and `state`.

    Raises:
        OSError: the system refuses; a further call tries again.
    """
    if trial.is_symlink():
        raise OSError(errno.ELOOP, "a trial's folder is a link, nothing was deleted", str(trial))
    for path, hidden in _entries(trial, what):
        _remove(hidden)
        if os.path.lexists(path):
            path.rename(hidden)
            sync_folder(trial)
            _remove(hidden)


def entries(what: Iterable[str]) -> list[str]:
    """What `delete` removes from a trial's folder, if it is there: what a crash may have left included."""
    return [name for part in what for entry in _ENTRIES[part] for name in (entry, _hidden(entry))]


def present(trial: Path, what: Iterable[str]) -> bool:
    """Whether `delete` would find anything to remove."""
    return any(os.path.lexists(trial / name) for name in entries(what))


def _entries(trial: Path, what: Iterable[str]) -> list[tuple[Path, Path]]:
    """Where each folder or file of some parts lies, and where it is while it is being removed."""
    names = [name for part in what for name in _ENTRIES[part]]
    return [(trial / name, trial / _hidden(name)) for name in names]


def _hidden(name: str) -> str:
    return f".{name}.released"


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
