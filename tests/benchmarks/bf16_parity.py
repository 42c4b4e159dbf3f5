"""Whether networks trained in bfloat16 reach the Dice of those trained in float32.

Narrow networks are trained on a phantom cohort by `TrainingRun`, each seed once in either precision: same initial
weights, same order of the slices, same number of updates. The score is the one that sweeps rank by, `val_dice` of the
best validation epoch; the differences (bfloat16 minus float32) are paired by seed.

The verdict is one of equivalence, with the margin fixed beforehand: parity is *shown* when the whole 95 % confidence
interval of the mean difference (Student's t over the seeds) lies within +-`MARGIN_DICE`. An interval that lies below
zero means *worse*, and one above zero *better*, unless it is within the margin; anything else is *not shown*, which is
no evidence of a difference either. A network that never finds anything, in either precision, would count as an agreement
to the last digit: such pairs are left out.

Tumours of this cohort stand out more than those of the usual one, and the learning rate falls along a cosine: otherwise
chance decides over the few tumours that are found, and no number of seeds that one can pay for would say anything.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from liverseg.config import PrepareConfig, TrainConfig
from liverseg.phantom import PhantomConfig, write_cohort
from liverseg.preprocess import Pack, pack, prepare_case
from liverseg.training.device import pin_threads

MARGIN_DICE = 0.01
LEAST_PAIRS = 5
"""Fewer seeds show nothing, however close they are."""
LEARNED_DICE = 0.05
"""Pairs in which neither network comes as far say nothing; they are counted, and left out of the differences."""
SIZE_PX = 64
TRAINED, VALIDATED = 10, 6
COHORT = PhantomConfig(
    cases=TRAINED + VALIDATED, seed=7, matrix_px=(128, 128), slices=(20, 28), contrast_to_noise=(2.0, 4.0)
)
PARAMETERS = {
    "size": SIZE_PX,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "loss": "dice_ce",
    "window": "liver",
}
EPOCHS = 10
BASE_FILTERS = 8
FIRST_SEED = 101


def phantom_packs(folder: Path) -> tuple[Pack, Pack]:
    """Training and validation slices of the cohort, which is written below `folder`."""
    volumes = write_cohort(folder, COHORT)
    config = PrepareConfig(sizes_px=(SIZE_PX,))
    cases = [
        prepare_case(f"case-{k}", f"case-{k}", volume, volume.with_name(f"segmentation-{k}.nii.gz"), config)[SIZE_PX]
        for k, volume in enumerate(volumes)
    ]
    return pack(cases[:TRAINED], training=True), pack(cases[TRAINED:], training=False)


def train(architecture: str, seed: int, mixed: bool, packs: tuple[Pack, Pack]) -> dict[str, float]:
    """One training: its best `val_dice`, both organs' Dice of that epoch, and CPU-seconds."""
    from liverseg.training.loop import TrainingRun

    began = time.process_time()
    config = TrainConfig(
        architecture=architecture,
        options={"base_filters": BASE_FILTERS},
        parameters={**PARAMETERS, "mixed_precision": mixed},
        epochs=EPOCHS,
        seed=seed,
    )
    run = TrainingRun(config, *packs)
    while not run.finished:
        run.run_epoch()
    assert run.best is not None
    metrics = run.best.record.metrics
    run.release()
    kept = {name: metrics[name] for name in ("val_dice", "val_dice_liver", "val_dice_tumour") if name in metrics}
    return {**kept, "cpu_s": time.process_time() - began}


def learned(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs of which at least one network found something."""
    return [pair for pair in pairs if max(pair[name]["val_dice"] for name in ("float32", "bfloat16")) >= LEARNED_DICE]


def verdict(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean, 95 % interval by Student's t and the verdict in words; fewer than two differences give no interval."""
    from scipy import stats

    differences = [pair["bfloat16"]["val_dice"] - pair["float32"]["val_dice"] for pair in learned(pairs)]
    mean = statistics.fmean(differences) if differences else math.nan
    if len(differences) < 2:
        return {"mean": mean, "low": math.nan, "high": math.nan, "verdict": "not shown"}
    spread = statistics.stdev(differences)
    half = float(stats.t.ppf(0.975, len(differences) - 1)) * spread / math.sqrt(len(differences))
    low, high = mean - half, mean + half
    if len(differences) < LEAST_PAIRS:
        said = "not shown"
    elif max(-low, high) <= MARGIN_DICE:
        said = "parity shown"
    elif high < 0:
        said = "worse"
    else:
        said = "better" if low > 0 else "not shown"
    return {"mean": mean, "low": low, "high": high, "verdict": said}


def parity(architectures: tuple[str, ...], seeds: int, progress: Path | None = None) -> dict[str, Any]:
    """All rows. After every pair of trainings what there is is written to `progress`, for it takes long."""
    pinned = pin_threads(1)
    rows: dict[str, dict[str, Any]] = {name: {"architecture": name, "pairs": []} for name in architectures}
    result = {"margin_dice": MARGIN_DICE, "epochs": EPOCHS, "one_thread": pinned, "rows": list(rows.values())}
    with tempfile.TemporaryDirectory() as name:
        packs = phantom_packs(Path(name))
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            for architecture, row in rows.items():
                full, half = (train(architecture, seed, mixed, packs) for mixed in (False, True))
                row["pairs"].append({"seed": seed, "float32": full, "bfloat16": half})
                row |= verdict(row["pairs"])
                if progress is not None:
                    progress.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def parity_table(result: dict[str, Any]) -> str:
    """The rows as Markdown."""
    lines = [
        "| architecture | seeds | neither learned | val_dice fp32 | bf16 | difference, mean (95 % CI) | SD | verdict |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in result["rows"]:
        pairs = learned(row["pairs"])
        full, half = ([pair[name]["val_dice"] for pair in pairs] for name in ("float32", "bfloat16"))
        differences = [b - a for a, b in zip(full, half, strict=True)]
        spread = statistics.stdev(differences) if len(differences) > 1 else math.nan
        means = [statistics.fmean(values) if values else math.nan for values in (full, half)]
        lines.append(
            f"| `{row['architecture']}` | {len(row['pairs'])} | {len(row['pairs']) - len(pairs)} "
            f"| {means[0]:.3f} | {means[1]:.3f} "
            f"| {row['mean']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}) | {spread:.4f} | {row['verdict']} |"
        )
    return "\n".join([*lines, f"margin of equivalence, fixed beforehand: {result['margin_dice']} Dice"])
