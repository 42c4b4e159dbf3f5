"""Preparation on Ray: tasks whose return values are what every trial reads, in whatever fold and part.

A case that has to be prepared is a task of its own. Cases that the disk cache holds are read by the driver, one after the
other, where there is but one machine: starting a worker process costs more than reading a hundred. On several machines, and
where there is much to read, tasks read them, several each.

A return value of a task is rebuilt by Ray when the node that held it dies; what the driver has put there is gone only with the one
machine that there is. Each case is there once: folds and parts are lists
of pseudonyms. A disk cache behind the tasks makes a second sweep on the same data prepare nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.nodes import machines
from sweeps.node_files import NodeFiles
from sweeps.shelf import Beat, Shelf, prepared_sizes, silent

if TYPE_CHECKING:
    from liverseg.config import PrepareConfig
    from liverseg.data import Case
    from liverseg.preprocess import Cache, Pack
    from liverseg.preprocess.arrays import CaseSpan
    from sweeps.cohort import Cohort
    from sweeps.spec import Spec

FITS_SHARE = 0.75
"""Of an object store that prepared cases may take. Ray moves objects to disk from eight tenths on."""
READ_BYTES = 64 * 2**20
"""Of cache entries that one task reads."""
READ_HERE_BYTES = 2**30
"""Of cache entries that the driver reads: a second or two."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The prepared cases of a sweep. Travels to the workers.

    Attributes:
        folds: pseudonyms of the cases of each part, one such mapping a fold.
        from_cache: how many cases came from the disk cache.
        cases: how many there are.
        images: of each fold the validation scans by pseudonym, for pictures of them.
        data_bytes: what the cases take at all sizes together.
        shelf: where they are to be had; None when nothing was prepared.
    """

    folds: tuple[Mapping[str, tuple[str, ...]], ...]
    from_cache: int
    cases: int
    images: tuple[Mapping[str, Path], ...] = ()
    data_bytes: int = 0
    shelf: Shelf | None = None

    @property
    def streamed(self) -> bool:
        """Whether trials read the cases from files of their machine, and not from the object store."""
        return self.shelf is not None and self.shelf.files is not None

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """Sizes at which the cases are there."""
        return self.shelf.config.sizes_px if self.shelf is not None else ()

    def pack(self, part: str, size_px: int, fold: int = 0, beat: Beat = silent) -> Pack:
        """The slices of a part of a fold; see `Shelf.pack`.

        Raises:
            ConfigError: it was not prepared at this size.
        """
        from liverseg.errors import ConfigError

        if self.shelf is None or size_px not in self.sizes_px:
            there = ", ".join(map(str, self.sizes_px)) or "none"
            raise ConfigError("no slices of this size were prepared", where="size", got=size_px, allowed=there)
        return self.shelf.pack(self.folds[fold][part], size_px, training=part == "train", beat=beat)

    def validation_spans(self, fold: int) -> Iterator[CaseSpan]:
        """The validation scans of a fold with their native masks, of which only one need be in memory at a time."""
        if self.shelf is not None:
            for case in self.shelf.each(self.folds[fold]["validation"], min(self.sizes_px)):
                yield case.span()

    def remove_files(self) -> None:
        """Remove what trials have left on the machines' disks; nothing when cases are not streamed."""
        if self.shelf is not None and self.shelf.files is not None:
            self.shelf.files.remove()


def cache_root(spec: Spec) -> Path | None:
    """Folder of the disk cache, or None when the spec turns it off."""
    from liverseg.preprocess import Cache

    if spec.prepare.cache is False:
        return None
    return Cache.default_root() if spec.prepare.cache is True else Path(spec.prepare.cache).expanduser()


def cache_store(spec: Spec) -> Cache | None:
    """The disk cache itself, for preparing in this process."""
    from liverseg.preprocess import Cache

    root = cache_root(spec)
    return None if root is None else Cache(root)


def prepare_on_ray(
    cohort: Cohort,
    config: PrepareConfig,
    cache: Path | None,
    *,
    parts: Sequence[str] = ("train", "validation"),
    stream: str = "auto",
    on_case: Callable[[], None] = lambda: None,
) -> Prepared:
    """Prepare the cases of `parts` once for every fold; waits until all are there.

    The test part is not among the default parts: nothing of it is prepared, and so nothing learned from or scored on it.

    Args:
        cohort: the scans.
        config: how to prepare them.
        cache: folder of the disk cache; None for none.
        parts: what to prepare.
        stream: whether trials read from files of their machine: `always`, `never`, or `auto` when the cases do not fit into
            the object store of every machine.
        on_case: called after each case.

    Raises:
        DataError, ConfigError: a case that cannot be prepared, or a fold without a slice to train on.
    """
    count = cohort.folds if set(parts) - {"test"} else 1
    folds = [{part: cohort.part(part, fold) for part in parts} for fold in range(count)]
    cases = {case.uid: case for fold in folds for part in parts for case in fold[part]}
    scored = frozenset(case.uid for fold in folds for part in parts if part != "train" for case in fold[part])
    returned = _begin(cases.values(), config, cache, scored)
    reports = {}
    for uid, refs in returned.items():
        reports[uid] = get(refs[0])
        on_case()
    shelf = Shelf(
        cases=cases,
        scored=scored,
        config=config,
        cache=cache,
        refs={
            (uid, size): refs[k] for uid, refs in returned.items() for k, size in enumerate(config.sizes_px, start=1)
        },
    )
    data_bytes = sum(report.data_bytes for report in reports.values())
    if streams(stream, data_bytes, smallest_store_bytes()):
        shelf = replace(shelf, files=NodeFiles.begin())
    prepared = Prepared(
        folds=tuple({part: tuple(case.uid for case in fold[part]) for part in parts} for fold in folds),
        from_cache=sum(report.hit for report in reports.values()),
        cases=len(cases),
        images=tuple({case.uid: case.files.image for case in fold.get("validation", ())} for fold in folds),
        data_bytes=data_bytes,
        shelf=shelf,
    )
    _check_training(prepared, {uid: report.kept for uid, report in reports.items()})
    return prepared


