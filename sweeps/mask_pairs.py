"""Pairs of masks scored by the fleet, where there is enough to do for it to be worth starting Ray."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from liverseg.errors import DataError
from sweeps.fleet import Fleet, Places, in_this_process, work_through

if TYPE_CHECKING:
    from liverseg.metrics.evaluate import Evaluation, MaskPair, MaskScore, Meanings

WORTH_BYTES = 250 * 10**6
"""Of voxels in all, one byte each. A core scores 30 to 40 MB a second; with less than this, Ray and its workers would not have
started before this process is done with half of it."""
_PROCESS_BYTES = 3 * 10**8
_VOXEL_BYTES = 12
"""What a voxel of the largest pair takes at most, about: both masks, and the distances in the box of a large label."""


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How pairs are scored. Travels to the workers.

    Attributes:
        tolerance_mm: of the NSD.
        meanings: of the files' values.
    """

    tolerance_mm: float
    meanings: Meanings


class PairWorker:
    """Scores one pair after the other.

    Args:
        settings: how.
    """

    def __init__(self, settings: PairSettings) -> None:
        self._settings = settings

    def __call__(self, pair: MaskPair, tell: Callable[[Any], None]) -> MaskScore:
        """Every score of one pair.

        Raises:
            DataError: rule N1–N5.
        """
        from liverseg.metrics.evaluate import score_pair

        return score_pair(pair, self._settings.tolerance_mm, self._settings.meanings)


def evaluate_pairs(
    pairs: Sequence[MaskPair],
    settings: PairSettings,
    fleet: Fleet,
    *,
    problems: Sequence[DataError] = (),
    on_pair: Callable[[], None] = lambda: None,
) -> Evaluation:
    """As `liverseg.metrics.evaluate.evaluate`, by several processes where that is quicker: the result is the same.

    Raises:
        ConfigError: an impossible tolerance.
        WorkerDied: a worker was killed, by a system without free memory for one.
        ClusterError: a cluster cannot do it, or has lost all its machines.
    """
    from liverseg.metrics.evaluate import Evaluation, check_tolerance

    check_tolerance(settings.tolerance_mm)
    voxels = [_voxels(pair) for pair in pairs]
    away = [replace(one, prediction=one.prediction.absolute(), reference=one.reference.absolute()) for one in pairs]
    fleet = replace(
        fleet,
        local=fleet.local or sum(voxels) < WORTH_BYTES,
        memory_bytes=_PROCESS_BYTES + _VOXEL_BYTES * max(voxels, default=0),
        places=Places(tuple(path for one in away for path in (one.prediction, one.reference))),
    )
    pairs = pairs if in_this_process(len(pairs), fleet) else away  # other processes stand in other folders
    answers = {}
    with closing(work_through(pairs, "sweeps.mask_pairs:PairWorker", settings, fleet)) as coming:
        for answer in coming:
            if answer.error is not None and not isinstance(answer.error, DataError):
                raise answer.error
            answers[answer.index] = answer
            on_pair()
    ordered = [answers[index] for index in range(len(pairs))]
    faults = [answer.error for answer in ordered if isinstance(answer.error, DataError)]
    scores = tuple(answer.value for answer in ordered if answer.error is None)
    return Evaluation(settings.tolerance_mm, scores, (*problems, *faults))


def _voxels(pair: MaskPair) -> int:
    """Of the reference; 0 where it cannot be read, which whoever scores it will say."""
    from liverseg.volume import read_header

    try:
        return math.prod(read_header(pair.reference, case=pair.name, role="mask").shape)
    except (DataError, OSError):
        return 0
