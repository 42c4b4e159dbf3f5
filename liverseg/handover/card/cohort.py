"""The scans that a model was made of, how they were divided, and what a scan must be like to be one of them."""

from __future__ import annotations

from liverseg.errors import ConfigError
from liverseg.handover.card.facts import CardFacts, DataFacts, PartFacts
from liverseg.handover.card.section import NOT_RECORDED, CardTable, Section, counted, facts_table, known
from liverseg.handover.description import ModelDescription
from liverseg.handover.familiar import FEATURES, FamiliarRanges, span_text

NOT_STATED = "not stated"
_PARTS = {
    "train": "the networks learned from these",
    "validation": "chose networks, epochs and post-processing",
    "test": "kept apart",
}
_SLICES = {
    "all": "every slice",
    "body": "slices that show the body",
    "liver": "slices that show the liver",
}


def data_section(description: ModelDescription, facts: CardFacts) -> Section:
    """What there was."""
    data, tumour = facts.data, "tumour" in description.labels
    rows = [
        ("licence of the scans", data.license.strip() or NOT_STATED),
        ("patients", str(sum(part.patients for part in data.parts))),
        ("scans (cases)", str(data.cases)),
        ("slices", str(data.slices)),
        *([("scans without tumour", str(data.tumour_free))] if tumour else []),
        *([("of these with a mask that a reviewer corrected", str(data.reviewed))] if data.reviewed else []),
        *([("scans left out, as they broke a rule", str(data.left_out))] if data.left_out else []),
        ("distance between slices", _span(data.spacing_mm, "mm")),
        *([("tumour volume of a scan that has tumour", _span(data.tumour_ml, "mL"))] if tumour else []),
        ("learned from", _SLICES.get(data.training_slices, data.training_slices)),
        ("fingerprint of the scans and masks", data.fingerprints.get("data") or NOT_RECORDED),
    ]
    text = (
        "Every scan came with a reference mask, which is taken for true. The networks learned to make the same masks, with "
        "whatever is wrong in them.",
    )
    notes = (_terms(data), "A fingerprint stands for the data: it is the same only where every voxel is the same.")
    return Section("data", "Data", text, tables=(facts_table(rows),), notes=notes)


def _terms(data: DataFacts) -> str:
    if data.license.strip():
        return "The licence is given in the words of those who made the model. It may bind the model, too."
    return (
        "Under which terms the scans may be used was not stated (data.license in the sweep's specification): find out before the "
        "model is passed on."
    )


def _span(span: tuple[float, float] | None, unit: str) -> str:
    if span is None:
        return NOT_RECORDED
    low, high = (f"{value:.3g}" for value in span)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def split_section(description: ModelDescription, facts: CardFacts) -> Section:
    """Who was used for what."""
    data, tumour = facts.data, "tumour" in description.labels
    text = ["The patients were divided by chance, each with all of their scans, so that nobody is in two parts."]
    if data.folds > 1:
        text.append(
            f"The patients who are not test patients were divided {data.folds} ways (cross-validation); this model is of "
            f"fold {data.fold + 1} of {data.folds}."
        )
    if data.reviewed:
        text.append("Scans whose mask a reviewer corrected joined the training patients, and no other part.")
    free = ("patients without tumour",) if tumour else ()
    heads = ("part", "used for", "patients", "scans", "slices", *free, "fingerprint")
    numeric = (False, False, True, True, True, *(True for _ in free), False)
    table = CardTable(heads, tuple(_part_row(part, tumour) for part in data.parts), numeric)
    notes = (
        f"Fingerprint of the division: {data.fingerprints.get('split') or NOT_RECORDED}; seed {data.split_seed}. Which "
        "scans (by pseudonym) are in which part stands in model.json under origin.",
    )
    return Section("split", "Division of the patients", tuple(text), tables=(table,), notes=notes)


def _part_row(part: PartFacts, tumour: bool) -> tuple[str, ...]:
    counts = (part.cases, part.slices, *((part.tumour_free,) if tumour else ()))
    purpose = _PARTS.get(part.name, "")
    return (part.name, purpose, str(part.patients), *map(known, counts), part.fingerprint or "—")


def familiar_section(description: ModelDescription) -> Section:
    """What training scans are like, and from where on a scan gets a warning."""
    title = "Scans that it knows"
    try:
        ranges = FamiliarRanges.from_json(description.familiar)
    except ConfigError:
        return Section("familiar", title, ("What the training scans are like was not recorded.",))
    rows = [
        (feature.name, span_text(feature, found.least, found.most), span_text(feature, found.low, found.high))
        for feature in FEATURES
        if (found := ranges.ranges.get(feature.key)) is not None
    ]
    if not rows:
        return Section("familiar", title, ("What the training scans are like was not recorded.",))
    text = (
        f"A scan like the {counted(ranges.scans, 'training scan')} is one that the model can be tried on. “liversweep "
        "predict” measures every scan and warns when one of these features is outside of the last column, which is wider "
        "the fewer training scans there are. A scan that is no CT is refused.",
    )
    tables = [CardTable(("feature of a scan", "training scans", "no warning within"), tuple(rows), (False, True, True))]
    livers = description.origin.get("liver_ml")
    notes: tuple[str, ...] = ()
    if isinstance(livers, (list, tuple)) and len(livers) == 2:
        notes = (f"The livers of the training scans measure {livers[0]:.0f} to {livers[1]:.0f} mL.",)
    return Section("familiar", title, text, tables=tuple(tables), notes=notes)
