"""Which parameters had to do with a good score, as far as the trials can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.table import Shown, make_table
from results.statistics.importance import DRAWS, FEWEST_TRIALS
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
    ]
    table = make_table(importance_table(groups), shown, key="importances", title="Importances in numbers")

    def draw() -> tuple[Plot, ...]:
        from results.plots.importance_bars import importance_bars

        return (importance_bars(groups),)

    return Section(key, title, short, (_text(groups),), (table,), draw)


def _too_few(settings: int) -> str:
    text = f"Underpowered: {counted(settings, 'setting')} finished, and from {FEWEST_TRIALS} on, where at least two things "
    return text + "varied, the importance of the parameters is told."


def _text(groups: tuple[Group, ...]) -> str:
    first = groups[0]
    text = (
        f"How far the values of the {first.best} best of {first.trials} settings differ from those of all of them "
        "(PED-ANOVA, Watanabe et al. 2023), as a share of the sum. The mark is what 95 % of "
        f"{DRAWS} random choices of as many settings stay below. A sampler that has learned "
        "tries good values more often, which makes them look less important than they are."
    )
    return text if first.trials >= 5 * FEWEST_TRIALS else text + " With so few trials only large effects can show."
