"""Which columns the tables of the comparison have: figures between patients, pairs, and ranks."""

from __future__ import annotations

import math

from results.records import Sweep
from results.reports.table import Shown, Table, make_table
from results.statistics import FEWEST, POWER, Comparison
from results.tables import pair_table, patient_table, rank_table


def patient_layout(sweep: Sweep, comparison: Comparison) -> Table:
    """Dice between patients: mean, SD, quartiles and bootstrap interval for each architecture's best trial."""
    frame = patient_table(sweep, comparison)
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("label",), numeric=False),
        Shown(("n",), "patients"),
        Shown(("missing", "failures"), "not scored / nothing found", priority=3),
        Shown(("mean", "sd"), "mean ± SD", " ± "),
        Shown(("ci_low", "ci_high"), "95 % interval of the mean", " … "),
        Shown(("median",)),
        Shown(("q1", "q3"), "quartiles", " … "),
        *([Shown(("seeds",)), Shown(("seed_sd",))] if (frame["seeds"] > 1).any() else []),
        Shown(("underpowered",), numeric=False),
    ]
    note = (
        "Dice per patient of each architecture's best trial, averaged over its seeds; SD is between patients. The interval "
        "is a bootstrap over patients, with the same resamples for every architecture; with fewer than "
        f"{FEWEST} patients it is underpowered: do not conclude from it."
    )
    return make_table(frame, shown, key="patients", title="Between patients", note=note)


def pair_layout(comparison: Comparison) -> Table:
    """Every pair of architectures on every label."""
    frame = pair_table(comparison)
    shown = [
        Shown(("first",), "this", numeric=False),
        Shown(("second",), "against", numeric=False),
        Shown(("label",), numeric=False),
        Shown(("n",), "patients", priority=2),
        Shown(("difference",), "mean difference"),
        Shown(("ci_low", "ci_high"), "95 % interval", " … ", priority=1),
        Shown(("p_holm",), priority=1),
        Shown(("rank_biserial",), priority=3),
        *([Shown(("seed_margin",), priority=4)] if frame["seed_margin"].notna().any() else []),
        Shown(("outcome",), numeric=False),
        Shown(("needed_patients",), priority=4),
        *([Shown(("needed_seeds",), priority=5)] if frame["needed_seeds"].notna().any() else []),
    ]
    note = (
        "Differences in Dice between the best trials of two architectures on the same patients: paired two-sided Wilcoxon "
        "tests (zero differences after Pratt), Holm over pairs and labels, intervals from a bootstrap over patients (not "
        f"adjusted). No test is made with fewer than {FEWEST} patients (underpowered). Patients needed: in all, for "
        f"{100 * POWER:.0f} % power, if the observed differences were the truth. The patients "
        "that scored the trials also chose them: with equally many trials each that makes these tests cautious, otherwise it "
        "favours the architecture that had more."
    )
    return make_table(frame, shown, key="pairs", title="Which differences can be shown", note=note)


def rank_layout(comparison: Comparison) -> Table:
    """How firm the ranking is."""
    shown = [
        Shown(("label",), numeric=False),
        Shown(("architecture",), numeric=False),
        Shown(("n",), "patients", priority=2),
        Shown(("mean",), "mean Dice"),
        Shown(("rank",)),
        Shown(("chance_1",)),
        Shown(("rank_low", "rank_high"), "ranks in 90 % of resamples", " … "),
    ]
    title = "How firm the ranking is"
    return make_table(rank_table(comparison), shown, key="ranks", title=title, note=_rank_note(comparison))


def _rank_note(comparison: Comparison) -> str:
    text = f"Ranks by mean Dice in {comparison.resamples} resamples of the patients that all have scored. "
    taus = [f"{ranking.tau:.2f} ({ranking.label})" for ranking in comparison.rankings if not math.isnan(ranking.tau)]
    if taus:
        text += "Kendall's τ between the ranking of a resample and that of all patients is on average "
        text += f"{', '.join(taus)}; 1 is the same. "
    for found in comparison.agreements:
        if not math.isnan(found.tau):
            text += f"Between {found.first} and {found.second} it is {found.tau:.2f} "
            text += f"({found.low:.2f} to {found.high:.2f} in 90 % of resamples)."
    return text.strip()
