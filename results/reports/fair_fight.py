"""Why each architecture that is behind the best one is behind, in words. Names are as in the ledger: not yet fit to show."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.records import Sweep
from results.statistics.fairness import Fight, Share
from results.statistics.spending import Measure
from results.statistics.verdict import listed

WORDS: dict[Measure, str] = {"trials": "trials", "updates": "updates", "seconds": "time"}


def amount(measure: Measure, value: float) -> str:
    """A budget in words: `1 trial`, `7,200 updates`, `2.5 h`."""
    if measure != "seconds":
        return f"{value:,.0f} {measure[:-1] if value == 1 else measure}"
    if value >= 7200:
        return f"{value / 3600:,.1f} h"
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.3g} s"


def between(measure: Measure, first: float, word: str, second: float) -> str:
    """Two amounts, the unit once where it is the same: `3 to 8 trials`, `40 s of 2.5 h`."""
    left, right = amount(measure, first), amount(measure, second)
    number, _, unit = left.rpartition(" ")
    alike = measure != "seconds" or unit == right.rpartition(" ")[2]
    return f"{number if alike else left} {word} {right}"


def fight_verdicts(found: Sequence[Fight], sweep: Sweep) -> list[str]:
    """A paragraph for each; those that lost with as much of everything share one."""
    even = [fight for fight in found if fight.outcome == "as much" and fight.shares and _even(fight)]
    shared = even if len(even) > 1 else []
    return [fight_verdict(fight, sweep) for fight in found if fight not in shared] + (
        [_together(shared)] if shared else []
    )


def _even(fight: Fight) -> bool:
    return all(share.reading == "as much" for share in fight.shares)


def _together(found: Sequence[Fight]) -> str:
    least = min(share.ratio for fight in found for share in fight.shares)
    names = [f"{fight.architecture} ({fight.best:.3f})" for fight in found]
    text = (
        f"{listed(names)} lost to {found[0].winner} ({found[0].winner_best:.3f}) although they got as much: at least "
    )
    rising = [_rising(fight, fight.architecture) for fight in found]
    return " ".join(filter(None, (f"{text}{percent(least)} of every budget.", *rising)))


def fight_verdict(fight: Fight, sweep: Sweep) -> str:
    """Why an architecture is behind the winner, in a few sentences; names are as in the ledger."""
    name, winner = fight.architecture, fight.winner
    if fight.outcome == "unscored":
        return _unscored(fight, sweep)
    if fight.outcome == "not behind":
        return f"{name} is not behind {winner} in the search itself ({fight.best:.3f} against {fight.winner_best:.3f})."
    text = _plain(fight) if fight.outcome in ("as much", "cheaper") else _smaller(fight)
    return " ".join(part for part in (text, _any_order(fight), _rising(fight)) if part)


def _smaller(fight: Fight) -> str:
    """For an architecture that got less."""
    name = fight.architecture
    less = [share for share in fight.shares if share.reading != "as much"]
    then, own = "; ".join(_clause(fight, share) for share in less), f"{name} itself reached {fight.best:.3f}"
    if fight.outcome == "less":
        return f"{name} lost because it got less: {then}. {own}, so {_final(fight)} is explained by budget."
    if fight.outcome == "part":
        return f"That {name} got less explains part of {_final(fight)}: {then}. {own}."
    if fight.outcome == "despite":
        return f"{name} got less, but did not lose because of it: {then}. {own}."
    why = listed([WORDS[share.measure] for share in less if share.reading == "explains it"])
    text = f"Whether {name} lost because it got less depends on the budget that counts: {then}. {own}. The smaller budget of "
    return f"{text}{why} explains {_final(fight)}; {_others(fight)}."


def _plain(fight: Fight) -> str:
    """For an architecture that had as many trials and updates."""
    name, winner = fight.architecture, fight.winner
    parts = [f"{percent(share.ratio)} of the {WORDS[share.measure]}" for share in fight.shares]
    got = f" ({listed(parts)} of {winner})" if parts else ""
    text = (
        f"{name} lost although it got as much{got}: it reached {fight.best:.3f} and {winner} {fight.winner_best:.3f}."
    )
    quick = [share for share in fight.shares if share.reading != "as much"]
    if not quick:
        return text
    then = quick[0].winner_then
    known = f"had reached {then:.3f}" if not math.isnan(then) else "had no score yet"
    ahead = f": for its time {name} was not worse" if fight.outcome == "cheaper" else ""
    return f"{text} Its trials took less time; in as much, {winner} {known}{ahead}."


def _final(fight: Fight) -> str:
    return f"the final gap of {fight.gap:.3f}" if fight.gap >= 0.0005 else "the final gap"


def _unscored(fight: Fight, sweep: Sweep) -> str:
    if not fight.trials:
        return f"Of {fight.architecture} no trial has ended: nothing is known of how good it is."
    failed = _failed(sweep, fight.architecture)
    what = f"{failed} of {fight.trials} failed" if failed else f"{fight.trials} ended without one"
    return f"{fight.architecture} has no finished trial with a score ({what}): nothing is known of how good it is."


def _failed(sweep: Sweep, name: str) -> int:
    mine = (trial for trial in sweep.trials if trial.architecture == name and not trial.replicate_of)
    return sum(trial.state == "failed" for trial in mine)


def _clause(fight: Fight, share: Share) -> str:
    """What it got of one budget, and how far the winner was with as much."""
    amounts = between(share.measure, share.spent, "of", share.winner_spent).removesuffix(f" {share.measure}")
    text = f"it got {percent(share.ratio)} of {fight.winner}'s {WORDS[share.measure]} ({amounts})"
    if math.isnan(share.winner_then):
        return f"{text}, with which {fight.winner} had no score yet"
    return f"{text}, with which {fight.winner} had reached {share.winner_then:.3f}"


def _others(fight: Fight) -> str:
    """The budgets that do not explain the gap."""
    enough = [WORDS[share.measure] for share in fight.shares if share.reading == "as much"]
    rest = [WORDS[share.measure] for share in fight.shares if share.reading in ("explains part", "does not explain it")]
    parts = [f"it got as much {listed(enough)}"] if enough else []
    return listed([*parts, *([f"that of {listed(rest)} does not"] if rest else [])])


def percent(ratio: float) -> str:
    """`40 %`; `3.4 times` above three."""
    return f"{100 * ratio:.0f} %" if ratio < 3 else f"{ratio:.1f} times"


def _any_order(fight: Fight) -> str:
    """The same in any other order of the winner's trials, where it had more of them."""
    fewer = any(share.measure == "trials" and share.reading != "as much" for share in fight.shares)
    if not fewer or math.isnan(fight.expected):
        return ""
    drawn = "a finished trial" if fight.drawn == 1 else f"{fight.drawn} finished trials"
    return f"In any order, {drawn} of {fight.winner} would have reached {fight.expected:.3f} on average."


