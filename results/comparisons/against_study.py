"""The reference study's published figures beside ours: the one number that can be compared, and all that still differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from results import study
from results.comparisons.entries import Entry
from results.ranking import best_by_architecture, best_trials, settings
from results.records import TrialRecord
from results.reports.history import counted
from results.reports.section import Section
from results.reports.table import Shown, Table, make_table
from results.statistics import score_in
from results.sweep_parts import SplitRecord
from results.tables import BASELINE
from results.tables.architectures import setting_metrics
from results.tables.trials import study_columns
from results.text import printable

STUDY = "the study"
LABELS = ("liver", "tumour")
_DIFFERS = "not recorded"


def study_section(entries: Sequence[Entry]) -> Section:
    """Three tables of figures, one of protocols, and what to make of them."""
    tables = (network_layout(entries), tuning_layout(entries), protocol_layout(entries), literature_layout())
    text = (*_reading(entries), f"Source of the study's figures: {study.SOURCE}.")
    return Section(
        "study", "Against the reference study", "Study", text, tables, facts={"source": study.SOURCE}, screen=True
    )


def _reading(entries: Sequence[Entry]) -> tuple[str, ...]:
    compared = (
        "Only slice Dice* may be held against the study's figures: it is the study's own formula, per slice, smoothed by 1, with "
        "liver as label 1 alone. Dice per patient is another score, and is shown so that nobody mistakes one for the other."
    )
    caution = (
        "Nor is slice Dice* measured on the same slices. An empty slice left empty scores 1, so the number depends on how many "
        "slices show neither liver nor tumour: here every slice of a volume is scored, in the study 176 slices. The rows "
        f"{BASELINE} say what calling everything background is worth here; the study does not say what it is worth there."
    )
    return (compared, caution, *filter(None, (_baseline_sentence(entry) for entry in entries)))


def _baseline_sentence(entry: Entry) -> str:
    """How many of a sweep's networks beat the empty prediction for tumour, in a sentence; empty where that is not known."""
    empty = _figures(entry, entry.record.baseline)["slice_tumour"]
    best = best_by_architecture(entry.sweep.trials, entry.record.objectives)
    own = [setting_metrics(entry.sweep, trial) for trial in best.values() if trial is not None]
    found = [_figures(entry, metrics)["slice_tumour"] for metrics in own]
    known = [value for value in found if math.isfinite(value)]
    if not math.isfinite(empty) or not known:
        return ""
    above = sum(value > empty for value in known)
    return (
        f"{entry.name}: calling everything background scores a slice Dice* of {empty:.3f} for tumour; {above} of "
        f"{counted(len(known), 'network')} {'scores' if above == 1 else 'score'} more."
    )


