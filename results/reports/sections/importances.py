"""Which parameters had to do with a good score, as far as the trials can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.table import Shown, make_table
from results.statistics.importance import CHANCE, DRAWS, FEW_TRIALS, FEWEST_TRIALS
from results.tables.factors import swept_parameters
from results.tables.importances import Group, finished_settings, importance_groups, importance_table

if TYPE_CHECKING:
    from results.plots.style import Plot


def make_importances(material: Material) -> Section | None:
    """PED-ANOVA with what chance gives; a sentence where there are too few trials; None where nothing varied."""
    sweep = material.sweep
    if not swept_parameters(sweep.trials):
        return None
    groups = importance_groups(sweep)
    key, title, short = "importances", "Importance of the parameters", "Importance"
    if not groups:
        return Section(key, title, short, (_too_few(finished_settings(sweep)),))
    shown = [
        Shown(("trials_judged",), "judged over", numeric=False),
        Shown(("parameter",), numeric=False),
        Shown(("share",)),
        Shown(("chance",), "chance, 95 %"),
        Shown(("shown",), "more than chance", numeric=False),
        Shown(("best", "settings"), "best / all", priority=2),
        Shown(("underpowered",), numeric=False),
    ]
    table = make_table(importance_table(groups), shown, key="importances", title="Importances in numbers", note=_NOTE)

    def draw() -> tuple[Plot, ...]:
        from results.plots.importance_bars import importance_bars

        return (importance_bars(groups),)

    return Section(key, title, short, (_text(groups),), (table,), draw)


def _too_few(settings: int) -> str:
    text = f"Underpowered: {counted(settings, 'setting')} finished, and from {FEWEST_TRIALS} on, where at least two things "
    return text + "varied, the importance of the parameters is told."


def _text(groups: tuple[Group, ...]) -> str:
    first = groups[0]
    text = f"Which parameters told the {first.best} best of {first.trials} settings from all of them, and which did no more "
    text += "than chance would. "
    if any(group.underpowered for group in groups):
        text += f"With fewer than {FEW_TRIALS} settings this is underpowered: a pale bar does not mean that a parameter does "
        text += "not matter. "
    return text.strip()


_NOTE = (
    "Share of each parameter in the sum of the divergences. The divergence is Pearson's, of the values of the best trials from "
    "those of all (PED-ANOVA; Watanabe, Bansal and Hutter, 2023), replicates of a setting counted once. Chance is what "
    f"{100 * CHANCE:.0f} % of {DRAWS} random choices of as many settings stay below. A sampler that has learned tries good values "
    "more often, which makes them look less important than they are."
)
