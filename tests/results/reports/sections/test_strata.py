"""What the section on failures says: by size, by thickness, without tumour, and what it does not claim."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from results.reports import FORMATS
from results.reports.document import Document, build_document
from results.reports.section import Section
from results.statistics.casewise import architecture_figures
from results.statistics.strata import size_strata
from results.tables.strata import strata_table, tumour_free_table
from tests.results.ledger_factory import HOSTILE, realistic
from tests.results.plots.test_plots import folded
from tests.results.strata_ledger import Patient, ledger_of


def cohort(
    small: float = 0.2, large: float = 0.7, *, each: int = 6, free: int = 6, false_ml: float = 0.0
) -> list[Patient]:
    """Small tumours in thin slices, large ones in thick slices, and tumour-free patients of whom the first has a false one."""
    few = [Patient(f"s{i}", 1.0, 1.0, liver=0.9 + i / 100, tumour=small + i / 100) for i in range(each)]
    many = [Patient(f"l{i}", 20.0, 6.0, liver=0.7 + i / 100, tumour=large + i / 100) for i in range(each)]
    return [*few, *many, *(Patient(f"f{i}", 0.0, 1.0, false_ml=false_ml * (i == 0)) for i in range(free))]


def document(networks: Mapping[str, Sequence[Patient]], **changes: object) -> Document:
    return build_document(folded(ledger_of(networks, **changes)))  # type: ignore[arg-type]


def section(networks: Mapping[str, Sequence[Patient]], **changes: object) -> Section:
    return next(part for part in document(networks, **changes).sections if part.key == "strata")


def test_the_class_where_a_network_fails_is_named() -> None:
    size, thickness, _ = section({"unet": cohort(), "segnet": cohort(0.7, 0.7)}).text
    assert size.startswith(
        "Validation patients by size of their tumours: 6 (under 5 mL), 6 (5 to 50 mL) and 0 (over 50 mL)."
    )
    assert "worst under 5 mL: unet (0.225 on 6 patients, 0.725 on the other 6; p = 0.008)" in size
    assert "For segnet no class can be told from the others by tumour Dice." in size
    assert "By mean liver Dice, worst over 5 mm: " in thickness and "unet (0.725 on 6 patients" in thickness


def test_where_nothing_differs_nothing_is_said_to() -> None:
    text = " ".join(section({"unet": cohort(0.7, 0.7)}).text)
    assert "No architecture's tumour Dice can be shown to differ between these classes." in text
    assert "under 5 mL:" not in text


def test_five_patients_are_no_verdict() -> None:
    found = section({"unet": cohort(0.0, 0.9, each=5, free=5)})
    text = " ".join(found.text)
    assert "By size of the tumours there is no verdict on tumour Dice: fewer than two classes have 6" in text
    assert "5 validation patients are free of tumour. That is too few to conclude anything" in text
    assert "worst" not in text and "interval" not in text
    assert all(table.frame["underpowered"].all() for table in found.tables if table.key != "strata-thickness")


def test_tumour_free_patients_tell_specificity() -> None:
    text = section({"unet": cohort(false_ml=3.0)}).text[-1]
    assert text == (
        "6 validation patients are free of tumour. Left without a false finding, with the 95 % interval of that share: "
        "unet 5 of 6 (0.44 to 0.97), 0.5 mL marked on average."
    )


def test_no_tumour_free_patient_and_no_tumour_at_all() -> None:
    assert "No validation patient is free of tumour" in section({"unet": cohort(free=0)}).text[-1]
    none = section({"unet": cohort(each=0)})
    assert "No validation patient has a tumour" in none.text[0]
    assert [table.key for table in none.tables] == ["strata-thickness", "strata-tumour-free"]


def test_livers_alone_are_not_asked_about_tumours() -> None:
    found = section({"unet": cohort()}, labels=["liver"])
    assert "tumour" not in " ".join(found.text)
    assert [table.key for table in found.tables] == ["strata-thickness"]


def test_an_old_ledger_is_told_what_it_lacks() -> None:
    found = section({"unet": cohort()}, facts=False, full=False)
    assert "The ledger does not tell how large the tumours are" in found.text[0]
    assert "The ledger does not tell the slice thickness of the scans" in found.text[1]
    assert found.text[2].endswith("unet 6 of 6 (0.61 to 1.00).")
    (table,) = found.tables
    assert "not scored in full" in table.note
    assert found.draw()[0].svg == ""


def test_scores_in_full_without_facts_tell_the_size() -> None:
    found = section({"unet": cohort()}, facts=False)
    assert "worst under 5 mL" in found.text[0]
    assert [table.key for table in found.tables] == ["strata-size", "strata-tumour-free"]


def test_unknown_thickness_of_some_patients_is_counted() -> None:
    patients = [*cohort(), Patient("x", 1.0, math.nan)]
    assert "Of 1 patient it is not known." in section({"unet": patients}).text[1]


def test_terciles_are_called_so() -> None:
    patients = [Patient(f"p{i:02d}", 0.1 * (i + 1), 1.0, tumour=0.5) for i in range(18)]
    found = section({"unet": patients})
    assert "All of them are in one of the usual classes, so these are terciles." in found.text[0]
    assert found.facts["size"]["terciles"] is True


def test_the_table_by_hand() -> None:
    figures = architecture_figures(
        folded(ledger_of({"unet": [Patient("a", 1, 1, 0.9, 0.0), Patient("b", 2, 1, 0.7, 0.6)]}))
    )
    (row,) = strata_table(figures, size_strata(figures)).to_dict("records")
    assert (row["stratum"], row["n"], row["dice_tumour_n"], row["underpowered"]) == ("under 5 mL", 2, 2, True)
    assert row["dice_liver_mean"] == pytest.approx(0.8) and row["dice_tumour_mean"] == pytest.approx(0.3)
    assert row["missed"] == 1
    assert (row["hd95_tumour_mean"], row["hd95_tumour_failures"]) == (4.0, 1), "infinite: a failure, not in the mean"
    assert (row["lesions"], row["lesion_recall"]) == (4, 0.25)
    assert tumour_free_table(figures).empty


def test_the_plot_shows_classes_with_their_patients() -> None:
    (plot,) = section({"unet": cohort(), "segnet": cohort(0.5, 0.6)}).draw()
    text = "".join(ElementTree.fromstring(plot.svg).itertext())
    assert all(word in text for word in ("under 5 mL", "n = 6", "over 5 mm", "unet", "segnet", "n = 0"))


def test_every_format_shows_it() -> None:
    texts = {item.name: "\n".join(item.render(document({"unet": cohort()})).values()) for item in FORMATS}
    assert all("worst under 5 mL" in texts[name] for name in ("html", "markdown", "json"))
    assert "specificity" in texts["csv"]


def test_without_scores_of_patients_there_is_no_section() -> None:
    sweep = folded(realistic(0, cases=0))
    assert "strata" not in [part.key for part in build_document(sweep).sections]


def test_hostile_names_are_text() -> None:
    """Names of architectures and cases, where there are verdicts to name them in."""
    patients = [replace(one, name=f"{HOSTILE[i % len(HOSTILE)]}{one.name}") for i, one in enumerate(cohort())]
    made = document({name: patients for name in HOSTILE[:3]})
    said = " ".join(next(part for part in made.sections if part.key == "strata").text)
    assert all(name in said for name in HOSTILE[:3])
    texts = {item.name: "\n".join(item.render(made).values()) for item in FORMATS}
    for name in ("html", "markdown"):
        assert not re.search(r"<script>alert|<img src=x", texts[name])
