"""Time to quality: how many epochs each way of searching spends until it has found what the study's protocol finds.

    python -m tests.benchmarks.bench_quality [--repeats 5] [--search-seeds 16] [--folder FOLDER] [--json FILE] [--png FILE]

Real trainings of five narrow networks on generated patients (`quality.scans`), 120 configurations (`quality.choices`). All
methods get the epochs of the study's protocol, 14 trainings, and are specs run by the project's own search
(`quality.methods`): proposers, pruners and stages, one trial at a time, without Ray.

A training on one thread repeats bit for bit, so every configuration is trained once a repeat and read by all methods; the
epochs count for each method, each time that it asks, pruned and repeated trials included. A repeat has its own patients,
its own split and its own training seed. On every repeat the methods with a lot search with several seeds; those
are averaged, and intervals (95 %, bootstrap) are over repeats.

The trainings go to `--folder`, a line a curve, in two processes of one thread each; a second run goes on where the first one
stopped. They take about 330 CPU-seconds a repeat, and 100 once for tracing; searching takes 30 a repeat.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.quality.choices import Choice, choices
from tests.benchmarks.quality.curves import Table, read_tables, train_share
from tests.benchmarks.quality.methods import METHODS, STRONG_STUDY, STUDY
from tests.benchmarks.quality.picture import draw
from tests.benchmarks.quality.readings import BUDGET, GOAL, all_traces, read

WORKERS = 2


def tables_in(folder: Path, repeats: int) -> dict[int, Table]:
    """The curves of all repeats, trained as far as the folder does not hold them."""
    files = [folder / f"curves-{worker}.jsonl" for worker in range(WORKERS)]
    context = multiprocessing.get_context("spawn")
    trainers = [
        context.Process(target=train_share, args=(file, range(repeats), worker, WORKERS))
        for worker, file in enumerate(files)
    ]
    for trainer in trainers:
        trainer.start()
    for trainer in trainers:
        trainer.join()
    return whole_tables(files, repeats)


def whole_tables(files: list[Path], repeats: int) -> dict[int, Table]:
    """The repeats of which every curve is there."""
    found = read_tables([file for file in files if file.exists()])
    return {repeat: found[repeat] for repeat in range(repeats) if len(found.get(repeat, {})) == len(choices())}


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| method | final Dice | less study | less study after 1/3 | epochs to study's final / its total | median | to 95 % of it "
        "| GFLOP | CPU-s | reached | by 1/3 | trials | whole | repeated |",
        "|---|---|---|---|---|---:|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        cells = [_cell(row[key]) for key in ("final", "gain", "at_goal", "ratio_epochs")]
        cells += [f"{row['median_epochs']:.2f}", *(_cell(row[f"ratio_{key}"]) for key in ("nearly", "gflop", "cpu_s"))]
        cells += [f"{row['reached']:.0%}", f"{row['reached_by_goal']:.0%}"]
        cells += [f"{row[key]:.1f}" for key in ("trials", "finished", "repeated")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def result_of(tables: Mapping[int, Table], search_seeds: int, slots: int, png: Path | None) -> dict[str, Any]:
    """All rows, against the study's protocol and against the one that begins with a better learning rate."""
    traces = all_traces(tables, search_seeds, slots)
    if png:
        draw(traces, png)
    winners = {
        method: [
            {name: getattr(group[0].winner, name) for name in Choice.__slots__} for group in traces[method].values()
        ]
        for method in METHODS
    }
    return {
        "budget_epochs": BUDGET,
        "goal": GOAL,
        "repeats": len(tables),
        "search_seeds": search_seeds,
        "slots": slots,
        "best_of_all": [max(max(curve.val_dice) for curve in table.values()) for table in tables.values()],
        "cpu_s": [sum(sum(curve.cpu_s) for curve in table.values()) for table in tables.values()],
        "against_study": read(traces, STUDY),
        "against_strong_study": read(traces, STRONG_STUDY),
        "winners": winners,
    }


def main() -> None:
    """Train, search, print the table, write JSON and picture when asked to."""
    parser = argparse.ArgumentParser(description="best validation Dice against epochs spent")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--search-seeds", type=int, default=16)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--read-only", action="store_true", help="train nothing; use the repeats that are complete")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="quality-"))
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.read_only:
        tables = whole_tables(sorted(folder.glob("curves-*.jsonl")), arguments.repeats)
    else:
        tables = tables_in(folder, arguments.repeats)
    result = result_of(tables, arguments.search_seeds, arguments.slots, arguments.png)
    print(f"{len(tables)} repeats, {arguments.search_seeds} search seeds, curves in {folder}")
    print(table(result["against_study"]))
    print("\nagainst one factor at a time from a learning rate of 1e-3\n")
    print(table(result["against_strong_study"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
