"""Ledgers that look like those of real sweeps, without a sweep: seeded, of any size, with every kind of end."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from results.ledger_line import encode

ARCHITECTURES = {
    "unet": (34_512_323, 54.6, 0.711, 0.31),
    "unet_resnet18": (20_788_995, 14.1, 0.737, 0.36),
    "unet_resnet50": (30_908_291, 19.8, 0.794, 0.47),
    "segnet": (32_628_547, 61.2, 0.806, 0.52),
    "encoder_decoder": (1_758_467, 4.2, 0.754, 0.44),
}

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "<svg/onload=alert(5)>",
    "javascript:alert(6)",
    "]]><!--",
    "-->",
    "{{ 7*7 }}{% raw %}",
    "$\\frac{1}{0}$ $$",
    '=HYPERLINK("http://evil","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "a|b|c",
    "[x](javascript:alert(7)) ![y](http://evil/z.png)",
    "`code` **bold** <b>html</b>\n# heading",
    "\x1b[31mred\x1b[0m[bold]rich[/bold]\x00\x07",
    "\u202egnp.exe \ud800 \u4e2d\u6587 é",
)


class Clock:
    """A clock that advances one second a look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


@dataclass
class FakeLedger:
    """Collects events as ledger lines."""

    clock: Clock = field(default_factory=Clock)
    lines: list[bytes] = field(default_factory=list)

    def add(self, event: str, **payload: Any) -> None:
        stamp = self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.lines.append(encode(len(self.lines) + 1, stamp, event, payload))

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "ledger.jsonl"
        path.write_bytes(b"".join(self.lines))
        return path


def patients(count: int) -> list[str]:
    return ["case-" + hashlib.sha256(b"%d" % i).hexdigest()[:8] for i in range(count)]


def uid_of(number: int) -> str:
    return f"t{number:04d}-" + hashlib.sha256(b"trial %d" % number).hexdigest()[:8]


def sweep_payload(trials: int = 30, cases: int = 5, **changes: Any) -> dict[str, Any]:
    ids = patients(cases + 9)
    payload = {
        "schema_version": 1,
        "name": "liver-archs",
        "objective": [{"metric": "val_dice", "direction": "maximize"}],
        "labels": ["liver", "tumour"],
        "trials": trials,
        "architectures": list(ARCHITECTURES),
        "hashes": dict.fromkeys(("spec", "space", "code", "data", "split"), "ab" * 32),
        "versions": {"liversweep": "0.1.0", "keras": "3.15.0", "tensorflow": "2.21.0"},
        "split": {
            "fingerprint": "4be1c0ffee5eed01",
            "train": ids[:7],
            "validation": ids[7 : 7 + cases],
            "test": ids[7 + cases :],
        },
        "data": {"cases": cases + 9, "slices": 1840, "tumour_free": 4, "skipped": []},
        "baseline": {
            "val_dice": 0.0,
            "dice_liver_mean": 0.0,
            "dice_liver_sd": 0.0,
            "dice_tumour_mean": 0.0,
            "dice_tumour_sd": 0.0,
            "slice_dice_smooth1_liver_only_mean": 0.412,
            "slice_dice_smooth1_liver_only_sd": 0.49,
            "slice_dice_smooth1_tumour_mean": 0.735,
            "slice_dice_smooth1_tumour_sd": 0.44,
            "n_patients": cases,
            "n_tumour_patients": max(cases - 1, 0),
        },
        "stages": [],
        "space": {"learning_rate": "log 1e-05 … 0.01", "batch_size": "8 | 16 | 32", "size": "64 | 128"},
    }
    return payload | changes


