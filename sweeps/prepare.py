"""Preparation on Ray: one task a case, then one contiguous pack a split and size, all as return values of tasks.

A return value of a task is rebuilt by Ray when the node that held it dies, and lies in shared memory, where every trial on
the node reads it without a copy. A disk cache behind the tasks makes a second sweep on the same data prepare nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray import ObjectRef

    from liverseg.config import PrepareConfig
    from liverseg.data import Case
    from liverseg.preprocess import Cache, Pack, PreparedCase
    from sweeps.cohort import Cohort
    from sweeps.spec import Spec


@dataclass(frozen=True, slots=True)
class Prepared:
    """Packs by `(part, size_px)` in Ray's object store, and how many cases came from the disk cache.

    Attributes:
        packs, from_cache, cases: as said.
        images: the scans of the validation part by pseudonym, for pictures of them.
    """

    packs: dict[tuple[str, int], ObjectRef[Pack]]
    from_cache: int
    cases: int
    images: Mapping[str, Path] = field(default_factory=dict)


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
    """Prepare the cases of `parts` and pack them; waits until all is there.

    The test part is not among the default parts: nothing of it is prepared, and so nothing learned from or scored on it.

    Raises:
        DataError, ConfigError: a case that cannot be prepared.
    """
    import ray

    sizes = config.sizes_px
    remote: Any = ray.remote(num_cpus=1, num_returns=len(sizes) + 1)(_prepare)
    cases = {part: cohort.part(part) for part in parts}
    returned = {part: [remote.remote(case, config, cache) for case in cases[part]] for part in parts}
    hits = 0
    for refs in returned.values():
        for ref in refs:
            hits += int(_get(ref[0]))
            on_case()
    packer: Any = ray.remote(num_cpus=1)(_pack)
    packs = {
        (part, size): packer.remote(part == "train", *(refs[index + 1] for refs in returned[part]))
        for part in parts
        for index, size in enumerate(sizes)
    }
    ray.wait(list(packs.values()), num_returns=len(packs), fetch_local=False)
    for ref in packs.values():
        _get(ref)
    images = {case.uid: case.files.image for case in cases.get("validation", ())}
    return Prepared(packs, hits, sum(len(items) for items in cases.values()), images)


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