def _rising(fight: Fight, subject: str = "It") -> str:
    parts = []
    if fight.late_trials:
        parts.append(f"of its trials raised its best by {fight.late_trials:.3f}")
    if fight.late_epochs:
        parts.append(f"of its best trial's epochs raised that by {fight.late_epochs:.3f}")
    text = f"{subject} was still improving: the last quarter {' and the last quarter '.join(parts)}."
    return text if parts else ""


def unfair_sentence(found: Sequence[Fight], sweep: Sweep) -> str:
    """One sentence when the comparison is not a fair fight; empty when it is.

    An architecture without an ended trial counts only once the sweep is closed: its turn may yet come.
    """
    parts = [_unfair(fight, sweep) for fight in found if not fight.fair and (fight.trials or sweep.sweep.closed)]
    return f"This was not a fair fight: {'; '.join(parts)}." if parts else ""


def _unfair(fight: Fight, sweep: Sweep) -> str:
    if fight.outcome == "unscored":
        return _unscored(fight, sweep).partition(": nothing")[0]
    explaining = [
        share for share in fight.shares if share.measure != "seconds" and share.reading.startswith("explains")
    ]
    share = min(explaining, key=lambda share: (share.reading != "explains it", share.ratio))
    name, winner = fight.architecture, fight.winner
    text = f"{name} got {percent(share.ratio)} of {winner}'s {WORDS[share.measure]}, and with as much {winner} was"
    return f"{text} {'not ahead' if share.reading == 'explains it' else 'ahead by less than half as much'}"