def finished_payload(
    uid: str, architecture: str, rng: np.random.Generator, *, cases: int = 5, epochs: int = 20, tumour: bool = True
) -> dict[str, Any]:
    parameters, gflops, liver, lesion = ARCHITECTURES.get(architecture, (1_000_000, 3.0, 0.7, 0.3))
    skill = rng.normal(0, 0.05)
    liver_dice = np.clip(rng.normal(liver + skill, 0.07, cases), 0, 0.99)
    tumour_dice = np.clip(rng.normal(lesion + skill, 0.18, cases), 0, 0.97)
    has_tumour = np.arange(cases) > 0 if tumour else np.zeros(cases, bool)
    tumour_dice[~has_tumour] = np.nan
    rising = 1 - np.exp(-np.arange(1, epochs + 1) / (epochs / 5))
    known = tumour_dice[has_tumour]
    mean_tumour = float(known.mean()) if known.size else math.nan
    score = float(np.nanmean([liver_dice.mean(), mean_tumour]))
    seconds = gflops * rng.uniform(0.8, 1.2)
    return {
        "uid": uid,
        "metrics": {
            "val_dice": score,
            "dice_liver_mean": float(liver_dice.mean()),
            "dice_liver_sd": float(liver_dice.std(ddof=1)) if cases > 1 else math.nan,
            "dice_liver_n": cases,
            "dice_liver_nan": 0,
            "dice_tumour_mean": mean_tumour,
            "dice_tumour_sd": float(known.std(ddof=1)) if known.size > 1 else math.nan,
            "dice_tumour_n": int(has_tumour.sum()),
            "dice_tumour_nan": int((~has_tumour).sum()),
            "dice_global_liver": float(liver_dice.mean()) + 0.01,
            "dice_global_tumour": mean_tumour - 0.02,
            "slice_dice_smooth1_liver_only_mean": float(liver_dice.mean()) - 0.02,
            "slice_dice_smooth1_liver_only_sd": 0.24,
            "slice_dice_smooth1_tumour_mean": 0.74 + 0.1 * skill,
            "slice_dice_smooth1_tumour_sd": 0.41,
            "voe_liver_mean": 0.3,
            "rvd_liver_mean": -0.04,
            "false_positive_ml_liver_mean": 0.0,
            "false_positive_ml_tumour_mean": 1.2,
            "tumour_burden_rmse": 0.05,
            "n_patients": cases,
            "n_tumour_patients": int(has_tumour.sum()),
            "tumour_free_specificity": 0.5,
        },
        "best_epoch": max(epochs - 2, 1),
        "epochs": epochs,
        "updates": epochs * 120,
        "seconds": seconds * epochs,
        "stop_reason": "epochs",
        "cost": {
            "parameters": parameters,
            "gflops": gflops,
            "peak_memory_mb": 900.0,
            "s_per_epoch": seconds,
            "inference_ms_per_slice": gflops / 3,
        },
        "cases": [
            [case, case, float(a), float(b), bool(c)]
            for case, a, b, c in zip(patients(cases), liver_dice, tumour_dice, has_tumour, strict=True)
        ],
        "history": {
            "epoch": list(range(1, epochs + 1)),
            "loss": [float(v) for v in 1.1 - 0.9 * rising + rng.normal(0, 0.01, epochs)],
            "val_dice": [float(v) for v in score * rising + rng.normal(0, 0.012, epochs)],
            "learning_rate": [1e-4] * epochs,
            "seconds": [seconds] * epochs,
        },
    }


MORE_COLUMNS = (
    *(f"{name}_{label}" for label in ("liver", "tumour") for name in ("voe", "rvd", "rmsd", "mssd")),
    *(f"{name}_{label}" for label in ("liver", "tumour") for name in ("assd", "hd95", "nsd")),
    *("lesions_reference", "lesions_prediction", "lesions_matched"),
)


