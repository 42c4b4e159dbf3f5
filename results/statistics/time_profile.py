"""Where the wall time of a sweep went.

A sweep with `n` slots has, in every second of its search, `n` slot-seconds to spend. Each of them is spent on the trial that
has the slot (starting a worker up, tracing and compiling the network, training, …), or the slot waits. Divided by `n` they
add up to the wall of the search; with what came before the first trial, to the wall of the whole. The pause between an
interruption and the resume after it is no part of it.

The wall and the waiting are told by the times of the ledger's lines, all other parts by the clocks of those who did the work.
So that they add up is no matter of course: it is the check that nothing was forgotten or counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from results.records import Sweep, TrialRecord
from results.stints import Drive, Stint

PREPARATION, WAITING, DRIVER = "preparation", "waiting", "driver"
OF_TRIALS = ("start_up", "tracing", "training", "validation", "checkpointing", DRIVER)
PARTS = (PREPARATION, WAITING, *OF_TRIALS)


@dataclass(frozen=True, slots=True)
class SlotSeconds:
    """Time in slots, of one trial or several.

    Attributes:
        name: whose.
        trials: how many trials.
        slot_s: seconds for which they had a slot.
        parts_s: what those went into, by `OF_TRIALS`.
    """

    name: str
    trials: int
    slot_s: float
    parts_s: Mapping[str, float]

    @property
    def untold_s(self) -> float:
        """Seconds of which nobody told."""
        return max(0.0, self.slot_s - math.fsum(self.parts_s.values()))


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """Where the wall time of a sweep went, all its runs together.

    Attributes:
        wall_s: from the beginning of each command to the last line of its run.
        parts_s: seconds of the wall by `PARTS`.
        untold_s: seconds of the wall of which nobody told: trials that are under way, or whose worker or driver died.
        preparation_s: what the preparation went into.
        drives: the runs.
        untold_runs: runs of which nothing is known; they are in none of the figures.
        architectures: their trials' time in slots, in the sweep's order; without those that had none.
        trials: each trial's time in slots, the longest first.
    """

    wall_s: float
    parts_s: Mapping[str, float]
    untold_s: float
    preparation_s: Mapping[str, float]
    drives: tuple[Drive, ...]
    untold_runs: int
    architectures: tuple[SlotSeconds, ...]
    trials: tuple[SlotSeconds, ...]

    @property
    def sum_s(self) -> float:
        """All parts together."""
        return math.fsum(self.parts_s.values())

    @property
    def difference(self) -> float:
        """By what share of the wall the parts fall short of it; negative when they are more, NaN without a wall."""
        return (self.wall_s - self.sum_s) / self.wall_s if self.wall_s else math.nan

    def share(self, part: str) -> float:
        """A part as a share of the wall; NaN without a wall."""
        return self.parts_s[part] / self.wall_s if self.wall_s else math.nan


def time_profile(sweep: Sweep) -> TimeProfile:
    """Where a sweep's time went, as far as its ledger tells: of runs of older versions it tells nothing."""
    record, trials = sweep.sweep, sweep.trials
    drives = {drive.run: drive for drive in record.drives}
    parts, untold = dict.fromkeys(PARTS, 0.0), 0.0
    stints: dict[int, list[Stint]] = {run: [] for run in drives}
    for stint in (stint for trial in trials for stint in trial.stints if stint.run in drives):
        stints[stint.run].append(stint)
    for run, drive in drives.items():
        untold += _add_drive(parts, drive, stints[run])
    times = [(trial, _slot_seconds(trial.uid, [trial], drives)) for trial in trials]
    had = [(trial, found) for trial, found in times if found.slot_s > 0]
    names = dict.fromkeys((*record.architectures, *(trial.architecture for trial, _ in had)))
    of = {name: [trial for trial, _ in had if trial.architecture == name] for name in names}
    return TimeProfile(
        wall_s=math.fsum(_preparation_s(drive) + drive.ended - drive.ready for drive in drives.values()),
        parts_s=parts,
        untold_s=untold,
        preparation_s=_sum_by_name(drive.preparation_parts_s for drive in drives.values()),
        drives=record.drives,
        untold_runs=record.runs - len(drives),
        architectures=tuple(_slot_seconds(name, mine, drives) for name, mine in of.items() if mine),
        trials=tuple(sorted((found for _, found in had), key=lambda found: -found.slot_s)),
    )


def with_closing(profile: TimeProfile, seconds: float) -> TimeProfile:
    """The same with what commands did after the last line of their ledger: it is the driver's, and part of the wall."""
    parts = {**profile.parts_s, DRIVER: profile.parts_s[DRIVER] + seconds}
    facts = {name: getattr(profile, name) for name in TimeProfile.__slots__}
    return TimeProfile(**facts | {"wall_s": profile.wall_s + seconds, "parts_s": parts})


def _add_drive(parts: dict[str, float], drive: Drive, stints: Iterable[Stint]) -> float:
    """Add a run to the parts; seconds of its wall of which nobody told."""
    search_s = drive.ended - drive.ready
    parts[PREPARATION] += _preparation_s(drive)
    if not drive.slots:
        parts[DRIVER] += search_s
        return 0.0
    taken = untold = 0.0
    for stint in stints:
        taken += _length_s(stint, drive)
        told = _of_trials(stint)
        untold += max(0.0, _length_s(stint, drive) - math.fsum(told.values()))
        for name, seconds in told.items():
            parts[name] += seconds / drive.slots
    parts[WAITING] += max(0.0, search_s - taken / drive.slots)
    return untold / drive.slots


def _preparation_s(drive: Drive) -> float:
    return 0.0 if math.isnan(drive.preparation_s) else drive.preparation_s


def _length_s(stint: Stint, drive: Drive) -> float:
    """How long a stint lasted; one without an end lasts as long as its drive."""
    return max(0.0, (drive.ended if math.isnan(stint.ended) else stint.ended) - stint.began)


def _of_trials(stint: Stint) -> dict[str, float]:
    return {name: stint.times_s[name] for name in OF_TRIALS if name in stint.times_s}


def _slot_seconds(name: str, trials: list[TrialRecord], drives: Mapping[int, Drive]) -> SlotSeconds:
    found = [stint for trial in trials for stint in trial.stints if stint.run in drives]
    parts = dict.fromkeys(OF_TRIALS, 0.0) | _sum_by_name(map(_of_trials, found))
    return SlotSeconds(name, len(trials), math.fsum(_length_s(stint, drives[stint.run]) for stint in found), parts)


def _sum_by_name(times: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for times_s in times:
        for name, seconds in times_s.items():
            total[name] = total.get(name, 0.0) + seconds
    return total
