"""Failed trials in groups that have one cause and one remedy, said with the trials' own numbers.

Nothing here is more than what the ledger tells: a remedy names the values that failed and those that did not, and leaves
the conclusion to the reader.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from results.records import Sweep, TrialRecord
from results.text import printable

MOST_CONDITIONS = 3
EXAMPLE_LIMIT = 240


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed trials of one kind and one architecture. All texts are fit to be shown, in one line each.

    Attributes:
        kind: kind of failure.
        architecture: as in the ledger.
        count: how many they are.
        trials: their names, in the order of their numbers.
        example: the message of the first that left one; empty when none did.
        advice: what to do about it.
        again: the command that tries them again; empty where the same parameters would end in the same way.
    """

    kind: str
    architecture: str
    count: int
    trials: tuple[str, ...]
    example: str
    advice: str
    again: str


def failure_groups(sweep: Sweep) -> tuple[FailureGroup, ...]:
    """Failed trials by kind and architecture, commonest kind first, then commonest architecture; empty when none failed."""
    failed = [trial for trial in sweep.trials if trial.state == "failed"]
    kinds = Counter(trial.failure for trial in failed)
    groups: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in failed:
        groups.setdefault((trial.failure, trial.architecture), []).append(trial)
    order = sorted(groups, key=lambda key: (-kinds[key[0]], key[0], -len(groups[key]), key[1]))
    return tuple(_group(sweep, groups[key]) for key in order)


def log_of(uid: str) -> str:
    """The log of a trial, below the sweep's folder."""
    return f"trials/{uid}/log.txt"


def _group(sweep: Sweep, trials: Sequence[TrialRecord]) -> FailureGroup:
    first = trials[0]
    advise = _ADVICE.get(first.failure, _see_log)
    peers = [trial for trial in sweep.trials if trial.state == "finished" and trial.architecture == first.architecture]
    again = "" if first.failure in _SURE_TO_FAIL else f"liversweep retry {shlex.quote(sweep.sweep.name)} --kind "
    return FailureGroup(
        kind=printable(first.failure),
        architecture=printable(first.architecture),
        count=len(trials),
        trials=tuple(trial.uid for trial in trials),
        example=_example(trials),
        advice=printable(advise(sweep, trials, peers)),
        again=printable(again + shlex.quote(first.failure)) if again else "",
    )


def _example(trials: Sequence[TrialRecord]) -> str:
    message = printable(next((trial.message for trial in trials if trial.message), ""))
    return message if len(message) <= EXAMPLE_LIMIT else message[: EXAMPLE_LIMIT - 1] + "…"


# With the same parameters and seed these end in the same way.
_SURE_TO_FAIL = frozenset({"nan", "invalid"})


