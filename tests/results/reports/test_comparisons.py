"""What a report says of the differences between networks, in words and in every format."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from results.reports import (
    report_format,
)
from results.reports.document import build_document
from results.tables.patients import patient_dice
from tests.results.ledger_factory import realistic
from tests.results.plots.test_plots import folded
from tests.results.reports.test_formats import Page


def test_a_false_tumour_in_a_tumour_free_patient_is_in_no_mean_of_tumour_dice() -> None:
    """Else a trial that finds nothing (Dice undefined) and one that finds too much (Dice 0) differ by what neither is ranked on."""
    sweep = folded(realistic(20, cases=12, epochs=2))
    trial = next(trial for trial in sweep.trials if trial.state == "finished")
    cases = tuple(case._replace(has_tumour=False, dice_tumour=0.0) for case in trial.cases)
    assert all(math.isnan(value) for value in patient_dice(replace(trial, cases=cases), "tumour").values())


def test_the_summary_says_what_these_patients_show_and_what_they_do_not() -> None:
    text = " ".join(build_document(folded(realistic(20, cases=12, epochs=2))).summary)
    for sentence in (
        "segnet and unet_resnet50 cannot be told apart for liver on these 12 patients (p = 1.00 after Holm); about ",
        "for tumour on these 11 patients with tumour",
        "segnet ranks first in 85 % of resamples of 12 patients, unet_resnet50 in 15 %.",
        "Liver: it is better than unet; it cannot be told apart from unet_resnet50, encoder_decoder and unet_resnet18.",
        "Each was trained with one seed",
        "The best of 14 trials is optimistic",
        "instead of 0.724: selection is worth about 0.0",
    ):
        assert sentence in text
    assert "underpowered" not in text


def test_selection_is_not_judged_on_an_objective_that_is_no_dice_over_patients() -> None:
    for objective in (
        [{"metric": "tumour_burden_rmse", "direction": "minimize"}],
        [{"metric": "val_dice", "direction": "maximize"}, {"metric": "gflops", "direction": "minimize"}],
    ):
        found = build_document(folded(realistic(10, cases=8, epochs=2, sweep={"objective": objective})))
        assert found.optimism is None
        assert "The best of" not in " ".join(found.summary)
    liver = [{"metric": "dice_liver_mean", "direction": "maximize"}]
    alone = build_document(folded(realistic(10, cases=8, epochs=2, sweep={"objective": liver}))).optimism
    assert alone is not None
    assert alone.patients == 8


@pytest.mark.parametrize("name", ["screen", "csv", "markdown", "json", "html", "latex"])
def test_every_format_compares_the_pairs(name: str) -> None:
    document = build_document(folded(realistic(20, cases=12, epochs=2)))
    text = "".join(report_format(name).render(document).values())
    assert "not told apart" in text
    assert "first better" in text
    if name in ("markdown", "html", "latex"):
        assert "Which differences can be shown" in text
        assert "How firm the ranking is" in text
    if name == "html":
        assert Page(text).text.count("after Holm") > 20
    if name == "json":
        content = json.loads(text)
        assert len(content["pairs"]) == len(document.comparison.pairs) == 20
        assert content["pairs"][0]["p_holm"] == document.comparison.pairs[0].p_holm
        assert content["ranks"][0]["chance_1"] + content["ranks"][1]["chance_1"] <= 1
        assert content["optimism"]["models"] == 14
        assert content["agreements"][0]["first"] == "liver"
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(report_format("csv").render(document)["pairs.csv"])))
        assert float(rows[0]["difference"]) == document.comparison.pairs[0].mean


@pytest.mark.parametrize("name", ["screen", "markdown"])
def test_one_architecture_alone_is_compared_with_none(name: str) -> None:
    document = build_document(folded(realistic(1, cases=8, epochs=1)))
    assert (document.pairs.rows, document.ranks.rows) == ((), ())
    assert "Which differences" not in "".join(report_format(name).render(document).values())
