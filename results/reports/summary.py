"""A sweep in plain words: who won, by how much, on how many patients, and what that is worth."""

from __future__ import annotations

import math
import shlex
from collections import Counter

from results.metrics import metric
from results.ranking import best_by_architecture, rank_trials
from results.records import State, Sweep, TrialRecord
from results.reports.history import counted, history_sentence
from results.statistics import FEWEST, Difference, paired_difference
from results.tables.architectures import failures_text
from results.tables.patients import patient_dice
from results.text import printable


def summary(sweep: Sweep) -> tuple[str, ...]:
    """Sentences for readers who read nothing else, grouped into paragraphs."""
    return tuple(printable(text) for text in (_progress(sweep), _winner(sweep), _caution(sweep)) if text)


def _progress(sweep: Sweep) -> str:
    states = Counter(trial.state for trial in sweep.trials)
    ended = states["finished"] + states["pruned"] + states["failed"]
    text = (
        f"{ended} of {sweep.sweep.trials} trials have ended: {states['finished']} finished, {states['pruned']} pruned"
    )
    failures = failures_text(sweep.trials)
    text += f", {states['failed']} failed ({printable(failures)})." if failures else ", none failed."
    sentences = (text, printable(history_sentence(sweep.sweep)), _standing(sweep, states))
    return " ".join(sentence for sentence in sentences if sentence)


def _standing(sweep: Sweep, states: Counter[State]) -> str:
    """How the sweep was left, and its trials without an end; empty when nothing is left of it."""
    unended = [f"{states[state]} {state}" for state in ("running", "stopped", "queued") if states[state]]
    waiting = sum(states[state] for state in ("running", "stopped", "queued"))
    closed = sweep.sweep.closed
    if closed == "finished" and not waiting:
        return ""
    text = f"The sweep {_CLOSED.get(closed, 'is not closed')}"
    text += f" with {counted(waiting, 'trial')} unfinished ({', '.join(unended)})." if waiting else "."
    if closed in ("interrupted", "disk"):
        first = "Make room, then continue" if closed == "disk" else "Continue"
        text += f" {first} with: liversweep resume {printable(shlex.quote(sweep.sweep.name))}"
    return text


_CLOSED = {
    "finished": "was closed",
    "interrupted": "was interrupted",
    "disk": "was ended by a full disk",
    "failed": "ended with an error",
}


def _winner(sweep: Sweep) -> str:
    found = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    ranked = [best for best in found.values() if best is not None]
    if not ranked:
        return "No trial finished with a score, so nothing can be ranked."
    first = ranked[0]
    words = [f"{printable(first.architecture)} is best on these validation patients: {_score(sweep, first)}."]
    if len(sweep.sweep.objectives) > 1:
        words.append(_front(sweep))
    elif len(ranked) > 1:
        words.append(_margin(sweep, first, ranked[1]))
    else:
        words.append("No other architecture has a finished trial to compare it with.")
    return " ".join(words)


def _score(sweep: Sweep, trial: TrialRecord) -> str:
    objective = sweep.sweep.objective.metric
    parts = [f"{label} {trial.metric(f'dice_{label}_mean'):.3f}" for label in _known(sweep, trial)]
    text = f"its trial {trial.uid} reached a {metric(objective).title} of {trial.metric(objective):.3f}"
    return text + (f" (Dice {', '.join(parts)})" if parts else "")


def _known(sweep: Sweep, trial: TrialRecord) -> list[str]:
    return [label for label in sweep.sweep.labels if math.isfinite(trial.metric(f"dice_{label}_mean"))]


def _front(sweep: Sweep) -> str:
    ranked = rank_trials(sweep.trials, sweep.sweep.objectives)
    front = sum(place.front == 1 for place in ranked)
    names = " and ".join(metric(objective.metric).title for objective in sweep.sweep.objectives)
    share = "1 trial is" if front == 1 else f"{front} trials are"
    return f"There are several objectives ({names}): {share} on the Pareto front, beaten by none in every respect."


def _margin(sweep: Sweep, first: TrialRecord, second: TrialRecord) -> str:
    objective = sweep.sweep.objective
    lead = abs(first.metric(objective.metric) - second.metric(objective.metric))
    name = printable(second.architecture)
    text = f"That is {lead:.3f} better than the best trial of the next architecture, {name}."
    found = [(label, _difference(first, second, label)) for label in sweep.sweep.labels]
    known = [(label, difference) for label, difference in found if difference is not None]
    if not known:
        return f"{text} With fewer than two patients scored there is no telling whether the difference would hold."
    return " ".join([text, *(_compared(label, difference) for label, difference in known)])


def _difference(first: TrialRecord, second: TrialRecord, label: str) -> Difference | None:
    """Paired difference of a label's Dice over the patients that both trials scored; None below two of them."""
    ours, theirs = patient_dice(first, label), patient_dice(second, label)
    shared = [key for key in sorted(ours.keys() & theirs.keys()) if math.isfinite(ours[key] + theirs[key])]
    if len(shared) < 2:
        return None
    return paired_difference([ours[key] for key in shared], [theirs[key] for key in shared])


def _compared(label: str, difference: Difference) -> str:
    text = (
        f"{label.capitalize()}: over {difference.n} patients the mean difference in Dice is {_signed(difference.mean)}"
    )
    text += f" (95 % bootstrap interval {_signed(difference.ci_low)} to {_signed(difference.ci_high)});"
    if difference.underpowered:
        return f"{text} with fewer than {FEWEST} patients this is underpowered, no conclusion can be drawn."
    if difference.ci_low <= 0 <= difference.ci_high:
        return f"{text} the interval contains 0, so the two cannot be told apart on these patients."
    return f"{text} the interval leaves 0 out."


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _caution(sweep: Sweep) -> str:
    finished = sum(trial.state == "finished" for trial in sweep.trials)
    if not finished:
        return ""
    text = "This is a validation score."
    if finished > 1:
        text = f"These are validation scores, and the best of {finished} is optimistic: it was chosen on the patients "
        text += "that scored it."
    held = len(sweep.sweep.split.test)
    if held:
        text += f" {held} test patient{'s are' if held > 1 else ' is'} held back and played no part."
    return text
