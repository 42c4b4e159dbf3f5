"""Preparation on Ray: one task a case, then one contiguous pack a split and size, all as return values of tasks.

A return value of a task is rebuilt by Ray when the node that held it dies, and lies in shared memory, where every trial on
the node reads it without a copy. A disk cache behind the tasks makes a second sweep on the same data prepare nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ray import ObjectRef

    from liverseg.config import PrepareConfig
    from liverseg.data import Case
    from liverseg.preprocess import Cache, Pack, PreparedCase
    from sweeps.cohort import Cohort
    from sweeps.spec import Spec


Packs: TypeAlias = "dict[tuple[str, int], ObjectRef[Pack]]"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What lies in Ray's object store.

    Attributes:
        folds: packs by `(part, size_px)`, one such mapping a fold.
        from_cache: how many cases came from the disk cache.
        cases: how many there are.
        images: of each fold the validation scans by pseudonym, for pictures of them.
    """

    folds: tuple[Packs, ...]
    from_cache: int
    cases: int
    images: tuple[Mapping[str, Path], ...] = ()

    @property
    def packs(self) -> Packs:
        """Those of the first fold, on which the search runs."""
        return self.folds[0]


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
    on_case: Callable[[], None] = lambda: None,
) -> Prepared:
    """Prepare the cases of `parts` once and pack them for every fold; waits until all is there.

    The test part is not among the default parts: nothing of it is prepared, and so nothing learned from or scored on it.

    Raises:
        DataError, ConfigError: a case that cannot be prepared.
    """
    import ray

    sizes = config.sizes_px
    remote: Any = ray.remote(num_cpus=1, num_returns=len(sizes) + 1)(_prepare)
    count = cohort.folds if set(parts) - {"test"} else 1
    folds = [{part: cohort.part(part, fold) for part in parts} for fold in range(count)]
    cases = {case.uid: case for fold in folds for part in parts for case in fold[part]}
    returned = {uid: remote.remote(case, config, cache) for uid, case in cases.items()}
    hits = 0
    for refs in returned.values():
        hits += int(_get(refs[0]))
        on_case()
    packer: Any = ray.remote(num_cpus=1)(_pack)
    packs: list[Packs] = [
        {
            (part, size): packer.remote(part == "train", *(returned[case.uid][index + 1] for case in fold[part]))
            for part in parts
            for index, size in enumerate(sizes)
        }
        for fold in folds
    ]
    made = [ref for fold in packs for ref in fold.values()]
    ray.wait(made, num_returns=len(made), fetch_local=False)
    for ref in made:
        _get(ref)
    images = tuple({case.uid: case.files.image for case in fold.get("validation", ())} for fold in folds)
    return Prepared(tuple(packs), hits, len(cases), images)


def _prepare(case: Case, config: PrepareConfig, cache: Path | None) -> tuple[Any, ...]:
    """Worker side: whether the disk cache had it all, then one prepared case a size."""
    from liverseg.preprocess import Cache, load_or_prepare

    store = Cache(cache) if cache else None
    prepared = load_or_prepare(
        case.uid,
        case.patient,
        case.files.image,
        case.files.mask,
        config,
        cache=store,
        image_sha256=case.image_sha256,
        mask_sha256=case.mask_sha256,
    )
    hit = store is not None and store.counts.misses == 0
    return (hit, *(prepared[size] for size in config.sizes_px))


def _pack(training: bool, *cases: PreparedCase) -> Pack:
    """Worker side: one contiguous array."""
    from liverseg.preprocess import pack

    return pack(cases, training=training)


def _get(ref: Any) -> Any:
    """`ray.get` that raises what the task raised, not Ray's wrapping of it."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
