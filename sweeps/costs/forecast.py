"""How much disk a sweep will take, from arithmetic alone.

Constants were measured on real sweeps; each is rounded up. Every weight and every optimizer moment has 32 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.sizes import size_text
from liverseg.config import PARAMETERS
from sweeps.disk import existing, free_bytes
from sweeps.errors import sentence
from sweeps.spec.dimension import Dimension
from sweeps.spec.model import KeepSection

if TYPE_CHECKING:
    from liverseg.config import PrepareConfig
    from liverseg.preprocess import Cache
    from sweeps.cohort import Cohort

OPTIMIZER_SLOTS = {"adam": 2, "adamw": 2, "sgd": 1}
"""Numbers that an optimizer keeps for every weight: two moments, or the momentum."""
PICTURES = 3
"""Slices that every trial draws, each as three images of one byte a pixel."""

_FLOAT = 4
# Names and shapes of a few hundred arrays, and the JSON beside them.
_WEIGHTS_EXTRA, _STATE_EXTRA = 80_000, 250_000
_STATE_EPOCH, _STATE_CASE = 1_600, 1_500
# Scores, curve, log, the trial's part of the ledger, of the reports and of Tune's own notes, in whole blocks of the disk.
_RECORDS_SWEEP, _RECORDS_TRIAL, _RECORDS_EPOCH, _RECORDS_CASE = 200_000, 130_000, 1_000, 700
# Labels of one case to be stepped through, of every trial that is kept; and its scan, once.
_OVERLAY_CASE, _SCAN_CASE = 20_000, 800_000
_PICTURE_SHARE = 0.45  # of their plain size, compressed: noise hardly shrinks, labels nearly vanish
_NATIVE_SHARE = 0.02  # the scan's own labels in the cache, compressed


@dataclass(frozen=True, slots=True)
class Network:
    """An architecture at its largest setting.

    Attributes:
        trials: its fair share of the sweep's trials.
        most: as many as it can get.
        parameters: weights, statistics of normalisation included.
        optimizer_slots: see `OPTIMIZER_SLOTS`.
        size_px: side of its largest input.
        replicates: trials that repeat its settings on other folds and with other seeds, at most.
        kept_replicates: how many of those stay, at most; their weights only.
    """

    name: str
    trials: int
    most: int
    parameters: int
    optimizer_slots: int
    size_px: int
    replicates: int = 0
    kept_replicates: int = 0

    @property
    def weights_bytes(self) -> int:
        """The best epoch's weights on disk."""
        return _FLOAT * self.parameters + _WEIGHTS_EXTRA

    def state_bytes(self, epochs: int, cases: int) -> int:
        """A resumable state: the network, its optimizer, the best epoch's weights and pictures, and the history."""
        numbers = self.parameters * (1 + self.optimizer_slots + 1)
        history = epochs * _STATE_EPOCH + cases * _STATE_CASE
        return _FLOAT * numbers + 3 * PICTURES * self.size_px**2 + history + _STATE_EXTRA

    def records_bytes(self, epochs: int, cases: int) -> int:
        """What every trial leaves behind, kept or not."""
        pictures = math.ceil(_PICTURE_SHARE * 3 * PICTURES * self.size_px**2)
        return _RECORDS_TRIAL + epochs * _RECORDS_EPOCH + cases * _RECORDS_CASE + pictures


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """Bytes that a sweep takes, at most.

    Attributes:
        weights_bytes, states_bytes: of the trials that are kept when all have ended.
        running_bytes: of the trials that run, a file being replaced counted twice.
        records_bytes: scores, curves, pictures, logs, ledger and reports of all trials; scans, and the labels on them of the
            trials that are kept or run, as they are looked at slice by slice.
        cache_bytes: prepared scans that the cache does not hold yet; they lie elsewhere than the sweep.
    """

    weights_bytes: int
    states_bytes: int
    running_bytes: int
    records_bytes: int
    cache_bytes: int

    @property
    def kept_bytes(self) -> int:
        """Weights and states that stay."""
        return self.weights_bytes + self.states_bytes

    @property
    def total_bytes(self) -> int:
        """All that lies in the sweep's folder: everything but the cache."""
        return self.kept_bytes + self.running_bytes + self.records_bytes

    def as_dict(self) -> dict[str, Any]:
        """The parts and their sum, for JSON."""
        return {**asdict(self), "total_bytes": self.total_bytes}

    def words(self) -> str:
        """The forecast in one line, without what is free."""
        parts = f"kept weights and states {size_text(self.kept_bytes)}, running {size_text(self.running_bytes)}"
        rest = f"records {size_text(self.records_bytes)}; cache {size_text(self.cache_bytes)}"
        return f"about {size_text(self.total_bytes)} at most ({parts}, {rest})"


