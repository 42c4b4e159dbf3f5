"""Where it fails: small tumours, thick slices, and patients without any tumour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from results.reports.history import counted
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.statistics.casewise import Figures, architecture_figures
from results.statistics.strata import Strata, Weakness, size_strata, thickness_strata, weaknesses
from results.statistics.summary import FEWEST
from results.statistics.verdict import listed, p_text
from results.tables.strata import strata_table, tumour_free_table
from results.text import printable

if TYPE_CHECKING:
    from results.plots.style import Plot

_BY = {"size": "size of the tumours", "thickness": "slice thickness"}


def make_strata(material: Material) -> Section | None:
    """The section; None where no finished trial has scores of single patients."""
    sweep = material.sweep
    figures = architecture_figures(sweep)
    if not any(figures.values()):
        return None
    tumours = "tumour" in sweep.sweep.labels
    livers = "liver" in sweep.sweep.labels
    sizes, thicknesses = size_strata(figures), thickness_strata(figures)
    free = tumour_free_table(figures) if tumours else None

    def draw() -> tuple[Plot, ...]:
        from results.plots.strata import Panel, strata_plot

        panels = [Panel("Tumours by their size", "dice_tumour", sizes)] if tumours else []
        panels += [Panel("Livers by slice thickness", "dice_liver", thicknesses)] if livers else []
        return (strata_plot(sweep, figures, panels),)

    text = _by_size(figures, sizes) if tumours else ()
    scores = tuple(f"dice_{label}" for label in ("liver", "tumour") if label in sweep.sweep.labels)
    text += _by_thickness(figures, thicknesses, scores)
    text += _tumour_free(free) if free is not None else ()
    tables = [_table(figures, sizes, "size", tumours=True)] if tumours and sizes.filled else []
    tables += [_table(figures, thicknesses, "thickness", tumours=tumours)] if thicknesses.filled else []
    tables += [_free_table(free)] if free is not None and len(free) else []
    return Section(
        "strata",
        "Where it fails",
        "Where it fails",
        tuple(printable(paragraph) for paragraph in text),
        tuple(tables),
        draw,
        {"size": _facts(sizes), "thickness": _facts(thicknesses)},
    )


def _facts(strata: Strata) -> dict[str, Any]:
    classes = {found.name: list(found.patients) for found in strata.classes}
    return {"classes": classes, "unknown": list(strata.unknown), "terciles": strata.own}


def _by_size(figures: Figures, strata: Strata) -> tuple[str, ...]:
    if not any(one.has_tumour for several in figures.values() for one in several):
        return ("No validation patient has a tumour, so nothing is known of where tumours are missed.",)
    if not strata.filled:
        return ("The ledger does not tell how large the tumours are, so they are not told apart by size.",)
    return (
        " ".join((_members("size of their tumours", strata), *_verdicts(figures, strata, "size", ("dice_tumour",)))),
    )


def _by_thickness(figures: Figures, strata: Strata, scores: Sequence[str]) -> tuple[str, ...]:
    if not strata.filled:
        return ("The ledger does not tell the slice thickness of the scans (older versions did not record it).",)
    return (" ".join((_members("slice thickness", strata), *_verdicts(figures, strata, "thickness", scores))),)


def _members(by: str, strata: Strata) -> str:
    """How many patients are in each class."""
    parts = [f"{len(found.patients)} ({found.name})" for found in strata.classes]
    text = f"Validation patients by {by}: {listed(parts)}."
    if strata.own:
        text += " All of them are in one of the usual classes, so these are terciles."
    return text + (f" Of {counted(len(strata.unknown), 'patient')} it is not known." if strata.unknown else "")


def _verdicts(figures: Figures, strata: Strata, by: str, scores: Sequence[str]) -> list[str]:
    """Where each architecture does worst, or why that cannot be told."""
    sentences: list[str] = []
    untold: list[str] = []
    for score in scores:
        what = f"{score.removeprefix('dice_')} Dice"
        found = weaknesses(figures, strata, score)
        clear = [one for one in found if one.clear]
        sentences += [_weakest([one for one in clear if one.stratum == worst.name], what) for worst in strata.classes]
        rest = [one.architecture for one in found if not one.clear]
        if rest and clear:
            sentences.append(f"For {listed(rest)} no class can be told from the others by {what}.")
        elif rest:
            sentences.append(f"No architecture's {what} can be shown to differ between these classes.")
        elif not found:
            untold.append(what)
    if untold:
        text = f"By {_BY[by]} there is no verdict on {listed(untold)}: fewer than two classes have {FEWEST} scored patients "
        sentences.append(f"{text}(underpowered).")
    return [sentence for sentence in sentences if sentence]


def _weakest(found: Sequence[Weakness], what: str) -> str:
    """Those that do worst in one class; empty when none does."""
    if not found:
        return ""
    parts = [
        f"{one.architecture} ({one.mean:.3f} on {one.n} patients, {one.other_mean:.3f} on the other {one.others}; {p_text(one.p)})"
        for one in found
    ]
    return f"By mean {what}, worst {found[0].stratum}: {listed(parts)}; Kruskal–Wallis tests, p after Holm."


def _tumour_free(frame: pd.DataFrame) -> tuple[str, ...]:
    if not len(frame):
        return ("No validation patient is free of tumour, so nothing is known of false alarms.",)
    most = int(frame["n"].max())
    start = f"{counted(most, 'validation patient')} {'is' if most == 1 else 'are'} free of tumour."
    if most < FEWEST:
        return (f"{start} That is too few to conclude anything about false alarms (underpowered).",)
    parts = [_alarms(row) for row in frame.to_dict("records") if row["n"] >= FEWEST]
    return (f"{start} Left without a false finding, with the 95 % interval of that share: {'; '.join(parts)}.",)


def _alarms(row: dict[Any, Any]) -> str:
    text = f"{row['architecture']} {row['specificity'] * row['n']:.3g} of {row['n']} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
    volume = row["false_ml"]
    return f"{text}, {volume:.1f} mL marked on average" if volume == volume else text


def _table(figures: Figures, strata: Strata, by: str, *, tumours: bool) -> Table:
    frame = strata_table(figures, strata)
    full = frame["hd95_liver_mean"].notna().any() or frame["hd95_tumour_mean"].notna().any()
    names = ("liver", "tumour") if tumours else ("liver",)
    shown = [
        Shown(("stratum",), _BY[by], numeric=False),
        Shown(("architecture",), numeric=False),
        Shown(
            *((("n", "dice_tumour_n"), "patients / with tumour") if tumours and by != "size" else (("n",), "patients"))
        ),
        *(Shown((f"dice_{name}_mean", f"dice_{name}_sd"), f"Dice {name}", " ± ") for name in names),
        *(
            [Shown(("dice_tumour_ci_low", "dice_tumour_ci_high"), "95 % interval (tumour)", " … ", priority=3)]
            if tumours
            else []
        ),
        *([Shown(("missed",), "tumour not found", priority=2)] if tumours else []),
        *(
            [
                Shown((f"hd95_{name}_mean", f"hd95_{name}_failures"), f"HD95 {name} (mm) / failures", priority=2)
                for name in names
            ]
            if full
            else []
        ),
        *([Shown(("lesion_recall", "lesions"), "lesion recall / lesions", priority=2)] if tumours and full else []),
        Shown(("underpowered",), numeric=False, priority=1),
    ]
    note = (
        "The selected setting of each architecture; a patient's scans and the setting's repetitions are averaged first. Dice is "
        f"mean ± SD between patients. With fewer than {FEWEST} patients a class is underpowered: no verdict is given on it."
    )
    if by == "size":
        note += " Size: all tumour of the reference in a scan. Patients with tumour only."
    if not full:
        note += " The trials were not scored in full, so surface distances and lesions are missing."
    return make_table(frame, shown, key=f"strata-{by}", title=f"By {_BY[by]}", note=note)


def _free_table(frame: pd.DataFrame) -> Table:
    shown = [
        Shown(("architecture",), numeric=False),
        Shown(("n",), "patients"),
        Shown(("specificity",)),
        Shown(("ci_low", "ci_high"), "95 % interval", " … "),
        Shown(("false_ml",)),
        Shown(("false_lesions",)),
        Shown(("underpowered",), numeric=False),
    ]
    note = (
        "Specificity: the share of tumour-free patients in which no voxel was taken for tumour (Wilson interval); volume and "
        "number of false tumours are means over these patients."
    )
    if frame["false_ml"].isna().all():
        note += " The trials were not scored in full, so volumes and numbers are missing."
    return make_table(frame, shown, key="strata-tumour-free", title="Patients without tumour", note=note)
