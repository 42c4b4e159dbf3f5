"""A sweep in plain words: who won, by how much, on how many patients, and what that is worth."""

from __future__ import annotations

import math
import shlex
from collections import Counter

from results.metrics import metric
from results.ranking import Setting, best_by_architecture, best_trials, rank_trials, settings
from results.records import Sweep, TrialRecord
from results.reports.fair_fight import unfair_sentence
from results.reports.history import counted, history_sentence
from results.reports.openings import inherited_sentence, opened_sentence
from results.statistics import (
    Comparison,
    Optimism,
    optimism_verdict,
    overall_verdict,
    pair_verdict,
    selection_optimism,
    setting_scores,
)
from results.statistics.fairness import fights
from results.sweep_parts import State
from results.tables.architectures import failures_text
from results.text import printable


def summary(sweep: Sweep, comparison: Comparison, optimism: Optimism | None = None) -> tuple[str, ...]:
    """Sentences for readers who read nothing else, grouped into paragraphs.

    Args:
        sweep: the sweep.
        comparison: of its architectures.
        optimism: of its best score, where that can be told.
    """
    paragraphs = (
        _progress(sweep),
        _winner(sweep, comparison),
        _standing_among(sweep, comparison),
        unfair_sentence(fights(sweep), sweep),
        _caution(sweep, optimism),
    )
    return tuple(printable(paragraph) for paragraph in paragraphs if paragraph)


def sweep_optimism(sweep: Sweep) -> Optimism | None:
    """How optimistic the sweep's best score is; None unless its one objective is a mean of Dice over patients."""
    wanted = selected_on(sweep)
    if not wanted:
        return None
    scores = setting_scores(sweep)
    return selection_optimism(scores, labels=[label for label in wanted if label in scores.labels])


def selected_on(sweep: Sweep) -> tuple[str, ...]:
    """The labels whose mean Dice is the sweep's one objective; empty when it searches on something else."""
    known = {"val_dice": sweep.sweep.labels} | {f"dice_{label}_mean": (label,) for label in sweep.sweep.labels}
    objectives = sweep.sweep.objectives
    if len(objectives) != 1 or objectives[0].direction != "maximize":
        return ()
    return known.get(objectives[0].metric, ())


