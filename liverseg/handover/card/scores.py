"""How good a model is: on validation, where the scores are optimistic, and on test if that was opened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from liverseg.handover.card.facts import CardFacts, FreeFacts, NetworkFacts, ScoreFacts, TestFacts
from liverseg.handover.card.reading import exported_free, exported_scores, treated
from liverseg.handover.card.section import CardTable, Section, counted, dice_text, interval_text
from liverseg.handover.description import ModelDescription

_HEADS = ("what was scored", "label", "patients", "mean Dice", "95 % interval", "median", "nothing found in", "HD95")
_NUMERIC = (False, False, True, True, True, True, True, True)
HANDED_OVER = "the model as handed over"
_HOW = (
    "Dice is twice the overlap of the mask and the reference mask, divided by the sum of both volumes, over the whole scan; 1 "
    "is perfect, 0 is nothing in common. It is averaged over patients, tumour over those who have one; “nothing found” is a "
    "Dice of 0. The 95 % interval says how far the mean may be off because these patients are a sample (bootstrap over "
    "patients)."
)
_HD95 = " HD95 is the distance in mm within which 95 % of the outlines lie of each other, median over patients."


def validation_section(description: ModelDescription, facts: CardFacts) -> Section:
    """Scores on the patients that chose the model."""
    rows = [_row(HANDED_OVER, score, facts) for score in exported_scores(description)]
    for network in facts.networks:
        rows += [_row(_name(network), score, facts) for score in network.validation.scores if score.patients]
    distances = [score.hd95_mm for network in facts.networks for score in network.validation.scores if score.patients]
    text = (_HOW + ("" if all(map(math.isnan, distances)) else _HD95), _optimism(facts))
    notes = [*_alone(description, facts), *_no_free(description, facts), *_sizes(facts)]
    tables = (*_scores_table(rows), *_free_table(_free_rows(description, facts)))
    return Section("validation", "How good it is on validation patients", text, tables=tables, notes=tuple(notes))


def test_section(description: ModelDescription, facts: CardFacts) -> Section:
    """Scores on patients that were kept apart, and how often they were opened."""
    tests = [(_test_name(network, test, facts), test.scored) for network in facts.networks for test in network.tests]
    rows = [_row(name, score, facts) for name, scored in tests for score in scored.scores if score.patients]
    text = [facts.test or "Whether patients were kept apart for a test is not recorded."]
    if len(facts.openings) > 1:
        text.append(
            "Only the first opening found patients that nothing was decided on: what was changed after it may have been changed "
            "for what they showed."
        )
    text += [f"Note of opening {opening.number}: {opening.note}" for opening in facts.openings if opening.note]
    if facts.openings and not rows:
        text.append("No network of this model was scored then, so that these patients say nothing of it.")
    if rows and treated(description):
        text.append("The networks were scored as trained: each alone, without post-processing and mirrored slices.")
    free = [_free_row(name, scored.free) for name, scored in tests if scored.free]
    tables = (*_scores_table(rows), *_free_table(free))
    return Section("test", "How good it is on test patients", tuple(text), tables=tables)


test_section.__test__ = False  # type: ignore[attr-defined]


def _optimism(facts: CardFacts) -> str:
    text = (
        "These scores are optimistic: the same patients decided which network was taken, after which epoch, and what is done "
        "to its masks."
    )
    return f"{text} {facts.selection}".strip()


def _alone(description: ModelDescription, facts: CardFacts) -> Iterator[str]:
    if facts.networks and exported_scores(description):
        yield (
            f"“{HANDED_OVER[0].upper()}{HANDED_OVER[1:]}” was predicted anew for this card, from the scans' files, with all "
            "that “liversweep predict” does. The rows by trial are the networks as they were scored in training: each alone, "
            "without post-processing and mirrored slices."
        )


def _free_rows(description: ModelDescription, facts: CardFacts) -> list[tuple[str, ...]]:
    if "tumour" not in description.labels:
        return []
    exported = exported_free(description)
    rows = [_free_row(HANDED_OVER, exported)] if exported else []
    found = [(_name(network), network.validation.free) for network in facts.networks]
    return [*rows, *(_free_row(name, free) for name, free in found if free)]


def _free_row(name: str, free: FreeFacts) -> tuple[str, ...]:
    volume = f"{free.false_ml:.1f} mL" if math.isfinite(free.false_ml) else "—"
    return (name, str(free.patients), str(free.clean), volume)


def _free_table(rows: Sequence[tuple[str, ...]]) -> tuple[CardTable, ...]:
    heads = (
        "what was scored",
        "patients without tumour",
        "of these without a false tumour",
        "called tumour, on average",
    )
    return (_without_empty(CardTable(heads, tuple(rows), (False, True, True, True))),) if rows else ()


def _no_free(description: ModelDescription, facts: CardFacts) -> Iterator[str]:
    if "tumour" in description.labels and facts.networks and not _free_rows(description, facts):
        yield "No validation patient is without tumour, so false alarms could not be counted."


def _sizes(facts: CardFacts) -> Iterator[str]:
    if not facts.networks or len(facts.networks[0].validation.sizes) < 2:
        return
    parts = [
        f"{size.name} {dice_text(size.mean)} ({counted(size.patients, 'patient')}{_interval(size.low, size.high)})"
        for size in facts.networks[0].validation.sizes
    ]
    yield f"Tumour Dice of {_name(facts.networks[0])} by the volume of a patient's tumours together: {', '.join(parts)}."


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f", {interval_text(low, high)}"


def _test_name(network: NetworkFacts, test: TestFacts, facts: CardFacts) -> str:
    return _name(network) + (f", opening {test.opening}" if len(facts.openings) > 1 else "")


def _name(network: NetworkFacts) -> str:
    return f"trial {network.trial}"


def _row(name: str, score: ScoreFacts, facts: CardFacts) -> tuple[str, ...]:
    few = " (too few)" if score.patients < facts.fewest else ""
    return (
        name,
        score.label,
        f"{score.patients}{few}",
        dice_text(score.mean),
        interval_text(score.low, score.high),
        dice_text(score.median),
        counted(score.failures, "patient") if not math.isnan(score.median) else "—",
        _hd95(score.hd95_mm),
    )


def _scores_table(rows: Sequence[tuple[str, ...]]) -> tuple[CardTable, ...]:
    return (_without_empty(CardTable(_HEADS, tuple(rows), _NUMERIC)),) if rows else ()


def _hd95(value: float) -> str:
    if math.isnan(value):
        return "—"
    return f"{value:.1f} mm" if math.isfinite(value) else "no surface in half"


def _without_empty(table: CardTable) -> CardTable:
    """Without columns in which nothing is known."""
    kept = [column for column in range(len(table.heads)) if any(row[column] != "—" for row in table.rows)]
    return CardTable(
        _taken(table.heads, kept),
        tuple(_taken(row, kept) for row in table.rows),
        tuple(table.numeric[column] for column in kept),
    )


def _taken(cells: Sequence[str], kept: Sequence[int]) -> tuple[str, ...]:
    return tuple(cells[column] for column in kept)
