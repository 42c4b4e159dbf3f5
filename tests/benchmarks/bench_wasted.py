"""Epochs that a sweep need not train: parameter sets that it had, trials that cannot fit, curves that are flat.

    python -m tests.benchmarks.bench_wasted [--json FILE]

Counts, which repeat exactly, of searches without training (a fixed score for every set) and of simulated learning curves;
and CPU seconds a proposal, once, of a search that has 10,000 trials behind it. "Before" is the same search with a memory
that finds nothing, and with refused trials told as failed ones. Curves: a share `a` of a rise with time constant `t`, noise of
0.01 a epoch; of two steps, the second after 3 to 15 epochs, as Dice has where tumours are found after the liver.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liverseg.config import PlateauRule
from liverseg.training.plateau import flattened, median_slope
from sweeps.costs.fit import Room
from sweeps.costs.refusal import MemoryCheck
from sweeps.search.plan import SearchPlan
from sweeps.search.proposer import Proposer
from sweeps.search.tried import Tried, TriedSet, set_key
from sweeps.spec.dimension import Dimension
from sweeps.spec.space import Space

SAMPLERS = ("tpe", "random", "cmaes", "nsga2", "qmc")
SEEDS = 5
CURVES, EPOCHS = 400, 40
RULE = PlateauRule(epochs=5, gain=0.005, grace_epochs=10)
ONE_GB = Room(1000.0, "trial.memory", "raise trial.memory to {gb}GB")


class Forgetful(Tried):
    """Finds nothing."""

    def find(self, name: str, parameters: Any, epochs: int) -> TriedSet | None:
        return None

    def add(self, uid: str, name: str, parameters: Any, epochs: int) -> None:
        """Nothing."""


def choice(name: str, *values: Any) -> Dimension:
    return Dimension(name=name, kind="categorical", choices=values, fixed=len(values) == 1)


RATE = Dimension(name="learning_rate", kind="float", low=1e-5, high=1e-2, log=True)
WORDS = (choice("loss", "ce", "dice", "dice_ce"), choice("batch_size", 4, 8, 16), choice("window", "study", "liver"))
TIGHT = (choice("batch_size", 2, 32, 64), choice("size", 64, 512), RATE)


def proposer(dimensions: Sequence[Dimension], sampler: str, trials: int, seed: int) -> Proposer:
    plan = SearchPlan(
        stage="search",
        trials=trials,
        per_architecture="equal",
        sampler=sampler,
        scheduler={"kind": "none"},
        directions=("maximize",),
        epochs=10,
        seed=seed,
        trial_seed=42,
    )
    return Proposer(Space("search", (("unet", tuple(dimensions)),)), plan)


def score(parameters: Any) -> float:
    """A fixed score for every set: the worse, the farther from one of them."""
    rate = parameters.get("learning_rate", 1e-3)
    words = (parameters.get("loss") == "dice_ce") + 0.5 * (parameters.get("batch_size") == 8)
    return float(words + 0.2 * (parameters.get("window") == "liver") - abs(math.log10(rate) + 3))


def repeated(sampler: str, trials: int, *, before: bool) -> tuple[float, float]:
    """Of a search over 18 sets: how many of its trials had a set that another one had, and the best score; means over seeds."""
    repeats, best = 0, 0.0
    for seed in range(SEEDS):
        search, sets, top = proposer(WORDS, sampler, trials, seed), set(), -math.inf
        if before:
            search.share(Forgetful())
        for number in range(trials):
            proposal = search.ask(number)
            key = set_key(proposal.architecture, proposal.parameters, proposal.epochs)
            repeats += key in sets
            sets.add(key)
            top = max(top, score(proposal.parameters))
            search.tell(proposal.uid, "finished", [score(proposal.parameters)])
        best += top
    return repeats / SEEDS, best / SEEDS


def refused(word: str) -> float:
    """Of the second 30 of 60 trials, how many fall into the third of the space that cannot fit; the mean over seeds."""
    late, check = 0, MemoryCheck(ONE_GB, 3)
    for seed in range(SEEDS):
        search = proposer((choice("base_filters", 8), *TIGHT), "tpe", 60, seed)
        for number in range(60):
            proposal = search.ask(number)
            misfit = bool(check("unet", proposal.parameters))
            late += misfit and number >= 30
            search.tell(proposal.uid, word if misfit else "finished", [] if misfit else [score(proposal.parameters)])
    return late / SEEDS


def cost(trials: int) -> dict[str, float]:
    """CPU microseconds of a proposal that are spent on sets and on memory, after so many trials."""
    tried, check = Tried(), MemoryCheck(ONE_GB, 3)
    rng = np.random.default_rng(0)
    names = ("batch_size", "size", "loss", "window")
    sets = [
        dict(zip(names, values, strict=True)) | {"base_filters": 8, "learning_rate": float(rate)}
        for values, rate in zip(
            ((int(rng.choice([2, 32, 64])), int(rng.choice([64, 512])), "dice", "liver") for _ in range(trials)),
            10 ** rng.uniform(-5, -2, trials),
            strict=True,
        )
    ]
    began = time.process_time()
    for number, parameters in enumerate(sets):
        tried.find("unet", parameters, 10)
        tried.add(str(number), "unet", parameters, 10)
    known = time.process_time()
    for parameters in sets:
        check("unet", parameters)
    ended = time.process_time()
    return {"sets_us": 1e6 * (known - began) / trials, "memory_us": 1e6 * (ended - known) / trials}


def exhausted(trials: int) -> dict[str, float]:
    """CPU milliseconds a proposal of a random search that uses up a space of so many sets: over all, and of the last tenth."""
    space = (
        choice("batch_size", *range(1, trials // 100 + 1)),
        choice("weight_decay", *(k / 1000 for k in range(100))),
    )
    search, took = proposer(space, "random", trials, 0), []
    for number in range(trials):
        began = time.process_time()
        search.tell(search.ask(number).uid, "failed", [])
        took.append(time.process_time() - began)
    return {"all_ms": 1e3 * sum(took) / trials, "last_tenth_ms": 1e4 * sum(took[-trials // 10 :]) / trials}


def curve(rng: np.random.Generator, *, steps: int) -> tuple[list[float], list[float]]:
    """A simulated validation curve, as it is seen and without its noise."""
    epochs = np.arange(1, EPOCHS + 1)
    mean = rng.uniform(0.3, 0.5) * (1 - np.exp(-epochs / rng.uniform(1, 8)))
    if steps == 2:
        late = np.clip(epochs - rng.uniform(3, 15), 0, None)
        mean = mean + rng.uniform(0.1, 0.4) * (1 - np.exp(-late / rng.uniform(1, 8)))
    return (mean + rng.normal(0, 0.01, EPOCHS)).tolist(), mean.tolist()


def patience(scores: Sequence[float]) -> bool:
    """The usual rule alone: no gain over what was best before the last epochs."""
    last = RULE.epochs
    return len(scores) >= RULE.first_epoch and max(scores[-last:]) - max(scores[:-last]) < RULE.gain


def slope(scores: Sequence[float]) -> bool:
    """The trend alone."""
    recent = list(enumerate(scores[-RULE.epochs :]))
    return len(scores) >= RULE.first_epoch and median_slope(recent) * RULE.epochs < RULE.gain


def both(scores: Sequence[float]) -> bool:
    """What trainings are ended by."""
    return flattened(scores, RULE)


def stopped(rule: Callable[[Sequence[float]], bool], *, steps: int) -> dict[str, float]:
    """Share of epochs trained, mean loss by the noise-free score of the chosen epoch, and share that lost more than 0.02."""
    rng, spent, lost = np.random.default_rng(steps), 0, []
    for _ in range(CURVES):
        scores, truth = curve(rng, steps=steps)
        end = next((epoch for epoch in range(1, EPOCHS) if rule(scores[:epoch])), EPOCHS)
        spent += end
        lost.append(truth[scores.index(max(scores))] - truth[scores.index(max(scores[:end]))])
    large = sum(value > 0.02 for value in lost) / CURVES
    return {"epochs": spent / (CURVES * EPOCHS), "loss": float(np.mean(lost)), "lost_more": large}


def measure() -> dict[str, Any]:
    """The measurement, as one document."""
    return {
        "repeats": {
            name: {"before": repeated(name, 18, before=True), "now": repeated(name, 18, before=False)}
            for name in SAMPLERS
        },
        "refused_late": {"told_as_failed": refused("failed"), "told_as_refused": refused("refused")},
        "cpu_a_trial": {str(trials): cost(trials) for trials in (100, 10_000)},
        "exhausted_10000": exhausted(10_000),
        "plateau": {
            f"{rule.__name__}, {'one step' if steps == 1 else 'two steps'}": stopped(rule, steps=steps)
            for steps in (1, 2)
            for rule in (patience, slope, both)
        },
    }


def main() -> None:
    """Measure and print; write the figures where `--json` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measure()
    for part, rows in figures.items():
        print(part)
        for name, row in rows.items():
            print(f"  {name:24} {row}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
