"""The kept epoch scored in full, once, and how that enters the record of a training.

Surface distances after every epoch would cost more than many an epoch. Nor are predicted volumes kept with the best epoch:
its weights are, and predicting once more takes as long as one validation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from liverseg.inference.predict import Forward
from liverseg.inference.volumes import predicted_volumes
from liverseg.metrics.full import FullScore, full_score
from liverseg.metrics.full_summary import summarise_full
from liverseg.preprocess.arrays import CaseSpan, NativeReference, Pack
from liverseg.preprocess.window import WindowParams
from liverseg.training.best import BestEpoch
from liverseg.training.network import CompiledNetwork
from liverseg.training.record import plain

OnVolume = Callable[[CaseSpan, NativeReference], None]
"""Sees each scan of the best epoch with its prediction, one at a time; it may not keep the prediction, which is large."""


def unseen(span: CaseSpan, prediction: NativeReference) -> None:
    """For those who want nothing but the scores."""


SCORE_COLUMNS = (
    *("slices", "voxel_ml", "tumour_burden_reference", "tumour_burden_prediction"),
    *(
        f"{name}_{label}"
        for label in ("liver", "tumour")
        for name in ("reference_voxels", "prediction_voxels", "voe", "rvd", "assd", "rmsd", "mssd", "hd95", "nsd")
    ),
    *("lesions_reference", "lesions_prediction", "lesions_matched"),
    *("lesions_reference_touched", "lesions_prediction_touched"),
)
"""What a record tells of each case beside its Dice."""


def score_best(
    network: CompiledNetwork,
    best: BestEpoch,
    validation: Pack,
    window: WindowParams,
    batch_size: int,
    beat: Callable[[], None],
    on_volume: OnVolume = unseen,
) -> tuple[FullScore, ...]:
    """Score the best epoch of a training in full.

    The overlap is the one that ranked the epoch. Its weights are put into the network for the prediction, and those that
    were there are put back, also after an error.

    Args:
        network: the training's.
        best: the epoch.
        validation: the scans that it was scored on.
        window: the training's window.
        batch_size: slices a batch, best the one of the training's validations.
        beat: called after every batch and every scan; what it raises ends the scoring.
        on_volume: sees every prediction, so that whatever else is made of them needs no further one.

    Returns:
        One record a scan, in the order of `best.cases`.

    Raises:
        MemoryExceeded: a batch did not fit.
    """
    cases = {case.uid: case for case in best.cases}
    kept = network.weights()
    network.set_weights(best.weights)
    try:
        scores = {}
        volumes = predicted_volumes(_beating(network.predict, beat), validation, window, batch_size)
        for span, prediction in volumes:
            scores[span.uid] = full_score(cases[span.uid], span.reference, prediction)
            on_volume(span, prediction)
            beat()
    finally:
        network.set_weights(kept)
    return tuple(scores[case.uid] for case in best.cases)


def _beating(forward: Forward, beat: Callable[[], None]) -> Forward:
    def predict(images: Any) -> Any:
        logits = forward(images)
        beat()
        return logits

    return predict


def full_record(record: Mapping[str, Any], scores: Sequence[FullScore], labels: tuple[str, ...]) -> dict[str, Any]:
    """A final record with what the full scores add to it, as plain JSON values.

    Args:
        record: from `final_record`.
        scores: of its best epoch.
        labels: labels that the network was taught.

    Returns:
        The record with more `metrics`, and with `scores`: `columns` (those of `SCORE_COLUMNS` that there are) and `rows`, one
        for each of the record's `cases`. Undefined numbers are None; an infinite distance, which is a failure and not the
        same, is the text `inf`.
    """
    rows = [score.as_dict() for score in scores]
    columns = [name for name in SCORE_COLUMNS if rows and name in rows[0]]
    return {
        **record,
        "metrics": {**record["metrics"], **plain(summarise_full(scores, labels))},
        "scores": {"columns": columns, "rows": [[_told(row[name]) for name in columns] for row in rows]},
    }


def _told(value: Any) -> Any:
    return "inf" if isinstance(value, float) and value == math.inf else plain(value)
