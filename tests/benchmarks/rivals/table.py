"""From runs to medians, efficiencies, ratios and the table. Pure arithmetic: ratios are made within a round, then the median
over the rounds is taken, so that a machine that is slower in one round is slower for both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.rivals.contenders import Run
from tests.benchmarks.rivals.workloads import OURS, TUNE

QUIET = 0.1
"""Share of a core that the rest of the machine may take."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a workload.

    Attributes:
        bare_s: seconds of all trials together, bare and compiled.
        own_s: the same of liversweep's own training, scored on the scans' grids.
        runs: contender to what it took.
    """

    bare_s: float
    own_s: float
    runs: Mapping[str, Run]


@dataclass(frozen=True, slots=True)
class Row:
    """One contender on one workload: medians over the rounds.

    Attributes:
        wall_s, search_s, cpu_s: see `Run`.
        efficiency: bare seconds / (slots × search).
        efficiency_whole: the same with the wall of the whole process.
        own_efficiency: own seconds / (slots × search); what liversweep reaches of what its own training leaves.
        times_ours: its wall over liversweep's, and lowest and highest of the rounds; None without liversweep.
        cpu_times_ours: its CPU-seconds over liversweep's.
        others: highest share of one core that the rest of the machine took.
    """

    contender: str
    wall_s: float
    search_s: float
    cpu_s: float
    efficiency: float
    efficiency_whole: float
    own_efficiency: float
    times_ours: tuple[float, float, float] | None
    cpu_times_ours: float | None
    others: float
    best_dice: float


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached.

    Attributes:
        value: what was measured; None when it was not.
        most: whether `bound` is the most that is allowed, and not the least.
    """

    name: str
    value: float | None
    bound: float
    most: bool = False

    @property
    def met(self) -> bool | None:
        """None when it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.bound if self.most else self.value >= self.bound


def rows_of(rounds: Sequence[Round], slots: int) -> list[Row]:
    """A row for each contender of the first round.

    Raises:
        ValueError: no round.
    """
    if not rounds:
        raise ValueError("no round was run")
    return [_row(name, rounds, slots) for name in rounds[0].runs]


def _row(name: str, rounds: Sequence[Round], slots: int) -> Row:
    runs = [item.runs[name] for item in rounds]
    walls = [_ratio(item, name, "wall_s") for item in rounds]
    cpus = [_ratio(item, name, "cpu_s") for item in rounds]
    known, known_cpus = ([value for value in values if value is not None] for values in (walls, cpus))
    return Row(
        contender=name,
        wall_s=median(run.wall_s for run in runs),
        search_s=median(run.search_s for run in runs),
        cpu_s=median(run.cpu_s for run in runs),
        efficiency=median(item.bare_s / (slots * run.search_s) for item, run in zip(rounds, runs, strict=True)),
        efficiency_whole=median(item.bare_s / (slots * run.wall_s) for item, run in zip(rounds, runs, strict=True)),
        own_efficiency=median(item.own_s / (slots * run.search_s) for item, run in zip(rounds, runs, strict=True)),
        times_ours=(median(known), min(known), max(known)) if known else None,
        cpu_times_ours=median(known_cpus) if known_cpus else None,
        others=max(run.others_cpu_s / run.wall_s for run in runs),
        best_dice=median(run.best_dice for run in runs),
    )


def _ratio(item: Round, name: str, what: str) -> float | None:
    ours = item.runs.get(OURS)
    return None if ours is None else float(getattr(item.runs[name], what) / getattr(ours, what))


def goals_of(workload: str, rows: Sequence[Row]) -> list[Goal]:
    """The goals of a workload, by its name; none for one that has none."""
    found = {row.contender: row for row in rows}
    ours, tune = found.get(OURS), found.get(TUNE)
    if workload == "12x1s":
        share = 1 / tune.times_ours[0] if tune is not None and tune.times_ours else None
        return [Goal("wall of liversweep / wall of stock Ray Tune", share, 0.25, most=True)]
    least = {"30x1s": 0.60, "8x10s": 0.92}.get(workload)
    if least is None:
        return []
    return [Goal("efficiency of the search", ours.efficiency if ours is not None else None, least)]


def table(workload: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Rows of one workload as Markdown.

    Args:
        workload: `name`, `trials`, `epochs` and `trial_s`, the measured bare seconds of a trial.
    """
    head = (
        f"{workload['name']}: {workload['trials']} trials of {workload['trial_s']:.2f} s, {workload['epochs']} epochs"
    )
    lines = [
        f"| {head} | wall, s | search, s | CPU-s | efficiency of the search | of the whole "
        "| wall / liversweep's | CPU / liversweep's | others' CPU |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        own = f" (own training: {row.own_efficiency:.2f})" if row.contender == OURS else ""
        lines.append(
            f"| {row.contender} | {row.wall_s:.1f} | {row.search_s:.1f} | {row.cpu_s:.1f} | {row.efficiency:.2f}{own} "
            f"| {row.efficiency_whole:.2f} | {_shown(row.times_ours)} | {_times(row.cpu_times_ours)} | {row.others:.0%} |"
        )
    return "\n".join(lines)


def doubts(rows: Sequence[Row], rounds: int) -> list[str]:
    """Why walls, efficiencies and goals may not hold: a line each; none when there is no reason."""
    found = []
    if rounds < 3:
        found.append(f"{rounds} round{'s' * (rounds > 1)}: no median")
    if (others := max(row.others for row in rows)) > QUIET:
        found.append(
            f"the rest of the machine took up to {others:.0%} of a core: walls and what follows from them do not hold"
        )
    return found


def goal_line(goal: Goal) -> str:
    """A goal in words."""
    sign = "≤" if goal.most else "≥"
    if goal.value is None:
        return f"goal: {goal.name} {sign} {goal.bound:.2f}: not measured"
    return f"goal: {goal.name} {sign} {goal.bound:.2f}: {goal.value:.2f}, {'met' if goal.met else 'NOT met'}"


def _shown(times: tuple[float, float, float] | None) -> str:
    return "–" if times is None else f"{times[0]:.2f}× ({times[1]:.2f}–{times[2]:.2f})"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"