def network_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row a network and source (the study, each sweep's validation patients, its test patients once opened), then baselines.

    Columns: `architecture`, `source`, `slice_liver`, `slice_tumour`, `slice_sd_liver`, `slice_sd_tumour` (slice Dice* and its SD
    over slices), `dice_liver_mean`, `dice_tumour_mean` (per patient; ours alone), `parameters_m`, `s_per_epoch`, `patients`.
    """
    published = {network.architecture: network for network in study.NETWORKS}
    names = dict.fromkeys((*published, *(name for entry in entries for name in entry.record.architectures)))
    rows = []
    for name in names:
        if name in published:
            rows.append(_published(published[name]))
        for entry in entries:
            best = best_by_architecture(entry.sweep.trials, entry.record.objectives).get(name)
            rows += _ours(entry, best) if best is not None else []
    for entry in entries:
        rows.append({"architecture": BASELINE, "source": entry.name} | _figures(entry, entry.record.baseline))
    columns = [
        "architecture",
        "source",
        *(f"slice_{label}" for label in LABELS),
        *(f"slice_sd_{label}" for label in LABELS),
    ]
    columns += [f"dice_{label}_mean" for label in LABELS] + ["parameters_m", "s_per_epoch", "patients"]
    return pd.DataFrame(rows, columns=columns)


def _published(network: study.StudyNetwork) -> dict[str, Any]:
    row = {"architecture": network.architecture, "source": f"{STUDY} ({network.title})", **_of_study(network.dice)}
    return row | {"parameters_m": network.parameters / 1e6, "s_per_epoch": network.s_per_epoch}


def _of_study(dice: study.SliceDice) -> dict[str, float]:
    row = {"slice_liver": dice.liver, "slice_tumour": dice.tumour}
    return row | {"slice_sd_liver": dice.liver_sd, "slice_sd_tumour": dice.tumour_sd}


def _ours(entry: Entry, best: TrialRecord) -> list[dict[str, Any]]:
    cost = {"parameters_m": best.cost.parameters / 1e6, "s_per_epoch": best.cost.s_per_epoch}
    row: dict[str, Any] = {"architecture": best.architecture, "source": entry.name}
    rows = [row | _figures(entry, setting_metrics(entry.sweep, best)) | cost]
    metrics = _test_metrics(entry, best)
    if metrics:
        rows.append(row | {"source": f"{entry.name}, test"} | _figures(entry, metrics))
    return rows


def _test_metrics(entry: Entry, best: TrialRecord) -> dict[str, float]:
    """Means over the trainings of a setting that the first opening of the test patients scored; empty without one."""
    trials = settings(entry.sweep.trials)[best.uid].trials if entry.record.openings else ()
    scores = [score for trial in trials if (score := score_in(trial, entry.record.openings[0])) is not None]
    return {
        name: fmean(score.metrics.get(name, math.nan) for score in scores)
        for name in (scores[0].metrics if scores else ())
    }


def _figures(entry: Entry, metrics: Mapping[str, float]) -> dict[str, Any]:
    """A sweep's figures under the names of the table; NaN where it has none."""
    measured = dict(
        zip(("liver", *[x for x in entry.record.labels if x != "liver"]), study_columns(entry.sweep), strict=True)
    )
    row: dict[str, Any] = {}
    for label in LABELS:
        name = measured.get(label, "")
        row[f"slice_{label}"] = metrics.get(name, math.nan)
        row[f"slice_sd_{label}"] = metrics.get(f"{name.removesuffix('_mean')}_sd", math.nan)
        row[f"dice_{label}_mean"] = metrics.get(f"dice_{label}_mean", math.nan)
    patients = metrics.get("n_patients", math.nan)
    return row | {"patients": int(patients) if math.isfinite(patients) else None}


def network_layout(entries: Sequence[Entry]) -> Table:
    """The networks under their heads."""
    frame = network_table(entries)
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("source",), "whose figures", numeric=False),
        *_slice_columns(),
        Shown(("dice_liver_mean", "dice_tumour_mean"), "Dice per patient liver / tumour", priority=2),
        Shown(("patients",), "patients", priority=4),
        Shown(("parameters_m",), priority=3),
        Shown(("s_per_epoch",), "s/epoch", priority=3),
    ]
    note = f"The study: {study.TEST_SLICES} test slices at 128 × 128. Ours: all slices of the patients, on the scans' own grid."
    marked = frozenset(i for i, name in enumerate(frame["architecture"]) if name == BASELINE)
    return make_table(frame, shown, key="study-networks", title="The study's networks", note=note, marked=marked)


def _slice_columns() -> list[Shown]:
    return [
        Shown(("slice_liver", "slice_tumour"), "slice Dice* liver / tumour"),
        Shown(("slice_sd_liver", "slice_sd_tumour"), "SD over slices", priority=1),
    ]


def tuning_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row a step of the study's tuning and source; ours are trials with the same batch size, learning rate and size.

    Columns: `factor`, `value`, `source`, slice Dice* as in `network_table`, `note`.
    """
    rows = []
    for step in study.TUNING:
        row = {"factor": step.factor, "value": f"{step.value:g}"}
        rows.append(row | {"source": STUDY, "note": step.note} | _of_study(step.dice or study.UNKNOWN))
        for entry in entries:
            found = [trial for trial in best_trials(entry.sweep) if _same_setting(trial, step)]
            if found:
                figures = _figures(entry, found[0].metrics)
                rows.append(row | {"source": entry.name, "note": found[0].uid} | figures)
    columns = ["factor", "value", "source", *(f"slice_{label}" for label in LABELS)]
    return pd.DataFrame(rows, columns=[*columns, *(f"slice_sd_{label}" for label in LABELS), "note"])


def _same_setting(trial: TrialRecord, step: study.StudySetting) -> bool:
    wanted = {"batch_size": step.batch_size, "learning_rate": step.learning_rate, "size": step.size}
    return trial.architecture == study.TUNED and all(_is(trial.parameters.get(k), v) for k, v in wanted.items())


def _is(value: Any, wanted: float) -> bool:
    return isinstance(value, (int, float)) and math.isclose(value, wanted, rel_tol=1e-6)


def tuning_layout(entries: Sequence[Entry]) -> Table:
    """The study's tuning under its heads."""
    shown = [
        Shown(("factor",), numeric=False),
        Shown(("value",)),
        Shown(("source",), "whose figures", numeric=False),
        *_slice_columns(),
        Shown(("note",), numeric=False, priority=1),
    ]
    note = "SegNet, one factor at a time, the best value kept: batch size at 1e-4, learning rate at batch size 8, size at 0.01. "
    note += "Ours where a trial of segnet has the same batch size, learning rate and size; the best of them."
    return make_table(tuning_table(entries), shown, key="study-tuning", title="The study's tuning of SegNet", note=note)