def forecast(
    keep: KeepSection,
    networks: Sequence[Network],
    *,
    slots: int,
    epochs: int,
    cases: int,
    folds: int = 1,
    objectives: int = 1,
    cache_bytes: int = 0,
) -> DiskForecast:
    """How much disk a sweep takes at most, if no trial fails (a failed one keeps its state, to be tried again).

    Args:
        keep: what stays.
        networks: those that take part.
        slots: trials that run at once.
        epochs: of the longest trial.
        cases: validation cases of a fold.
        folds: of a cross-validation.
        objectives: how many; with several the whole first Pareto front is kept, here as large as it is on average for
            unrelated objectives.
        cache_bytes: see `DiskForecast`.
    """
    trials = sum(network.trials for network in networks)
    seen = min(cases, _most_overlays())
    trainings = trials + sum(network.replicates for network in networks)
    kept = _kept(keep, networks, trials, objectives)
    states = {network: keep.last * network.state_bytes(epochs, cases) for network in networks}
    # A new file is written whole before the one that it replaces goes.
    running = max(
        2 * network.weights_bytes + (keep.last + 1) * network.state_bytes(epochs, cases) for network in networks
    )
    labelled = sum(count + network.kept_replicates for network, count in kept.items()) + min(slots, trainings)
    return DiskForecast(
        weights_bytes=sum((count + network.kept_replicates) * network.weights_bytes for network, count in kept.items()),
        states_bytes=sum(count * states[network] for network, count in kept.items()),
        running_bytes=min(slots, trainings) * running,
        records_bytes=_RECORDS_SWEEP
        + sum((network.trials + network.replicates) * network.records_bytes(epochs, cases) for network in networks)
        + seen * (folds * _SCAN_CASE + labelled * _OVERLAY_CASE),
        cache_bytes=cache_bytes,
    )


def _most_overlays() -> int:
    from liverseg.inference.overlays import MOST_CASES

    return MOST_CASES


def _kept(keep: KeepSection, networks: Sequence[Network], trials: int, objectives: int) -> dict[Network, int]:
    """How many trials of each network are kept at worst: the best are the largest ones, and one of each other."""
    best = trials if keep.best is None else max(keep.best, expected_front(trials, objectives))
    left = min(trials, best)
    kept = {}
    for network in sorted(networks, key=lambda network: -network.parameters):
        among = min(left, network.most)
        left -= among
        kept[network] = among or min(1, network.trials)
    return kept


def expected_front(trials: int, objectives: int) -> int:
    """Trials in the first Pareto front on average, rounded up, when the objectives have nothing to do with each other.

    (ln n)^(m−1) / (m−1)!, the leading term of Bentley, Kung, Schkolnick and Thompson 1978, "On the average number of
    maxima in a set of vectors".
    """
    if trials < 2:
        return trials
    return min(trials, math.ceil(math.log(trials) ** (objectives - 1) / math.factorial(objectives - 1)))


def optimizer_slots(dimensions: Sequence[Dimension]) -> int:
    """`OPTIMIZER_SLOTS` of the greediest optimizer that a network may get."""
    named = [item for item in dimensions if item.name == "optimizer"]
    choices = named[0].choices if named else (PARAMETERS["optimizer"].default,)
    return max(OPTIMIZER_SLOTS[choice] for choice in choices)


def largest_size_px(dimensions: Sequence[Dimension]) -> int:
    """Side of the largest input that a network may get."""
    named = [item for item in dimensions if item.name == "size"]
    return max(named[0].points()) if named else int(PARAMETERS["size"].default)


def missing_cache_bytes(cohort: Cohort, config: PrepareConfig, cache: Cache | None) -> int:
    """Bytes of prepared scans that the cache does not hold yet; 0 without a cache."""
    from liverseg.preprocess import estimate_store_bytes
    from liverseg.preprocess.cache import cache_key

    if cache is None:
        return 0
    missing = 0
    for case in (*cohort.part("train"), *cohort.part("validation")):
        for size in config.sizes_px:
            if not cache.path(cache_key(case.image_sha256, case.mask_sha256, size, config)).exists():
                missing += estimate_store_bytes(case.slices, [size])
                missing += math.ceil(_NATIVE_SHARE * math.prod(case.header.shape))
    return missing


def shortage(found: DiskForecast, runs: Path, cache: Path | None, min_free_bytes: int) -> str | None:
    """What to tell the user when a sweep may not fit; None when it does.

    Args:
        found: the forecast.
        runs: folder of the sweeps, which need not exist.
        cache: folder of the cache; it counts when it is on the same disk. None without a cache.
        min_free_bytes: what is to stay free.
    """
    shared = cache is not None and existing(cache).stat().st_dev == existing(runs).stat().st_dev
    needed = found.total_bytes + (found.cache_bytes if shared else 0)
    free = free_bytes(runs)
    if needed + min_free_bytes <= free:
        return None
    return sentence(
        f"{runs}/",
        "the sweep may not fit on the disk",
        f"up to {size_text(needed)} to write and {size_text(min_free_bytes)} to stay free (keep.min_free)",
        f"{size_text(free)} in all",
        "make room, or lower keep.best, keep.last or keep.min_free",
    )
