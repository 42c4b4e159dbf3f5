"""What became of a sweep after it was first asked for: resumes, extensions, and the older sweeps it began from."""

from __future__ import annotations

from results.records import SweepRecord
from results.sweep_parts import Extension


def history_sentence(record: SweepRecord) -> str:
    """One or two sentences; empty for a sweep that ran in one go and from nothing."""
    done = [f"resumed {_times(record.runs - 1)}"] if record.runs > 1 else []
    done += [f"extended {_times(len(record.extended))}"] if record.extended else []
    parts = [f"warm-started from {_parents(record)}"] if record.parents else []
    parts += [" and ".join(done)] if done else []
    return " ".join(f"{subject} was {part}." for subject, part in zip(("The sweep", "It"), parts, strict=False))


def history_facts(record: SweepRecord) -> tuple[tuple[str, str], ...]:
    """`(name, value)` of the same, in full."""
    facts = []
    if record.parents:
        facts.append(("warm-started from", _parents(record)))
    if record.runs > 1:
        facts.append(("runs", f"{record.runs}: resumed {_times(record.runs - 1)}"))
    facts += [("extended", _extension(extension)) for extension in record.extended]
    return tuple(facts)


def _parents(record: SweepRecord) -> str:
    return ", ".join(f"{parent.name} ({counted(parent.trials, 'trial')})" for parent in record.parents)


def _extension(extension: Extension) -> str:
    parts = []
    if extension.added:
        parts.append(f"{counted(extension.added, 'trial')} more, {extension.trials} in all")
    if extension.longer:
        parts.append(f"{counted(len(extension.longer), 'older trial')} trained longer")
    if extension.epochs:
        parts.append(f"{extension.epochs} epochs")
    if extension.space is not None:
        parts.append("another search space")
    if extension.note:
        parts.append(extension.note)
    return "; ".join(parts) or "nothing changed"


def counted(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
