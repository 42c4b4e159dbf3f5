"""The openings of the locked test patients in words. What is said here is never taken back by what happens later."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from results.records import Sweep
from results.reports.history import counted
from results.statistics import OpeningScores
from results.sweep_parts import Opening
from results.text import printable

MOST_NAMES = 8


def inherited_sentence(sweep: Sweep) -> str:
    """That a sweep from which this one began had opened test patients of this one; empty when none had."""
    parents = [parent for parent in sweep.sweep.parents if parent.opened]
    if not parents:
        return ""
    seen = ", ".join(f"{parent.name} ({counted(parent.opened, 'patient')})" for parent in parents)
    return (
        f"Before this sweep began, test patients of it had been opened in {printable(seen)}, from which it was started: what "
        "they showed there may have had a say in it."
    )


def locked_sentence(sweep: Sweep) -> str:
    """That nothing is known of the test patients in this sweep, and how to open them; that there are none."""
    held = len(sweep.sweep.split.test)
    if not held:
        return "No patients were held back for a test: something was decided on every patient that is scored here."
    subject = "The test patient is" if held == 1 else f"The {held} test patients are"
    text = (
        f"{subject} locked: nothing of them was prepared, trained on or scored. {inherited_sentence(sweep)} ".rstrip()
    )
    return f"{text} Once the search is over, open them with: liversweep test {_name(sweep)}"


def opened_sentence(sweep: Sweep) -> str:
    """How often the test patients were opened and when first, in one or two sentences; they were, at least once."""
    openings = sweep.sweep.openings
    held = len(openings[0].patients)
    subject = "The test patient was" if held == 1 else f"The {held} test patients were"
    if len(openings) == 1:
        text = f"{subject} opened once, on {_day(openings[0])}."
    else:
        text = f"{subject} opened {len(openings)} times, first on {_day(openings[0])}, last on {_day(openings[-1])}."
    return " ".join(part for part in (text, _went_on(openings), inherited_sentence(sweep)) if part)


def opening_paragraphs(sweep: Sweep, found: Sequence[OpeningScores]) -> tuple[str, ...]:
    """The whole history of the openings, a paragraph each, and what that makes of the scores."""
    openings = sweep.sweep.openings
    texts = [f"{opened_sentence(sweep)} Split fingerprint {openings[0].fingerprint or 'not recorded'}."]
    texts += [_opening(sweep, scores) for scores in found]
    if len(openings) > 1:
        texts.append(
            "Only the first opening found patients that nothing was decided on. Whatever was changed or chosen between two "
            "openings may have been changed or chosen for what these patients showed."
        )
    return tuple(printable(text) for text in texts)


def _opening(sweep: Sweep, scores: OpeningScores) -> str:
    opening = scores.opening
    architectures = dict.fromkeys(sweep.trial(uid).architecture for uid in opening.trials)
    text = f"Opening {opening.number}, {_day(opening)}, for {counted(len(opening.trials), 'trial')} of "
    text += (
        f"{counted(len(architectures), 'architecture')}, selected on validation patients ({_listed(opening.trials)})"
    )
    text += f", when {counted(opening.ended_before, 'trial')} had ended."
    if opening.note:
        text += f" Note: {opening.note.rstrip('.')}."
    if scores.missing:
        text += f" Not scored: {_listed(scores.missing)}."
        if opening.number == sweep.sweep.openings[-1].number:
            text += f" Go on with: liversweep test {_name(sweep)}"
    return text


def _went_on(openings: Sequence[Opening]) -> str:
    """That trials ended after the first opening, which cannot be undone; empty when none did."""
    since = openings[0].ended_after
    if not since:
        return ""
    verb = "has" if since == 1 else "have"
    return (
        f"The search went on after they had been opened: {counted(since, 'trial')} {verb} ended since, and what the test "
        "patients showed may have had a say in it."
    )


def _listed(uids: Sequence[str]) -> str:
    more = f" and {len(uids) - MOST_NAMES} more" if len(uids) > MOST_NAMES else ""
    return ", ".join(uids[:MOST_NAMES]) + more


def _day(opening: Opening) -> str:
    return printable(opening.time[:10])


def _name(sweep: Sweep) -> str:
    return printable(shlex.quote(sweep.sweep.name))


def opening_facts(opening: Opening) -> Mapping[str, object]:
    """An opening for programs."""
    return {name: getattr(opening, name) for name in Opening.__slots__}
