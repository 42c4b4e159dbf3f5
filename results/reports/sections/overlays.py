"""Where the architectures disagree, and a look at such scans slice by slice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from results.overlays import Overlays, Prediction, ScanSlices
from results.reports.section import Material, Section
from results.reports.table import Shown, Table, make_table
from results.tables.disagreement import (
    LABELS,
    ChosenCase,
    Dice,
    case_dice,
    cases_to_look_at,
    disagreement_table,
    selected_trials,
)
from results.text import printable

if TYPE_CHECKING:
    from markupsafe import Markup

    from results.records import Sweep

_CHOICE = "The validation cases on which the architectures disagree most, and the worst and the best case of the best architecture."
_NOTE = (
    "For each validation case, the highest minus the lowest Dice of the architectures' best settings (the mean over their "
    "repetitions, where there are any): the larger one of liver's and tumour's. Tumour counts only where there is tumour."
)
_HOW = (
    "Slices are counted from 0 at the feet. The scans are shown from −100 to 240 HU, cut to the labelled part with a margin, "
    "and each opens where the labels differ on most pixels. Drag the slider, or press the arrow keys on it or on the pictures."
)


def make_overlays(material: Material) -> Section | None:
    """The section; None where no trial has scores of single cases."""
    sweep = material.sweep
    chosen = cases_to_look_at(sweep)
    if not chosen:
        return None
    table = _table(sweep, chosen)
    told = set(table.frame["case"])
    return Section(
        key="disagreement",
        title="Look at the scans: where the architectures disagree",
        short="Look",
        text=(_CHOICE, *(_sentence(item) for item in chosen if item.case not in told)),
        tables=(table,) if table.rows else (),
        facts={"chosen": [{"case": item.case, "reasons": list(item.reasons)} for item in chosen]},
        markup=lambda: viewers(sweep, chosen, material.overlays(tuple(item.case for item in chosen))),
    )


def _sentence(item: ChosenCase) -> str:
    return printable(f"{item.case}: {'; '.join(item.reasons)}.")


def _table(sweep: Sweep, chosen: tuple[ChosenCase, ...]) -> Table:
    reasons = {item.case: "; ".join(item.reasons) for item in chosen}
    frame = disagreement_table(sweep)
    frame["shown"] = frame["case"].map(reasons)
    shown = [
        Shown(("case",), numeric=False),
        Shown(("spread",)),
        *(
            Shown((f"{end}_{label}", f"{end}_dice_{label}"), f"{end} {label}", " ", numeric=False, priority=priority)
            for label, priority in (("liver", 2), ("tumour", 1))
            for end in ("best", "worst")
        ),
        Shown(("tumour_ml",), priority=3),
        *([Shown(("thickness_mm",), priority=4)] if frame["thickness_mm"].notna().any() else []),
        Shown(("slices",), priority=4),
        Shown(("shown",), "shown because", numeric=False, priority=5),
    ]
    title = "Spread between the architectures"
    return make_table(frame, shown, key="disagreement", title=title, note=_NOTE)


@dataclass(frozen=True, slots=True)
class Pane:
    """One picture of a viewer.

    Attributes:
        title, caption: what it is, and the Dice.
        layers: from the bottom up, the scan left out: kind and `data:` address (empty for the reference's outline, which
            all share).
        empty: why there is no picture.
        of: position of the architecture, as marks carry it; None for pictures that are no architecture's.
    """

    title: str
    caption: str
    layers: tuple[tuple[str, str], ...] = ()
    empty: str = ""
    of: int | None = None


def viewers(sweep: Sweep, chosen: tuple[ChosenCase, ...], overlays: Overlays) -> Markup:
    """The viewers of the chosen cases as HTML; those that nothing was kept of are named."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from results.plots.pictures import LABEL_COLOURS

    options = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=PackageLoader("results.reports", "."), **options)  # type: ignore[arg-type]
    dice = case_dice(sweep)
    made = [_viewer(sweep, item, overlays, dice[item.case]) for item in chosen if item.case in overlays.scans]
    colours = {label: "#" + bytes(LABEL_COLOURS[value]).hex() for value, label in enumerate(LABELS, 1)}
    missing = [printable(item.case) for item in chosen if item.case not in overlays.scans]
    template = environment.get_template("overlays.html.j2")
    return Markup(template.render(viewers=made, missing=missing, colours=colours, how=_HOW))


def _viewer(sweep: Sweep, item: ChosenCase, overlays: Overlays, dice: Mapping[str, Dice]) -> dict[str, object]:
    from results.plots.marks import architectures
    from results.plots.overlays import Tiles, differing, outline_sprite, scan_sprite

    positions = architectures(sweep)
    scan = overlays.scans[item.case]
    found = {name: _prediction(sweep, overlays, name, item.case) for name in dice}
    counts = differing([scan.reference, *(one.labels for one in found.values() if one is not None)]).tolist()
    start = counts.index(max(counts)) if max(counts) else _telling(scan)
    tiles = Tiles(scan.grid.count)
    x, y = tiles.place(start)
    most = max(1, *counts)
    return {
        "case": printable(item.case),
        "why": printable("; ".join(item.reasons)),
        "grid": scan.grid,
        "tiles": tiles,
        "start": start,
        "x": round(x, 3),
        "y": round(y, 3),
        "ratio": f"{scan.grid.columns} / {scan.grid.rows}",
        "thickness": f"{scan.spacing_mm[0]:.3g} mm apart",
        "shown": f"every {_ordinal(scan.grid.step)} slice" if scan.grid.step > 1 else "every slice",
        "scan": scan_sprite(scan.image),
        "truth": outline_sprite(scan.reference),
        "course": " ".join(f"M{i} 1V{1 - count / most:.3g}h.8V1z" for i, count in enumerate(counts) if count),
        "panes": [
            Pane("scan", "without labels"),
            _reference_pane(scan),
            *(_pane(name, found[name], values, positions.index(name)) for name, values in dice.items()),
        ],
    }


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _telling(scan: ScanSlices) -> int:
    """The slice with most tumour, else most liver, else the middle one."""
    for wanted in (scan.reference == 2, scan.reference >= 1):
        if wanted.any():
            return int(wanted.sum(axis=(1, 2)).argmax())
    return len(scan.reference) // 2


def _prediction(sweep: Sweep, overlays: Overlays, architecture: str, case: str) -> Prediction | None:
    """Of the first trial of the architecture's setting that has one."""
    kept = (overlays.of(trial.uid, case) for trial in selected_trials(sweep)[architecture])
    return next((found for found in kept if found is not None), None)


def _reference_pane(scan: ScanSlices) -> Pane:
    from results.plots.overlays import label_sprite

    return Pane("reference", "as labelled", (("labels", label_sprite(scan.reference)),))


def _pane(name: str, prediction: Prediction | None, dice: Dice, of: int) -> Pane:
    from results.plots.overlays import label_sprite

    scores = [f"{label} {dice[label]:.2f}" for label in LABELS if not math.isnan(dice[label])]
    caption = f"Dice {', '.join(scores)}" if scores else "no Dice"
    if prediction is None:
        return Pane(printable(name), caption, empty="no slices were kept", of=of)
    if prediction.unseen_ml >= 0.05:
        caption += f"; {prediction.unseen_ml:.1f} mL outside this view"
    return Pane(printable(name), caption, (("labels", label_sprite(prediction.labels)), ("truth", "")), of=of)
