"""The locked test patients: whether, when, how often and for what they were opened, and what they said."""

from __future__ import annotations

from dataclasses import replace

from results.records import Sweep
from results.reports.comparison_layouts import pair_layout
from results.reports.openings import locked_sentence, opening_facts, opening_paragraphs
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.statistics import (
    FEWEST,
    OpeningScores,
    compare,
    held_out,
    held_out_verdict,
    opening_scores,
    overall_verdict,
)
from results.tables import held_out_cases, held_out_table, opening_table
from results.text import printable

KEY, TITLE, SHORT = "test-patients", "Test patients", "Test"


def make_test(material: Material) -> Section:
    """The test patients of a sweep."""
    sweep = material.sweep
    if not sweep.sweep.openings:
        return Section(KEY, TITLE, SHORT, (printable(locked_sentence(sweep)),), facts={"openings": []})
    found = tuple(opening_scores(sweep, opening) for opening in sweep.sweep.openings)
    tables = (_held_out(sweep, found), _pairs(found[-1]), *([_openings(found)] if len(found) > 1 else []))
    return Section(
        KEY,
        TITLE,
        SHORT,
        (*opening_paragraphs(sweep, found), *_verdict(found[-1])),
        tables,
        facts={
            "openings": [opening_facts(scores.opening) for scores in found],
            "missing": list(found[-1].missing),
            "cases": held_out_cases(sweep),
        },
        screen=True,
    )


def _verdict(scores: OpeningScores) -> tuple[str, ...]:
    """What the newest opening shows: the architecture that came first beside its validation scores, and all of them."""
    leader = scores.validation.models[:1]
    first = [item for item in held_out(scores.validation, scores.test) if item.model in leader]
    whole = overall_verdict(compare(scores.test))
    texts = (
        " ".join(held_out_verdict(item) for item in first if item.test.n),
        " ".join((f"On the test patients (opening {scores.opening.number}):", *whole)) if whole else "",
    )
    return tuple(printable(text) for text in texts if text)


def _held_out(sweep: Sweep, found: tuple[OpeningScores, ...]) -> Table:
    """Validation beside test, for every opening."""
    frame = held_out_table(sweep, found)
    shown = [
        *([Shown(("opening",))] if len(found) > 1 else []),
        Shown(("architecture",), numeric=False),
        Shown(("label",), numeric=False),
        *([Shown(("trials",), priority=3)] if (frame["trials"] > 1).any() else []),
        Shown(("validation_n", "test_n"), "patients validation / test", priority=2),
        Shown(("validation_mean",)),
        Shown(("test_mean", "test_sd"), "test ± SD", " ± "),
        Shown(("test_ci_low", "test_ci_high"), "95 % interval of the test mean", " … ", priority=4),
        Shown(("drop",)),
        Shown(("ci_low", "ci_high"), "95 % interval of the drop", " … ", priority=1),
        Shown(("underpowered",), numeric=False, priority=1),
    ]
    note = (
        "Mean Dice over patients of the same trials on the validation patients that selected them, and on the locked test "
        "patients; averaged over the trials of a setting. SD is between patients, drop is validation − test; "
        f"intervals are bootstraps over patients. With fewer than {FEWEST} patients in one part: underpowered."
    )
    return make_table(frame, shown, key="held-out", title="Validation beside test", note=note)


def _pairs(scores: OpeningScores) -> Table:
    """Every pair of architectures on the test patients."""
    note = (
        "Differences in Dice on the same test patients: paired two-sided Wilcoxon tests (zero differences after Pratt), Holm "
        "over pairs and labels, intervals from a bootstrap over patients (not adjusted). No test is made with fewer than "
        f"{FEWEST} patients (underpowered). "
    )
    if scores.opening.number > 1:
        note += f"This is opening {scores.opening.number}: what was chosen may have been chosen for what the one before showed."
    else:
        note += "These patients chose nothing, so nothing is favoured."
    title = "Which differences the test patients show"
    return replace(pair_layout(compare(scores.test)), key="test-pairs", title=title, note=note)


def _openings(found: tuple[OpeningScores, ...]) -> Table:
    shown = [
        Shown(("opening",)),
        Shown(("time",), "opened", numeric=False),
        Shown(("tested", "trials"), "trials tested / selected"),
        Shown(("patients",)),
        Shown(("ended_after",)),
        Shown(("note",), numeric=False),
    ]
    note = "Each opening stays on this list. Trials that ended since an opening may have been made knowing of it."
    return make_table(opening_table(found), shown, key="openings", title="Openings", note=note)