def literature_layout() -> Table:
    """What others published on LiTS, as the study quotes it."""
    frame = pd.DataFrame(
        [{"method": m.method, "dice_liver": m.liver, "dice_tumour": m.tumour} for m in study.LITERATURE]
    )
    shown = [Shown(("method",), numeric=False), Shown(("dice_liver",)), Shown(("dice_tumour",))]
    note = f"Dice on LiTS with splits of their own; from {study.LITERATURE_SOURCE}. Not the study's slice Dice*."
    return make_table(frame, shown, key="study-literature", title="What the study compares itself with", note=note)


def protocol_table(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row a point in which protocols differ. Columns: `point`, `the study`, and one for each sweep, named after it."""
    ours = {entry.name: _protocol(entry) for entry in entries}
    rows = [
        {"point": point, STUDY: text, **{name: found[point] for name, found in ours.items()}}
        for point, text in _STUDY.items()
    ]
    return pd.DataFrame(rows, columns=["point", STUDY, *ours])


_STUDY = {
    "score that ranks": "slice Dice*, 128 × 128",
    "liver": "label 1 alone",
    "scored on": "the test slices, on which values were tuned too",
    "test patients": "the same",
    "slices scored": f"{study.TEST_SLICES}; empty images dropped",
    "trained on": "5 volumes, 616 slices",
    "size": "128",
    "window": "−45 … 105 HU",
    "orientation": "turned by 90°, spacing ignored",
    "epochs": "20",
    "batch size": "16",
    "learning rate": "1e-04",
    "loss": "ce",
    "optimizer": "adam",
    "seeds": "one (42)",
    "values chosen": "by hand, one at a time, SegNet only",
}


def _protocol(entry: Entry) -> dict[str, str]:
    record, split = entry.record, entry.record.split
    best = [
        trial for trial in best_by_architecture(entry.sweep.trials, record.objectives).values() if trial is not None
    ]
    objectives = ", ".join(item.metric for item in record.objectives)
    liver = (
        "label 1 alone in slice Dice*, else label ≥ 1" if "liver_only" in study_columns(entry.sweep)[0] else "label ≥ 1"
    )
    opened = (
        f"{len(split.test)}, opened {counted(len(record.openings), 'time')}"
        if record.openings
        else f"{len(split.test)}, locked"
    )
    return {
        "score that ranks": f"{objectives}: per patient, native grid",
        "liver": liver,
        "scored on": _scored_on(split),
        "test patients": opened if split.test else "none",
        "slices scored": "every slice of each volume",
        "trained on": counted(len(split.train), "patient"),
        "size": _values(best, "size"),
        "window": _values(best, "window"),
        "orientation": "upright by the affine, spacing kept",
        "epochs": ", ".join(sorted({str(trial.planned_epochs or trial.epochs) for trial in best}, key=int)) or _DIFFERS,
        "batch size": _values(best, "batch_size"),
        "learning rate": _values(best, "learning_rate"),
        "loss": _values(best, "loss"),
        "optimizer": _values(best, "optimizer"),
        "seeds": ", ".join(map(str, sorted({trial.seed for trial in entry.sweep.trials}))) or _DIFFERS,
        "values chosen": _chosen(entry),
    }


def _scored_on(split: SplitRecord) -> str:
    if not split.folds:
        return counted(len(split.validation), "validation patient")
    count = len({patient for fold in split.folds for patient in fold.validation})
    return f"{counted(count, 'validation patient')} in {len(split.folds)} folds"


def _values(trials: Sequence[TrialRecord], name: str) -> str:
    """The values of a parameter among the best trials, as short as can be."""
    values = {trial.parameters[name] for trial in trials if isinstance(trial.parameters.get(name), (str, int, float))}
    numbers = sorted(value for value in values if isinstance(value, (int, float)))
    if len(numbers) > 3:
        return f"{numbers[0]:.2g} … {numbers[-1]:.2g}"
    texts = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in numbers]
    return printable(", ".join([*texts, *sorted(str(value) for value in values if isinstance(value, str))])) or _DIFFERS


def _chosen(entry: Entry) -> str:
    search = entry.record.spec.get("search")
    sampler = str(search.get("sampler") or "") if isinstance(search, Mapping) else ""
    count = counted(sum(not trial.replicate_of for trial in entry.sweep.trials), "trial")
    return printable(f"{sampler} over {count}" if sampler else count)


def protocol_layout(entries: Sequence[Entry]) -> Table:
    """The points under their heads."""
    frame = protocol_table(entries)
    shown = [Shown(("point",), numeric=False), Shown((STUDY,), STUDY, numeric=False)]
    shown += [Shown((entry.name,), entry.name, numeric=False) for entry in entries]
    note = "Values of ours are those of each architecture's best trial."
    return make_table(frame, shown, key="study-protocol", title="Where the protocols differ", note=note)
