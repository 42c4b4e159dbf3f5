"""A kept network scored in full on scans that its training never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from liverseg.errors import ConfigError
from liverseg.inference.predict import Forward
from liverseg.inference.volumes import predicted_volumes
from liverseg.metrics.case import score_counts
from liverseg.metrics.evaluate import confusion_of
from liverseg.metrics.full import FullScore, full_score
from liverseg.metrics.summary import summarise
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.window import WindowParams
from liverseg.training.full_scores import full_record
from liverseg.training.record import plain
from liverseg.training.weights import config_of, forward_of, load_best, read_best

_CASE = ("uid", "patient", "dice_liver", "dice_tumour", "has_tumour")


def score_held_out(folder: Path, scans: Pack) -> dict[str, Any]:
    """Score the network of a checkpoint on the scans of a pack, each on its own grid, with every score there is.

    The network, its window, labels and batch size are those that the checkpoint names; nothing is fitted to the scans.

    Args:
        folder: what `liverseg.training.weights.write_best` wrote.
        scans: every slice present, at the network's size.

    Returns:
        Plain JSON values as in a training's final record: `metrics` (with `test_dice` in place of `val_dice`), `cases`
        (`[uid, patient, dice_liver, dice_tumour, has_tumour]`) and `scores`, see `full_record`. Undefined numbers are None.

    Raises:
        TrainingError: the checkpoint is missing or damaged.
        ConfigError: the weights do not fit the network, or the scans are of another size.
        MemoryExceeded: a batch did not fit.
    """
    values, _ = read_best(folder)
    config = config_of(values)
    if scans.image.shape[1] != config.get("size"):
        what = "the scans were not prepared at the network's size"
        raise ConfigError(what, where=str(folder), got=scans.image.shape[1], allowed=config.get("size"))
    batch = int(min(config.get("batch_size"), scans.image.shape[0]))
    scores = _scores(forward_of(load_best(folder)), scans, WindowParams(**values["window"]), config.labels, batch)
    cases = [score.case for score in scores]
    metrics = dict(summarise(cases, config.labels))
    metrics = {"test_dice": metrics.pop("val_dice"), **metrics}
    rows = [case.as_dict() for case in cases]
    record = plain({"metrics": metrics, "cases": [[row.get(name) for name in _CASE] for row in rows]})
    return full_record(record, scores, config.labels)


def _scores(
    forward: Forward, scans: Pack, window: WindowParams, labels: tuple[str, ...], batch_size: int
) -> tuple[FullScore, ...]:
    """One record a scan. A scan is predicted once: overlap is counted from the volume that distances are measured in."""
    found = []
    for span, prediction in predicted_volumes(forward, scans, window, batch_size):
        confusion = confusion_of(span.reference, prediction)
        case = score_counts(span.uid, span.patient, span.reference, confusion, labels)
        found.append(full_score(case, span.reference, prediction))
    return tuple(found)