def scored_in_full(payload: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A finished payload as a trial that scored its best epoch in full leaves it; the first case's tumour was missed."""
    metrics: dict[str, Any] = {"lesions_reference": 9, "lesions_prediction": 12, "lesion_recall_iou50": 0.5}
    for label in ("liver", "tumour", "liver_only"):
        for name in ("assd", "rmsd", "mssd", "hd95", "nsd"):
            metrics |= {f"{name}_{label}_mean": float(rng.uniform(1, 9)), f"{name}_{label}_sd": 1.5}
            metrics |= {f"{name}_{label}_failures": int(label == "tumour")} if name != "nsd" else {}
    rows = [[*rng.uniform(0, 9, len(MORE_COLUMNS) - 3).tolist(), 2, 3, 1] for _ in payload["cases"]]
    tumour = slice(len(MORE_COLUMNS) - 6, len(MORE_COLUMNS) - 3)
    for row, case in zip(rows, payload["cases"], strict=True):
        if not case[4]:
            row[tumour] = [None] * 3
    if rows:
        rows[0][tumour] = ["inf", "inf", 0.0]
    return {**payload, "metrics": payload["metrics"] | metrics, "scores": {"columns": list(MORE_COLUMNS), "rows": rows}}


def suggested_payload(number: int, architecture: str, rng: np.random.Generator, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "uid": uid_of(number),
        "number": number,
        "stage": "",
        "architecture": architecture,
        "parameters": {
            "learning_rate": float(10 ** rng.uniform(-5, -2)),
            "batch_size": int(rng.choice([8, 16, 32])),
            "size": int(rng.choice([64, 128])),
            "window": str(rng.choice(["study", "liver"])),
            "optimizer": "adam",
        },
        "seed": 7,
        "fold": 0,
    }
    if architecture == "unet":
        payload["parameters"]["base_filters"] = int(rng.choice([16, 32]))
    return payload | changes


def realistic(
    trials: int = 30,
    *,
    cases: int = 5,
    epochs: int = 20,
    seed: int = 0,
    tumour: bool = True,
    close: bool = True,
    sweep: Mapping[str, Any] | None = None,
) -> FakeLedger:
    """Five architectures in turn; every seventh trial is pruned, some fail, one finishes without a score."""
    rng = np.random.default_rng(seed)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(trials, cases) | dict(sweep or {}))
    names = list(ARCHITECTURES)
    failures = {5: "oom", 11: "nan", 17: "timeout", 23: "crash", 24: "oom"}
    for number in range(trials):
        architecture = names[number % len(names)]
        uid = uid_of(number)
        ledger.add("suggested", **suggested_payload(number, architecture, rng))
        ledger.add("started", uid=uid, attempt=1)
        if number in failures:
            kind = failures[number]
            ledger.add("failed", uid=uid, kind=kind, message=f"training ended: {kind}", epochs=3, seconds=41.0)
        elif number % 7 == 6:
            ledger.add("pruned", **finished_payload(uid, architecture, rng, cases=cases, epochs=max(epochs // 4, 2)))
        else:
            payload = finished_payload(uid, architecture, rng, cases=cases, epochs=epochs, tumour=tumour)
            if number == 8:
                payload["metrics"]["val_dice"] = math.nan
            ledger.add("finished", **payload)
    if close:
        ledger.add("closed", reason="finished")
    return ledger


def hostile(trials: int = 20) -> FakeLedger:
    """Every name that a user or plug-in could choose is hostile: sweep, architectures, parameters, messages, cases."""
    rng = np.random.default_rng(1)
    ledger = FakeLedger()
    ledger.add(
        "sweep",
        **sweep_payload(
            trials,
            3,
            name=HOSTILE[0],
            architectures=list(HOSTILE[:trials]),
            versions={HOSTILE[1]: HOSTILE[2]},
            space={HOSTILE[3]: HOSTILE[4]},
            parents=[{"name": name, "trials": 1} for name in HOSTILE],
            spec={"trial": {"deadline": HOSTILE[0], "memory": HOSTILE[1], "stall": HOSTILE[2]}},
            data={"cases": 3, "slices": 10, "tumour_free": 0, "skipped": list(HOSTILE)},
        ),
    )
    for name in HOSTILE:
        ledger.add("inherited", source=name, state="failed", **suggested_payload(0, name, rng, stage=name))
        ledger.add("extended", trials=trials, note=name, space={name: name})
    for number in range(trials):
        name = HOSTILE[number % len(HOSTILE)]
        parameters = {name: HOSTILE[-1 - number % len(HOSTILE)], "window": name}
        ledger.add("suggested", **suggested_payload(number, name, rng, parameters=parameters))
        if number % 4 == 3:
            kind = name if number % 8 == 3 else ("oom", "timeout")[number // 8 % 2]
            ledger.add("failed", uid=uid_of(number), kind=kind, message=name, epochs=0, seconds=1.0)
            continue
        payload = finished_payload(uid_of(number), name, rng, cases=3, epochs=4)
        payload["cases"] = [[name, name, *row[2:]] for row in payload["cases"]]
        payload["stop_reason"] = name
        ledger.add("finished", **payload)
    return ledger
