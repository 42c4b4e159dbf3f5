"""The locked test part as it is used once it was opened: a Ray with room for it, and its scans prepared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cluster.config import Slots
from cluster.select import connect
from liverseg.config import PrepareConfig
from sweeps.cohort import Cohort
from sweeps.interrupt import Interrupts
from sweeps.prepare import Prepared, cache_root, prepare_on_ray
from sweeps.reporter import Reporter
from sweeps.spec import Spec
from sweeps.workplace import ray_config, slots_of, store_need, worker_environment


@contextmanager
def ray_for_test(spec: Spec, cohort: Cohort, sizes_px: Sequence[int], interrupts: Interrupts) -> Iterator[Slots]:
    """Start a Ray with room for the test scans at these sizes, or join one; end what was started on leaving.

    Raises:
        ClusterError: Ray cannot score a single trial.
    """
    room = store_need(cohort, ("test",), sizes_px)
    with connect(ray_config(spec, room), environment=worker_environment(spec)):
        interrupts.install()
        interrupts.check()
        yield slots_of(spec)


@contextmanager
def prepare_test(spec: Spec, cohort: Cohort, sizes_px: Sequence[int], reporter: Reporter) -> Iterator[Prepared]:
    """Prepare the scans of the test patients, and nothing else, for as long as the block lasts.

    Raises:
        DataError, ConfigError: a case cannot be prepared.
    """
    config = PrepareConfig(sizes_px=tuple(sizes_px), slices=spec.prepare.slices, fit=spec.prepare.fit)
    with reporter.steps("preparing test scans", len(cohort.part("test"))) as advance:
        prepared = prepare_on_ray(
            cohort, config, cache_root(spec), parts=("test",), stream=spec.prepare.stream, on_case=advance
        )
    reporter.note(f"prepared {prepared.cases} test scans ({prepared.from_cache} from the cache)")
    try:
        yield prepared
    finally:
        prepared.remove_files()
