"""A fair fight? What the search spent on each architecture, and whether one lost because it got less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from results.columns import column
from results.records import Sweep
from results.reports.fair_fight import WORDS, amount, between, fight_verdicts, percent
from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.statistics.fairness import LESS, STILL, Fight, fights
from results.statistics.spending import MEASURES, Course, search_courses
from results.statistics.verdict import listed
from results.tables.architectures import failures_text
from results.tables.budget import budget_table, fight_table
from results.text import printable

if TYPE_CHECKING:
    from results.plots.style import Plot

MANY_FAILED = 0.25
"""From this share of failed trials on (and two of them), the failures are worth a sentence."""


def make_budget(material: Material) -> Section | None:
    """The section; None before any trial has ended."""
    sweep = material.sweep
    courses = search_courses(sweep)
    if not any(course.steps for course in courses.values()):
        return None

    def draw() -> tuple[Plot, ...]:
        from results.plots.best_so_far import best_so_far

        return (best_so_far(sweep),)

    found = fights(sweep)
    tables = (_spending(sweep, courses), *((_fights(sweep, found),) if any(fight.shares for fight in found) else ()))
    text = tuple(printable(paragraph) for paragraph in _text(sweep, courses, found) if paragraph)
    facts = {"fair": all(fight.fair for fight in found), "outcomes": {f.architecture: f.outcome for f in found}}
    return Section("budget", "A fair fight?", "Budget", text, tables, draw, facts)


def _text(sweep: Sweep, courses: dict[str, Course], found: Sequence[Fight]) -> list[str]:
    paragraphs = [" ".join(filter(None, (_overall(courses), _unknown(courses))))]
    paragraphs += fight_verdicts(found, sweep)
    failed = [_failures(course) for course in courses.values()]
    repeated = sum(bool(trial.replicate_of) for trial in sweep.trials)
    if repeated:
        failed.append(
            f"{counted(repeated, 'repetition')} of settings on other folds or with other seeds came after the search."
        )
        failed.append("What they cost is not counted here.")
    return [*paragraphs, " ".join(sentence for sentence in failed if sentence)]


def _overall(courses: dict[str, Course]) -> str:
    """How even the budgets are, in one sentence."""
    if len(courses) < 2:
        return "There is one architecture, so there is nothing to share a budget with."
    parts = []
    for measure in MEASURES:
        totals = [course.total(measure) for course in courses.values()]
        low, high = min(totals), max(totals)
        if high:
            parts.append(amount(measure, low) if low == high else between(measure, low, "to", high))
    return f"On each architecture the search spent {listed(parts)}."


def _unknown(courses: dict[str, Course]) -> str:
    """What the ledger does not tell."""
    missing = [WORDS[m] for m in MEASURES if not any(course.total(m) for course in courses.values())]
    return f"The ledger does not tell the {listed(missing)} of trials, so those are not compared." if missing else ""


def _failures(course: Course) -> str:
    trials = [step.trial for step in course.steps]
    failed = [trial for trial in trials if trial.state == "failed"]
    total = int(course.total("trials"))
    if len(failed) < 2 or len(failed) < MANY_FAILED * total:
        return ""
    frame_share = _lost(course)
    cost = f" and took {percent(frame_share)} of its time" if frame_share > 0.005 else ""
    return f"{len(failed)} of {total} trials of {course.architecture} failed ({failures_text(failed)}){cost}."


def _lost(course: Course) -> float:
    whole = course.total("seconds")
    starts = (0.0, *(step.seconds for step in course.steps))
    spent = ((step, step.seconds - start) for step, start in zip(course.steps, starts, strict=False))
    return sum(cost for step, cost in spent if step.trial.state == "failed") / whole if whole else 0.0


def _spending(sweep: Sweep, courses: dict[str, Course]) -> Table:
    frame = budget_table(sweep, courses)
    common = int(frame["common"].max())
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("trials",)),
        Shown(("finished", "pruned", "failed"), "finished / pruned / failed", priority=2),
        *([Shown(("replicates",), "repetitions", priority=4)] if frame["replicates"].any() else []),
        Shown(("epochs",), priority=3),
        Shown(("updates",), priority=1),
        Shown(("share_updates",), priority=1),
        Shown(("seconds",), priority=1),
        Shown(("share_seconds",), priority=1),
        *([Shown(("failed_seconds",), priority=4)] if frame["failed"].any() else []),
        Shown(("best",), f"best {column(sweep.sweep.objective.metric).title}"),
        Shown(("best_came", "trials"), "came with trial", " of ", priority=2),
        Shown(("expected_best",), f"expected best of {common}" if common else "", priority=2),
        Shown(("improving",), numeric=False, priority=3),
    ]
    note = (
        "Time is wall time inside trials, whether or not they ran side by side. Failed and stopped trials tell epochs and time but "
        f"no updates. Expected best: what {counted(common, 'finished trial')} of the architecture, drawn at random, would reach "
        "on average (Dodge et al. 2019): there no architecture gains from having had more. Still improving: the last quarter of "
        f"the finished trials, or of the best trial's epochs, raised the best by more than {100 * STILL:.0f} %."
    )
    return make_table(frame, shown, key="budget", title="What the search spent", note=note)


def _fights(sweep: Sweep, found: Sequence[Fight]) -> Table:
    frame = fight_table(found)
    title = column(sweep.sweep.objective.metric).title
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("against",), numeric=False, priority=2),
        Shown(("budget",), numeric=False),
        Shown(("of_winner",)),
        Shown(("best",), f"its {title}"),
        Shown(("winner_then",), f"the winner's {title} by then"),
        Shown(("gap_then",), "gap by then", priority=1),
        Shown(("gap",), "final gap"),
        Shown(("reading",), "its budget", numeric=False),
    ]
    note = (
        f"Each architecture beside the winner as that stood with the same budget. Less means under {100 * LESS:.0f} % of the "
        "winner's; it explains the gap when the winner was not ahead by then, and part of it when it was ahead by less than "
        "half. The trials' order is one of many, so with few trials this is an indication and no test. "
        "Whether the final gap is more than chance, the pairs of architectures show."
    )
    return make_table(frame, shown, key="budget-gaps", title="At the loser's budget", note=note)
