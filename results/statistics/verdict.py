"""Comparisons in words: what these patients show, what they do not, and what it would take. Never more than that."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.statistics.comparison import Comparison
from results.statistics.pairs import Pair
from results.statistics.planning import ALPHA, POWER, Plan, fewest_patients
from results.statistics.selection import HeldOut, Optimism
from results.statistics.summary import FEWEST
from results.text import printable


def pair_verdict(pair: Pair) -> str:
    """One to three sentences about two models on one label."""
    says = {
        "underpowered": _underpowered,
        "not told apart": _not_told_apart,
        "first better": _better,
        "second better": lambda found: _better(found.turned),
        "mixed": _mixed,
        "within seeds": _within_seeds,
    }
    return says[pair.outcome](pair)


def _underpowered(pair: Pair) -> str:
    text = f"{_names(pair)} are not compared for {pair.label}: "
    text += f"{_patients(pair.n, pair.label)} {'is' if pair.n == 1 else 'are'} fewer than {FEWEST} (underpowered)"
    fewest = max(FEWEST, fewest_patients(ALPHA / pair.tests))
    return f"{text}; below {fewest} not even the clearest difference would show{_among(pair.tests)}."


def _not_told_apart(pair: Pair) -> str:
    text = f"{_names(pair)} cannot be told apart for {pair.label} on {_these(pair)} ({_p(pair)})"
    text += f"; {_needed(pair, pair.plan)}." if pair.plan is not None else "."
    if pair.hopeless:
        text += (
            f" With {_patients(pair.n, pair.label)} not even the clearest difference would show{_among(pair.tests)}."
        )
    return text


def _needed(pair: Pair, plan: Plan) -> str:
    """What it would take, as half a sentence."""
    observed = f"observed {signed(pair.mean)}"
    if plan.patients is None and plan.seeds is None:
        seeds = " or seeds" if plan.seeds_known else ""
        return f"no number of patients{seeds} is worth planning for: the {observed} is too small beside the spread"
    wanted = []
    if plan.patients is not None and (plan.seeds is None or plan.with_seeds < plan.seeds):
        more = f" with {_more(plan.with_seeds)}" if plan.with_seeds else ""
        wanted.append(f"about {_patients(_rounded(plan.patients), pair.label)}{more}")
    if plan.seeds is not None:
        wanted.append(_more(plan.seeds))
    text = f"{' or '.join(wanted)} would be needed for {100 * POWER:.0f} % power if the {observed} were the truth"
    if plan.seeds is None:
        known = (
            "more seeds alone would not do" if plan.seeds_known else "one seed cannot tell whether more seeds would do"
        )
        text += f" ({known})"
    return text


def _more(seeds: int) -> str:
    return f"{seeds} more seed{'s' if seeds > 1 else ''}"


def _within_seeds(pair: Pair) -> str:
    pair = pair if pair.mean > 0 else pair.turned
    text = (
        f"As trained, {_higher(pair)} on {_these(pair)}, {_effect(pair)}, {_p(pair)}, but chance of training may put "
    )
    text += f"them ±{pair.seed_margin:.3f} apart: neither is called better"
    if pair.plan is None or pair.plan.seeds is None:
        return f"{text}."
    return f"{text}; about {_more(pair.plan.seeds)} would be needed to tell."


def _better(pair: Pair) -> str:
    """The first is better."""
    text = f"{printable(pair.first)} is better than {printable(pair.second)} for {pair.label} on {_these(pair)}: "
    text += f"{_effect(pair)}, {_p(pair)}."
    return text


def _mixed(pair: Pair) -> str:
    pair = pair if pair.rank_biserial > 0 else pair.turned
    text = (
        f"{_higher(pair)} in most of {_these(pair)} ({_p(pair)}), but the mean difference, {_effect(pair)}, does not "
    )
    text += "confirm it: neither is called better."
    return text


def _higher(pair: Pair) -> str:
    return f"{printable(pair.first)} scores higher than {printable(pair.second)} for {pair.label}"


def _names(pair: Pair) -> str:
    return f"{printable(pair.first)} and {printable(pair.second)}"


def _effect(pair: Pair) -> str:
    return f"{signed(pair.mean)} ({interval_text(pair.ci_low, pair.ci_high)})"


def _these(pair: Pair) -> str:
    return f"{'this' if pair.n == 1 else 'these'} {_patients(pair.n, pair.label)}"


def _patients(n: int, label: str) -> str:
    return f"{n} patient{'' if n == 1 else 's'}{' with tumour' if label == 'tumour' else ''}"


def _rounded(n: int) -> int:
    """Two digits: a plan is not more precise than that."""
    unit = int(10 ** max(len(str(n)) - 2, 0))
    return math.ceil(n / unit) * unit


def _among(tests: int) -> str:
    return f" among {tests} tests" if tests > 1 else ""


def _p(pair: Pair) -> str:
    return f"{p_text(pair.p_holm)} after Holm"


def p_text(p: float) -> str:
    """`p = 0.31`, `p = 0.012`, `p < 0.001`: never rounded across 0.05."""
    if p < 0.001:
        return "p < 0.001"
    if p >= 0.0995:
        return f"p = {p:.2f}"
    digits = next((digits for digits in (3, 4, 5) if (float(f"{p:.{digits}f}") <= ALPHA) == (p <= ALPHA)), 6)
    return f"p = {p:.{digits}f}"


def signed(value: float) -> str:
    """Three decimals with a sign, a true minus."""
    return f"{value:+.3f}".replace("-", "−")


def interval_text(low: float, high: float) -> str:
    """`95 % CI +0.008 to +0.034`."""
    return f"95 % CI {signed(low)} to {signed(high)}"


def overall_verdict(comparison: Comparison, leader: str = "") -> tuple[str, ...]:
    """Sentences about all models: who leads and how firmly, what that is worth on each label, and what seeds say.

    Args:
        comparison: of at least two models, else there is nothing to say.
        leader: the model to speak of; empty for the first of the ranking over all labels, or the first of all where
            no patient was scored by every model.
    """
    scores, ranking = comparison.scores, comparison.ranking
    if len(scores.models) < 2 or ranking is None:
        return ()
    if not any(pair.n for pair in comparison.pairs):
        return ("The models have no patient in common, so nothing can be compared.",)
    name = leader or ranking.leader or scores.models[0]
    sentences = [_lead(comparison, name), *(_standing(comparison, name, label) for label in scores.labels)]
    tested = [pair for pair in comparison.pairs if not math.isnan(pair.p_holm)]
    if tested and all(pair.outcome in ("not told apart", "mixed", "within seeds") for pair in tested):
        sentences.append("No model is shown to be better than another.")
    sentences.append(_seeds(comparison))
    return tuple(sentence for sentence in sentences if sentence)


def _lead(comparison: Comparison, name: str) -> str:
    ranking = comparison.ranking
    if ranking is None or math.isnan(ranking.first(name)):
        return ""
    text = f"{printable(name)} ranks first in {_percent(ranking.first(name))} of resamples of "
    text += _patients(len(comparison.scores.patients), "")
    others = [(ranking.first(model), model) for model in ranking.models if model != name]
    chance, rival = max(others, key=lambda other: other[0])
    return f"{text}, {printable(rival)} in {_percent(chance)}."


def _percent(share: float) -> str:
    """Whole per cent; never 0 or 100 unless it is."""
    if 0 < share < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


_STANDINGS = (
    ("first better", "it is better than {}"),
    ("second better", "it is worse than {}"),
    ("mixed", "it differs from {} in ranks but not surely in the mean"),
    ("within seeds", "it differs from {} by no more than chance of training may"),
    ("not told apart", "it cannot be told apart from {}"),
    ("underpowered", "there are too few patients to compare it with {}"),
)


def _standing(comparison: Comparison, name: str, label: str) -> str:
    pairs = [comparison.pair(name, model, label) for model in comparison.scores.models if model != name]
    parts = []
    for outcome, words in _STANDINGS:
        others = [printable(pair.second) for pair in pairs if pair.outcome == outcome]
        every = len(others) == len(pairs) > 1
        if others:
            parts.append(words.format(f"any of the {len(others)} others" if every else listed(others)))
    return f"{label.capitalize()}: {'; '.join(parts)}."


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _seeds(comparison: Comparison) -> str:
    counts = {summary.seeds for summary in comparison.summaries.values() if summary.n}
    if counts <= {1}:
        return "Each was trained with one seed: what another seed would change is not known."
    if min(counts) < 2:
        return "Some were trained with one seed: what another seed would change is not known for them."
    spreads = [summary.seed_sd for summary in comparison.summaries.values() if not math.isnan(summary.seed_sd)]
    text = f"Scores are means over {_range(counts)} seeds"
    return f"{text}; between seeds they differ by an SD of up to {max(spreads):.3f}." if spreads else f"{text}."


def _range(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def optimism_verdict(optimism: Optimism, what: str = "trials") -> str:
    """What the best score owes to selection, in one or two sentences."""
    text = f"The best of {optimism.models} {what} is optimistic, for it was chosen on the patients that scored it. "
    if optimism.underpowered or math.isnan(optimism.corrected):
        return f"{text}How much, {_patients(optimism.patients, '')} cannot tell."
    text += "Chosen anew on resampled patients and scored on those left out, the best has a mean Dice of "
    text += f"{optimism.corrected:.3f} instead of {optimism.apparent:.3f}"
    if optimism.optimism > 0.0005:
        text += f": selection is worth about {optimism.optimism:.3f}"
    return f"{text}. The same is chosen in {_percent(optimism.again)} of the resamples."


def held_out_verdict(found: HeldOut) -> str:
    """Validation beside test for one model and label, in one sentence."""
    parts = [
        f"{part.mean:.3f} on {part.n} {kind} patient{'' if part.n == 1 else 's'}" if part.n else f"no {kind} score"
        for kind, part in (("validation", found.validation), ("test", found.test))
    ]
    text = f"{printable(found.model)}, {found.label}: {', '.join(parts)}"
    if min(found.validation.n, found.test.n) < FEWEST:
        return f"{text} (underpowered)."
    return f"{text}; drop {signed(found.drop)} ({interval_text(found.ci_low, found.ci_high)})."
