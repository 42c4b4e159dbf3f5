"""The networks of a model-to-be at work on the sweep's scans: what they predict on validation, what training scans are like.

Validation scans go the way that `predict` will go with new ones, from the file to the scan's own grid; what is predicted
lies in a scratch folder, so that post-processing, flips and ensemble can be chosen one after the other.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.config import LocalConfig
from sweeps.fleet import Fleet, work_through

if TYPE_CHECKING:
    from liverseg.data import Case
    from liverseg.handover.features import ScanFeatures
    from liverseg.preprocess.arrays import NativeReference

SINGLE, SINGLE_FLIPS, ENSEMBLE, ENSEMBLE_FLIPS = "single", "single-flips", "ensemble", "ensemble-flips"
WORKER_BYTES = 25 * 10**8
"""What a worker takes at most, about: the backend, the networks and one scan's labels."""
WORTH_VOXELS = 10**8
"""To read or to predict. A core predicts 1.5 to 4.5 million a second, by architecture (`tests/benchmarks/bench_predict.py`); of the
quick ones Ray, and workers that load the backend once more, would not do less than this any sooner."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays. Travels to the workers.

    Attributes:
        checkpoints: uid of each trial with the folder of its weights, the best first.
        fit: how slices are brought into the square.
        ways: of `SINGLE` … `ENSEMBLE_FLIPS`, those to predict.
        threads, gpus: of a worker.
    """

    checkpoints: tuple[tuple[str, Path], ...]
    fit: str
    ways: tuple[str, ...]
    threads: int = 1
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class ScanTask:
    """One scan: `predict` it, or only say what it is like."""

    uid: str
    image: Path
    predict: bool


class Rehearsal:
    """A worker; networks are loaded when the first scan is to be predicted."""

    def __init__(self, cast: Cast) -> None:
        from liverseg.training.device import pin_threads
        from liverseg.training.gpu import limit_gpu

        pin_threads(cast.threads)
        limit_gpu(cast.gpus)
        self._cast = cast
        self._engines: dict[str, Any] = {}

    def __call__(self, task: ScanTask, tell: Callable[[Any], None]) -> Any:
        """Labels by way of a scan to predict; what another scan is like."""
        return self._predict(task) if task.predict else features_of(task.image, task.uid)

    def _predict(self, task: ScanTask) -> dict[str, NativeReference]:
        if not self._engines:
            self._load()
        return {
            way: engine.segment(task.image, case=task.uid, on_slices=lambda done, total: None).volume
            for way, engine in self._engines.items()
        }

    def _load(self) -> None:
        from liverseg.handover.networks import member_of
        from liverseg.handover.predictor import Engine
        from liverseg.training.weights import forward_of

        found = [member_of(*checkpoint) for checkpoint in self._cast.checkpoints]
        networks = [(member, forward_of(model)) for member, _, model in found]
        for way in self._cast.ways:
            these = networks if way.startswith(ENSEMBLE) else networks[:1]
            self._engines[way] = Engine(these, self._cast.fit, way.endswith("flips"))


def features_of(image: Path, case: str) -> ScanFeatures:
    """What a scan is like, from one reading.

    Raises:
        DataError: it breaks a rule.
    """
    from liverseg.handover.features import scan_features

    return scan_features(image, case=case)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it.

    Attributes:
        features: of the training scans.
        cases: the validation cases.
        scratch: where predictions lie.
    """

    features: tuple[ScanFeatures, ...]
    cases: tuple[Case, ...]
    scratch: Path

    def pairs(self, way: str) -> Iterator[tuple[NativeReference, NativeReference]]:
        """Reference and prediction of every validation case, in their order; one case is in memory at a time."""
        for case in self.cases:
            yield _load(self.scratch / f"{case.uid}.reference.npz"), _load(self.scratch / f"{case.uid}.{way}.npz")


@contextmanager
def rehearse(
    cast: Cast,
    training: Sequence[Case],
    validation: Sequence[Case],
    fleet: Fleet,
    on_scan: Callable[[], None] = lambda: None,
) -> Iterator[Rehearsed]:
    """Read every training scan and predict every validation scan; what was predicted is there within the block.

    A few small scans are done in this process, unless workers, a GPU or a cluster were asked for: the result is the same.

    Raises:
        DataError: a scan cannot be read any more.
        SweepError: a worker died.
    """
    tasks = [ScanTask(case.uid, case.files.image, True) for case in validation]
    tasks += [ScanTask(case.uid, case.files.image, False) for case in training]
    features: dict[int, ScanFeatures] = {}
    fleet = replace(fleet, local=fleet.local or not _worth_ray(cast, tasks, fleet))
    with tempfile.TemporaryDirectory(prefix="liversweep-") as folder:
        scratch = Path(folder)
        for case in validation:
            _keep(scratch / f"{case.uid}.reference.npz", _reference(case))
        with closing(work_through(tasks, "sweeps.handover.rehearsal:Rehearsal", cast, fleet)) as answers:
            for answer in answers:
                found = answer.get()
                if tasks[answer.index].predict:
                    for way, volume in found.items():
                        _keep(scratch / f"{tasks[answer.index].uid}.{way}.npz", volume)
                else:
                    features[answer.index] = found
                on_scan()
        yield Rehearsed(tuple(features[index] for index in sorted(features)), tuple(validation), scratch)


def _worth_ray(cast: Cast, tasks: Sequence[ScanTask], fleet: Fleet) -> bool:
    if fleet.workers is not None or fleet.gpus or not isinstance(fleet.where, LocalConfig):
        return True
    networks = len(cast.checkpoints)
    passes = sum(
        (networks if way.startswith(ENSEMBLE) else 1) * (2 if way.endswith("flips") else 1) for way in cast.ways
    )
    return sum(_voxels(task) * (passes if task.predict else 1) for task in tasks) >= WORTH_VOXELS


def _voxels(task: ScanTask) -> int:
    from liverseg.volume import read_header

    return math.prod(read_header(task.image, case=task.uid, role="image").shape)


def _reference(case: Case) -> NativeReference:
    from liverseg.metrics.mask_file import read_mask
    from liverseg.volume import read_header

    path = case.files.mask
    return read_mask(path, read_header(path, case=case.uid, role="mask"), case=case.uid)


def _keep(path: Path, volume: NativeReference) -> None:
    place = np.array([*volume.shape, *volume.start], np.int64)
    spacing_mm = np.array(volume.spacing_mm)
    np.savez_compressed(path, allow_pickle=False, place=place, spacing_mm=spacing_mm, labels=volume.labels)


def _load(path: Path) -> NativeReference:
    from liverseg.preprocess.arrays import NativeReference

    with np.load(path, allow_pickle=False) as stored:
        n, h, w, *start = (int(value) for value in stored["place"])
        spacing = tuple(float(value) for value in stored["spacing_mm"])
        return NativeReference((n, h, w), spacing, tuple(start), stored["labels"])  # type: ignore[arg-type]