def _progress(sweep: Sweep) -> str:
    own = Counter(trial.state for trial in sweep.trials if not trial.replicate_of)
    states = Counter(trial.state for trial in sweep.trials)
    ended = own["finished"] + own["pruned"] + own["failed"]
    text = f"{ended} of {sweep.sweep.trials} trials have ended: {own['finished']} finished, {own['pruned']} pruned"
    failures = failures_text([trial for trial in sweep.trials if not trial.replicate_of])
    text += f", {own['failed']} failed ({printable(failures)})." if failures else ", none failed."
    sentences = (
        text,
        _missing(sweep),
        _replicated(sweep),
        printable(history_sentence(sweep.sweep)),
        _standing(sweep, states),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def _missing(sweep: Sweep) -> str:
    """Why fewer trials were run than were asked for; empty where all were."""
    missing = sweep.sweep.missing
    total = sum(missing.values())
    if not total or not sweep.sweep.closed:
        return ""
    where = f" of {', '.join(missing)}" if len(sweep.sweep.stages) > 1 else ""
    none, was = ("none", "was") if total == 1 else ("nothing", "were")
    return (
        f"{counted(total, 'trial')} {was} not run: every parameter set of the space{printable(where)} was tried, and {none} is "
        "trained twice."
    )


def _replicated(sweep: Sweep) -> str:
    """How settings were repeated, in words; empty where they were not to be."""
    plan = sweep.sweep.replication
    if plan.trials == 1:
        return ""
    whose = "the best setting of each architecture" if plan.of == "best" else "every setting that finished"
    repeats = [trial for trial in sweep.trials if trial.replicate_of]
    finished = sum(trial.state == "finished" for trial in repeats)
    text = f"Over {counted(plan.folds, 'fold')} and {counted(plan.seeds, 'seed')}, {whose} is trained {plan.trials} times: "
    text += f"{finished} of {counted(len(repeats), 'repetition')} finished"
    failures = failures_text(repeats)
    return f"{text}, failed: {printable(failures)}." if failures else f"{text}."


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


def _winner(sweep: Sweep, comparison: Comparison) -> str:
    found = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    by_uid = settings(sweep.trials)
    ranked = [by_uid[best.uid] for best in found.values() if best is not None]
    if not ranked:
        return "No trial finished with a score, so nothing can be ranked."
    name = printable(ranked[0].first.architecture)
    words = [f"{name} is best on these validation patients: {_score(sweep, ranked[0], comparison)}."]
    if len(sweep.sweep.objectives) > 1:
        words.append(_front(sweep))
    elif len(ranked) > 1:
        words.append(_margin(sweep, ranked[0], ranked[1], comparison))
    else:
        words.append("No other architecture has a finished trial to compare it with.")
    return " ".join(words)


def _score(sweep: Sweep, best: Setting, comparison: Comparison) -> str:
    name, times = metric(sweep.sweep.objective.metric).title, len(best.trials)
    value, trial = best.mean(sweep.sweep.objective.metric), best.first
    parts = [f"{label} {_dice(best, label, comparison):.3f}" for label in _known(sweep, trial)]
    text = f"its trial {trial.uid} reached a {name} of {value:.3f}"
    if times > 1:
        text = f"its setting of trial {trial.uid}, trained {times} times, reached a mean {name} of {value:.3f}"
    return text + (f" (Dice {', '.join(parts)})" if parts else "")


def _dice(best: Setting, label: str, comparison: Comparison) -> float:
    """Mean over patients; of a setting that was trained several times each patient is averaged over these first."""
    found = comparison.summaries.get((best.first.architecture, label))
    if len(best.trials) == 1 or found is None:
        return best.first.metric(f"dice_{label}_mean")
    return found.mean


def _known(sweep: Sweep, trial: TrialRecord) -> list[str]:
    return [label for label in sweep.sweep.labels if math.isfinite(trial.metric(f"dice_{label}_mean"))]


def _front(sweep: Sweep) -> str:
    ranked = rank_trials(sweep.trials, sweep.sweep.objectives)
    front = sum(place.front == 1 for place in ranked)
    names = " and ".join(metric(objective.metric).title for objective in sweep.sweep.objectives)
    share = "1 trial is" if front == 1 else f"{front} trials are"
    return f"There are several objectives ({names}): {share} on the Pareto front, beaten by none in every respect."


def _margin(sweep: Sweep, best: Setting, next_best: Setting, comparison: Comparison) -> str:
    objective, first, second = sweep.sweep.objective, best.first, next_best.first
    lead = objective.gain(best.mean(objective.metric)) - objective.gain(next_best.mean(objective.metric))
    noun = "trial" if len(best.trials) == 1 else "setting"
    text = f"That is {lead:.3f} better than the best {noun} of the next architecture, {printable(second.architecture)}."
    models = comparison.scores.models
    if first.architecture not in models or second.architecture not in models:
        return f"{text} Without scores of single patients there is no telling whether the difference would hold."
    pairs = [comparison.pair(first.architecture, second.architecture, label) for label in comparison.scores.labels]
    return " ".join([text, *(pair_verdict(pair) for pair in pairs if pair.n)])


def _standing_among(sweep: Sweep, comparison: Comparison) -> str:
    """The best architecture among all others that have scores of single patients; empty where there are no two."""
    found = best_by_architecture(sweep.trials, sweep.sweep.objectives)
    leader = next((name for name in found if name in comparison.scores.models), "")
    return " ".join(overall_verdict(comparison, leader))


def _caution(sweep: Sweep, optimism: Optimism | None) -> str:
    finished = searched(sweep)
    held = len(sweep.sweep.split.test)
    parts = []
    if finished == 1:
        parts.append("This is a validation score.")
    elif finished:
        text = selection_sentence(sweep, optimism)
        joined = f", and {text[0].lower()}{text[1:]}" if optimism is None else f". {text}"
        parts.append(f"These are validation scores{joined}")
    if sweep.sweep.openings:
        parts.append(opened_sentence(sweep))
    elif finished and held:
        parts.append(f"{held} test patient{'s are' if held > 1 else ' is'} held back and played no part.")
        parts.append(inherited_sentence(sweep))
    return " ".join(part for part in parts if part)


def selection_sentence(sweep: Sweep, optimism: Optimism | None) -> str:
    """What the best score owes to having been the best, in one or two sentences; several trials have finished."""
    if optimism is None:
        return f"The best of {searched(sweep)} is optimistic: it was chosen on the patients that scored it."
    return optimism_verdict(optimism, "trials" if optimism.models == len(best_trials(sweep)) else "settings")


def searched(sweep: Sweep) -> int:
    """Finished trials that the best was selected from; repetitions of a setting are not."""
    return sum(trial.state == "finished" and not trial.replicate_of for trial in sweep.trials)
