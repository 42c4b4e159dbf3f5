"""The locked test part as it is used once it was opened: a Ray with room for it, and its scans prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cluster.config import Slots
from cluster.select import connect
from liverseg.config import PrepareConfig
from sweeps.cohort import Cohort
from sweeps.engine import Reporter, ray_config, slots_of, worker_environment
from sweeps.interrupt import Interrupts
from sweeps.prepare import cache_root, prepare_on_ray
from sweeps.spec import Spec

if TYPE_CHECKING:
    from ray import ObjectRef

    from liverseg.preprocess import Pack


@contextmanager
def ray_for_test(spec: Spec, cohort: Cohort, sizes_px: Sequence[int], interrupts: Interrupts) -> Iterator[Slots]:
    """Start a Ray with room for the test scans at these sizes, or join one; end what was started on leaving.

    Raises:
        ClusterError: Ray cannot score a single trial.
    """
    from liverseg.preprocess import estimate_store_bytes

    room = estimate_store_bytes(cohort.slices("test"), tuple(sizes_px))
    with connect(ray_config(spec, room), environment=worker_environment(spec)):
        interrupts.install()
        interrupts.check()
        yield slots_of(spec)


def prepare_test(
    spec: Spec, cohort: Cohort, sizes_px: Sequence[int], reporter: Reporter
) -> Mapping[int, ObjectRef[Pack]]:
    """Prepare the scans of the test patients, and nothing else; the packs by size.

    Raises:
        DataError, ConfigError: a case cannot be prepared.
    """
    config = PrepareConfig(sizes_px=tuple(sizes_px), slices=spec.prepare.slices, fit=spec.prepare.fit)
    with reporter.steps("preparing test scans", len(cohort.part("test"))) as advance:
        prepared = prepare_on_ray(cohort, config, cache_root(spec), parts=("test",), on_case=advance)
    reporter.note(f"prepared {prepared.cases} test scans ({prepared.from_cache} from the cache)")
    return {size: pack for (_, size), pack in prepared.packs.items()}