def streams(stream: str, data_bytes: int, store_bytes: int) -> bool:
    """Whether trials are to read cases of so many bytes from files, with so much object store on the smallest machine."""
    return stream == "always" or (stream == "auto" and data_bytes > FITS_SHARE * store_bytes)


def smallest_store_bytes() -> int:
    """Object store of the machine that has least of it, among those that can run trials; 0 when there is none."""
    stores = (machine.get("object_store_memory", 0) for machine in machines() if machine.get("CPU"))
    return int(min(stores, default=0))


@dataclass(frozen=True, slots=True)
class _Report:
    """What the driver needs to know of a prepared case: whether the cache had it, its training slices, its bytes."""

    hit: bool
    kept: int
    data_bytes: int


def by_reader(
    cases: Iterable[Case], config: PrepareConfig, cache: Path | None, machines: int
) -> tuple[tuple[Case, ...], tuple[tuple[Case, ...], ...]]:
    """The cases that the driver reads from the cache, and the groups of those that are a task's each.

    Cases that have to be prepared come first and alone, those in the cache in groups of `READ_BYTES`. Whether an entry is
    there is asked of this machine. Where workers see another disk it may be wrong, and costs time only.
    """
    from liverseg.preprocess import Cache, cache_keys

    fresh: list[tuple[Case, ...]] = []
    held: list[tuple[Case, int]] = []
    for case in cases:
        keys = cache_keys(case.image_sha256, case.mask_sha256, config).values()
        size = None if cache is None else Cache(cache).size_bytes(keys)
        if size is None:
            fresh.append((case,))
        else:
            held.append((case, size))
    if machines == 1 and sum(size for _, size in held) <= READ_HERE_BYTES:
        return tuple(case for case, _ in held), tuple(fresh)
    return (), (*fresh, *_grouped(held))


def _grouped(held: Sequence[tuple[Case, int]]) -> Iterator[tuple[Case, ...]]:
    """Cases with their bytes, in groups of `READ_BYTES`, or alone where they are larger."""
    group: list[Case] = []
    filled = 0
    for case, size in held:
        if group and filled + size > READ_BYTES:
            yield tuple(group)
            group, filled = [], 0
        group.append(case)
        filled += size
    if group:
        yield tuple(group)


def _begin(
    cases: Iterable[Case], config: PrepareConfig, cache: Path | None, scored: frozenset[str]
) -> dict[str, list[Any]]:
    """Have every case made or read: of each a reference to its report, then one a size. Tasks may still be at work."""
    import ray

    here, elsewhere = by_reader(cases, config, cache, len(machines()))
    returned: dict[str, list[Any]] = {}
    for group in elsewhere:
        refs = _submit(ray.remote(_prepare), group, config, cache, scored)
        returned |= dict(zip([case.uid for case in group], refs, strict=True))
    for case in here:
        # The tasks go on meanwhile.
        returned[case.uid] = [ray.put(value) for value in _prepare((case,), config, cache, scored)]
    return returned


def _submit(
    function: Any, group: tuple[Case, ...], config: PrepareConfig, cache: Path | None, scored: frozenset[str]
) -> list[list[Any]]:
    """Start one task; of each of its cases a reference to its report, then one a size."""
    width = len(config.sizes_px) + 1
    task = function.options(num_cpus=1, num_returns=len(group) * width)
    refs = task.remote(group, config, cache, frozenset(case.uid for case in group) & scored)
    return [refs[start : start + width] for start in range(0, len(refs), width)]


def _prepare(
    group: tuple[Case, ...], config: PrepareConfig, cache: Path | None, scored: frozenset[str]
) -> Iterator[Any]:
    """Of each case a report, then one prepared case a size; what a task yields Ray stores one by one."""
    for case in group:
        hit, made = prepared_sizes(case, config, cache, case.uid in scored)
        ordered = [made[size] for size in config.sizes_px]
        yield _Report(hit, int(ordered[0].keep.sum()), sum(one.nbytes for one in ordered))
        yield from ordered


def _check_training(prepared: Prepared, kept: Mapping[str, int]) -> None:
    """Refuse a fold that has nothing to train on, before any trial is started.

    Raises:
        ConfigError: there is one.
    """
    from liverseg.preprocess import check_kept

    for fold in prepared.folds:
        if uids := fold.get("train"):
            check_kept(sum(kept[uid] for uid in uids), len(uids))


def get(ref: Any) -> Any:
    """`ray.get` that raises what the task raised, not Ray's wrapping of it."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
