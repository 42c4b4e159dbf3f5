"""What a proposal and a trial's end cost the driver, by sampler, and what a report costs, by pruner, as trials grow many.

    python -m tests.benchmarks.bench_sampler [--known 100 1000] [--samplers tpe cmaes …] [--pruners …] [--json FILE]

One search a row, from its first trial on, in this process and as the driver does it: `sweeps.search` is asked for a
proposal, told of an epoch's score three times or until the pruner stops the trial, and of the trial's end. Eight trials are
open at a time. All are of one architecture with four dimensions, so that all lie in one study: the most that a sampler
can have to look at. Scores are made up. The grid has a fifth dimension instead of the continuous one.

Counted is CPU time of this thread (`time.thread_time`) a call: the median of the fifty before so many trials have ended.
Samplers run without a pruner (`nsga2` with two objectives), pruners with the random sampler. GP needs PyTorch and is left
out where that is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import random
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sweeps.search.plan import Proposal, SearchPlan
from sweeps.search.proposer import Proposer
from sweeps.spec.space import Dimension, Space

MAX_ASK_MS, MAX_TELL_MS = 20.0, 1.0
SAMPLERS = ("tpe", "random", "grid", "cmaes", "nsga2", "qmc", "gp")
PRUNERS = ("none", "asha", "hyperband", "median")
EPOCHS, OPEN, WINDOW = 3, 8, 50

T = TypeVar("T")


def space(kind: str) -> Space:
    """Four dimensions of one architecture; for a grid so many values of each that it is not used up."""
    if kind == "grid":
        values = tuple(10.0 ** (-5 + 3 * step / 999) for step in range(1000))
        rate = Dimension(name="learning_rate", kind="categorical", choices=values)
    else:
        rate = Dimension(name="learning_rate", kind="float", low=1e-5, high=1e-2, log=True)
    others = (
        Dimension(name="augment_rotate_deg", kind="categorical", choices=(0.0, 1.0, 2.0)),
        Dimension(name="batch_size", kind="categorical", choices=(8, 16, 32)),
        Dimension(name="loss", kind="categorical", choices=("ce", "dice_ce")),
    )
    return Space("search", (("unet", (rate, *others)),))


def proposer(sampler: str, pruner: str, trials: int) -> Proposer:
    """A fresh search."""
    directions = ("maximize", "minimize") if sampler == "nsga2" else ("maximize",)
    plan = SearchPlan(
        stage="search",
        trials=trials,
        per_architecture="equal",
        sampler=sampler,
        scheduler={"kind": pruner},
        directions=directions,
        epochs=EPOCHS,
        seed=1,
        trial_seed=42,
    )
    return Proposer(space(sampler), plan)


@dataclass
class Clock:
    """CPU-milliseconds of every call of a kind."""

    times: dict[str, list[float]] = field(default_factory=lambda: {"ask": [], "report": [], "tell": []})

    def timed(self, kind: str, call: Callable[..., T], *args: Any) -> T:
        began = time.thread_time()
        found = call(*args)
        self.times[kind].append(1000 * (time.thread_time() - began))
        return found

    def last(self, kind: str, calls: int) -> float:
        """Median of the last calls; NaN without any."""
        return statistics.median(self.times[kind][-calls:] or [math.nan])


def score(proposal: Proposal, epoch: int, noise: float) -> float:
    """Best near a learning rate of 1e-3, rising with the epochs."""
    distance = math.log10(proposal.parameters["learning_rate"]) + 3.0
    return (0.7 * math.exp(-(distance**2)) + 0.2 * noise) * (1.0 - math.exp(-epoch / 3.0))


def run(sampler: str, pruner: str, known: list[int]) -> list[dict[str, Any]]:
    """A whole search; a row at each of the numbers of ended trials."""
    rng, clock, rows = random.Random(1), Clock(), []
    search, running = proposer(sampler, pruner, max(known)), deque[tuple[Proposal, float]]()
    for number in range(max(known) + OPEN):
        running.append((clock.timed("ask", search.ask, number), rng.random()))
        if len(running) < OPEN:
            continue
        end(search, clock, *running.popleft())
        if (ended := number + 2 - OPEN) in known:
            medians = {f"{kind}_ms": clock.last(kind, WINDOW) for kind in clock.times}
            rows.append({"sampler": sampler, "pruner": pruner, "known": ended, **medians})
    return rows


def end(search: Proposer, clock: Clock, proposal: Proposal, noise: float) -> None:
    """Report a trial's epochs, and its end."""
    value, state = 0.0, "finished"
    for epoch in range(1, EPOCHS + 1):
        value = score(proposal, epoch, noise)
        if clock.timed("report", search.report, proposal.uid, epoch, value) and epoch < EPOCHS:
            state = "pruned"
            break
    values = [value, 1.0 - noise] if len(search.plan.directions) > 1 else [value]
    clock.timed("tell", search.tell, proposal.uid, state, values)


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="cost of a proposal, a report and an end")
    parser.add_argument("--known", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--samplers", nargs="*", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--pruners", nargs="*", default=list(PRUNERS), choices=PRUNERS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = [(name, "none") for name in options.samplers] + [("random", name) for name in options.pruners]
    if importlib.util.find_spec("torch") is None:
        pairs = [pair for pair in pairs if pair[0] != "gp"]
        print("gp needs PyTorch, which is not installed: left out")
    print(f"CPU-milliseconds a call (goals at 1,000 trials: ask at most {MAX_ASK_MS:g}, tell {MAX_TELL_MS:g})")
    print(f"{'sampler':8} {'pruner':10} {'known':>6} {'ask':>8} {'report':>8} {'tell':>8}")
    rows = []
    for sampler, pruner in dict.fromkeys(pairs):
        for row in run(sampler, pruner, options.known):
            shown = " ".join(f"{row[f'{kind}_ms']:8.3f}" for kind in ("ask", "report", "tell"))
            print(f"{sampler:8} {pruner:10} {row['known']:6} {shown}", flush=True)
            rows.append(row)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
