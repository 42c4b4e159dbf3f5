"""Where every prepared case is to be had, for the driver and for workers on any machine.

A case is the return value of a task: it lies in Ray's object store, where processes of a machine read it without a copy,
spills to disk when the store is full, and is made again when the machine that held it is lost. Two ways lead from there into
a trial:

- **From the store.** All cases fit into it: a trial maps them where they lie.
- **Streamed.** They do not fit: each machine keeps the cases that its trials need as files (`sweeps.node_files`), brought
  there once and one at a time, so that the store is never asked to hold them all. A trial maps the files.

Either way a trial sees the same arrays. And either way the worker makes a case itself, from the disk cache or the scan, when
the store does not come up with it: a lost case is made again by a task, which needs a CPU, and all may be held by trials
that wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.node_files import NodeFiles

if TYPE_CHECKING:
    from ray import ObjectRef

    from liverseg.config import PrepareConfig
    from liverseg.data import Case
    from liverseg.preprocess import Pack, PreparedCase

Beat = Callable[[], None]
PATIENCE_S = 15.0
"""How long a worker waits for the store without anything coming from it before it makes a case itself."""
LOOK_S = 1.0
HASTE_S = 1.0
"""The same, once it has waited in vain."""


def silent() -> None:
    """For those whom nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Travels to the workers.

    Attributes:
        cases: the scans by pseudonym.
        scored: those of them that are scored in some fold; of the others only what training reads is kept.
        config: how they are prepared.
        cache: folder of the disk cache; None for none.
        refs: the prepared cases by pseudonym and size.
        files: the machine's files when cases are streamed; None when they are read from the store.
    """

    cases: Mapping[str, Case]
    scored: frozenset[str]
    config: PrepareConfig
    cache: Path | None
    refs: Mapping[tuple[str, int], ObjectRef[PreparedCase]]
    files: NodeFiles | None = None

    def pack(self, uids: Sequence[str], size_px: int, *, training: bool, beat: Beat = silent) -> Pack:
        """These cases at a size, as one.

        Args:
            uids: in the pack's order.
            size_px: one of the sizes that were prepared.
            training: see `liverseg.preprocess.pack`.
            beat: called while it goes on, at least once a second or after every case; what it raises ends it.

        Raises:
            ConfigError: they make no pack.
            DataError: a case was lost, and its scan cannot be read again.
            OSError: the files cannot be written.
        """
        from liverseg.preprocess import pack

        files = self.files
        cases = self._stored(uids, size_px, beat) if files is None else self._streamed(files, uids, size_px, beat)
        return pack(cases, training=training)

    def each(self, uids: Sequence[str], size_px: int) -> Iterator[PreparedCase]:
        """These cases one after the other, of which at most one need be in memory."""
        wait = _Wait(silent)
        for uid in uids:
            yield self._fetch(wait, uid, size_px)

    def _stored(self, uids: Sequence[str], size_px: int, beat: Beat) -> list[PreparedCase]:
        import ray

        wait, found = _Wait(beat), []
        wait.together([self.refs[uid, size_px] for uid in uids])
        for uid in uids:
            case = wait.get(self.refs[uid, size_px])
            # Made here it is memory of this process alone; put into the store it is shared, as all others are.
            found.append(ray.get(ray.put(self._make(uid, size_px))) if case is None else case)
        return found

    def _streamed(self, files: NodeFiles, uids: Sequence[str], size_px: int, beat: Beat) -> list[PreparedCase]:
        wait, found = _Wait(beat), []
        for uid in uids:
            found.append(files.case(f"{uid}-{size_px}", partial(self._fetch, wait, uid, size_px), beat))
            beat()
        return found

    def _fetch(self, wait: _Wait, uid: str, size_px: int) -> PreparedCase:
        """From the store, else made here."""
        case = wait.get(self.refs[uid, size_px])
        return self._make(uid, size_px) if case is None else case

    def _make(self, uid: str, size_px: int) -> PreparedCase:
        return prepared_sizes(self.cases[uid], self.config, self.cache, uid in self.scored)[1][size_px]


class _Wait:
    """Gets objects from the store, as long as something comes of it."""

    def __init__(self, beat: Beat) -> None:
        self._beat, self._patience_s = beat, PATIENCE_S

    def together(self, refs: Sequence[ObjectRef[PreparedCase]]) -> None:
        """Have all of them brought here at once, as far as they come; for objects that fit into the store together."""
        import ray

        there, waited_s = 0, 0.0
        while there < len(refs) and waited_s < self._patience_s:
            ready, _ = ray.wait(list(refs), num_returns=len(refs), timeout=LOOK_S, fetch_local=True)
            self._beat()
            waited_s = 0.0 if len(ready) > there else waited_s + LOOK_S
            there = len(ready)
        if there < len(refs):
            self._patience_s = HASTE_S

    def get(self, ref: ObjectRef[PreparedCase]) -> PreparedCase | None:
        """The object, or None when it is lost and not made again in time.

        Raises:
            DataError, ConfigError: its task failed.
        """
        import ray
        from ray.exceptions import GetTimeoutError, ObjectLostError, RayTaskError

        waited_s = 0.0
        while not ray.wait([ref], timeout=LOOK_S, fetch_local=True)[0]:
            self._beat()
            waited_s += LOOK_S
            if waited_s >= self._patience_s:
                self._patience_s = HASTE_S
                return None
        try:
            case: PreparedCase = ray.get(ref, timeout=self._patience_s)
            return case
        except (ObjectLostError, GetTimeoutError):
            return None
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None


def prepared_sizes(
    case: Case, config: PrepareConfig, cache: Path | None, scored: bool
) -> tuple[bool, dict[int, PreparedCase]]:
    """One scan at every size, in this process, and whether the disk cache had it all.

    A scan that is never scored is cut down to what training reads.

    Raises:
        DataError, ConfigError: as `liverseg.preprocess.load_or_prepare`.
    """
    from liverseg.preprocess import Cache, load_or_prepare

    store = Cache(cache) if cache else None
    made = load_or_prepare(
        case.uid,
        case.patient,
        case.files.image,
        case.files.mask,
        config,
        cache=store,
        image_sha256=case.image_sha256,
        mask_sha256=case.mask_sha256,
        scored=scored,
    )
    return store is not None and store.counts.misses == 0, made