def _memory(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    """Of trials that were not even started."""
    return f"Not started, as they cannot fit. {_oom(sweep, trials, peers)}"


def _oom(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    text = "Lower batch_size or size"
    conditions = _conditions(trials)
    if conditions:
        both = all(name in trials[0].parameters for name in _SIZES)
        said = "Needing more memory than a trial has" if trials[0].failure == "memory" else "Out of memory"
        text = f"{said} at {conditions}: lower {'either' if both else 'batch_size or size'}"
    largest = max(peers, key=_load, default=None)
    if largest is not None and math.isfinite(_load(largest)):
        text += f" (the largest that finished: {_condition(largest)})"
    return f"{text}, choose a smaller network, {_more_memory(sweep)}."


def _more_memory(sweep: Sweep) -> str:
    """How to give a trial more; of which memory there was too little, its message tells."""
    trial = sweep.sweep.spec.get("trial")
    gpus = trial.get("gpus") if isinstance(trial, Mapping) else None
    memory = f"raise trial.memory{_setting(sweep, 'memory')}"
    if not (_is_number(gpus) and gpus > 0):
        return f"{memory}, or give trial.gpus: 1"
    more = f" or trial.gpus (now {gpus:g}: that part of one card's memory)" if gpus < 1 else ""
    return f"turn mixed_precision on, or {memory}{more}"


def _conditions(trials: Sequence[TrialRecord]) -> str:
    found = list(dict.fromkeys(_condition(trial) for trial in sorted(trials, key=_load)))
    found = [text for text in found if text]
    more = f" and {len(found) - MOST_CONDITIONS} more" if len(found) > MOST_CONDITIONS else ""
    return "; ".join(found[:MOST_CONDITIONS]) + more


def _condition(trial: TrialRecord) -> str:
    """What of a trial's parameters decides its memory: `batch_size 32, size 256`."""
    return ", ".join(f"{name} {_short(trial.parameters[name])}" for name in _SIZES if name in trial.parameters)


_SIZES = ("batch_size", "size")


def _load(trial: TrialRecord) -> float:
    """Pixels in a batch, −inf when they are not known."""
    batch, size = (trial.parameters.get(name) for name in _SIZES)
    return float(batch) * float(size) ** 2 if _is_number(batch) and _is_number(size) else -math.inf


def _nan(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    rates, fine = _numbers(trials, "learning_rate"), _numbers(peers, "learning_rate")
    if not rates:
        return "Lower learning_rate, or leave such values out of the space."
    text = f"Lower learning_rate: failed trials had {_range(rates)}"
    if not fine:
        return f"{text}, and none of this network finished."
    text += f", finished ones {_range(fine)}"
    if min(rates) <= max(fine):
        return f"{text}. As these overlap, look at loss and optimizer too."
    return f"{text}: leave values above {_short(max(fine))} out of the space."


def _timeout(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    stalled = [trial for trial in trials if "trial.stall" in trial.message]
    late = [trial for trial in trials if trial not in stalled]
    parts = [_late(sweep, late)] if late else []
    return " ".join(parts + ([_stall(sweep, stalled, peers)] if stalled else []))


def _late(sweep: Sweep, trials: Sequence[TrialRecord]) -> str:
    done = [float(trial.epochs) for trial in trials]
    text = f"Trials over the deadline had done {_range(done)}"
    planned = {trial.planned_epochs for trial in trials} - {0}
    text += f" of {_range([float(epochs) for epochs in planned])} epochs" if planned else " epochs"
    seconds = [trial.seconds for trial in trials if trial.seconds > 0]
    text += f" in {_range([float(round(value)) for value in seconds])} s" if seconds else ""
    return f"{text}. Raise trial.deadline{_setting(sweep, 'deadline')}, or lower epochs or size."


def _stall(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    text = (
        f"No batch was completed for too long: raise trial.stall{_setting(sweep, 'stall')} where batches are that slow"
    )
    return f"{text}; otherwise see where it stood still in {log_of(trials[0].uid)}."


def _invalid(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    conditions = _conditions(trials)
    text = f" (they had {conditions})" if conditions else ""
    return f"Either the parameters cannot work together{text}: leave such values out; or the training reports no such score."


def _data(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    return f"Check the scans with liversweep data check; more is in {log_of(trials[0].uid)}."


def _see_log(sweep: Sweep, trials: Sequence[TrialRecord], peers: Sequence[TrialRecord]) -> str:
    return f"See the end of {log_of(trials[0].uid)}."


_ADVICE: Mapping[str, Callable[[Sweep, Sequence[TrialRecord], Sequence[TrialRecord]], str]] = {
    "oom": _oom,
    "memory": _memory,
    "nan": _nan,
    "timeout": _timeout,
    "stall": _stall,
    "invalid": _invalid,
    "data": _data,
    "crash": _see_log,
}


def _setting(sweep: Sweep, name: str) -> str:
    """` (now 90 s)` where the spec set this limit of a trial; else nothing."""
    trial = sweep.sweep.spec.get("trial")
    value = trial.get(name) if isinstance(trial, Mapping) else None
    if _is_number(value):
        return f" (now {value / 1e9:.3g} GB)" if name == "memory" else f" (now {value:g} s)"
    return f" (now {value})" if isinstance(value, str) else ""


def _numbers(trials: Sequence[TrialRecord], name: str) -> list[float]:
    return [float(value) for trial in trials if _is_number(value := trial.parameters.get(name))]


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _range(values: Sequence[float]) -> str:
    low, high = _short(min(values)), _short(max(values))
    return low if low == high else f"{low} … {high}"


def _short(value: Any) -> str:
    if isinstance(value, float) and abs(value) < 1e5:
        return f"{value:.3g}" if not value.is_integer() else f"{value:.0f}"
    return str(value)
