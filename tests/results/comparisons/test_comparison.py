"""What is compared with what, on which patients, and what is said of it."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results import study
from results.comparisons import SweepComparison, compare_sweeps
from results.comparisons.formats import FORMATS, as_json, render, render_text, write_comparison
from results.errors import ResultsError
from results.ledger_line import ENVELOPE, encode
from results.reports.table import Table
from results.statistics import architecture_scores
from results.tables import BASELINE
from tests.promises.hostile import HOSTILE, ledger_of
from tests.results.comparisons import sweeps
from tests.results.ledger_factory import hostile
from tests.results.plots.test_plots import folded
from tests.results.reports.test_latex import compile_text, needs_pdflatex


def table(document: SweepComparison, key: str) -> Table:
    return next(found for section in document.sections for found in section.tables if found.key == key)


@pytest.fixture(scope="module")
def tested() -> SweepComparison:
    return compare_sweeps([sweeps.sweep("a", tested=0.0), sweeps.sweep("b", tested=0.2, seed=2, trials=15)])


def test_opened_test_patients_decide(tested: SweepComparison) -> None:
    assert tested.basis == "test" and tested.comparison is not None
    assert set(tested.comparison.scores.models) == {"a: unet", "a: segnet", "b: unet", "b: segnet"}
    assert tested.comparison.scores.patients == tuple(sorted(sweeps.TEST))
    pair = tested.comparison.pair("b: unet", "a: unet", "liver")
    assert pair.n == 12 and pair.mean == pytest.approx(0.2) and pair.outcome == "first better"
    text = " ".join(tested.summary)
    assert "Compared on the same 12 test patients, which no sweep was searched on." in text
    assert "The same architecture in a and b, liver: better in b: unet and segnet." in text
    frame = table(tested, "sweeps").frame
    assert frame["sweep"].tolist()[:2] == ["b", "b"] and frame["rank"].tolist()[:4] == [1, 2, 3, 4]
    assert frame.loc[0, "test_liver_mean"] - frame.loc[2, "test_liver_mean"] == pytest.approx(0.2)


def test_the_best_of_each_alone_takes_fewer_tests(tested: SweepComparison) -> None:
    found = compare_sweeps([sweeps.sweep("a", tested=0.0), sweeps.sweep("b", tested=0.2, seed=2)], best_only=True)
    assert found.comparison is not None and tested.comparison is not None
    assert len(found.comparison.scores.models) == 2
    assert {pair.tests for pair in found.comparison.pairs} == {2} and {
        pair.tests for pair in tested.comparison.pairs
    } == {12}
    validated = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", seed=2)], best_only=True).comparison
    assert validated is not None
    best = [architecture_scores(sweeps.sweep("a")).models[0], architecture_scores(sweeps.sweep("b", seed=2)).models[0]]
    assert validated.scores.models == (f"a: {best[0]}", f"b: {best[1]}")
    assert "chosen on validation patients" in " ".join(found.summary)


def test_it_says_what_was_opened_and_when(tested: SweepComparison) -> None:
    text = " ".join(tested.warnings)
    assert "a: The 12 test patients were opened once, on 2026-03-01." in text
    assert "b was begun after" not in text  # both began at once


def test_a_sweep_begun_after_an_opening_elsewhere_is_marked() -> None:
    late = sweeps.ledger("b", tested=0.1)
    late.lines = [_changed(line, time=lambda time: time.replace("-03-", "-04-")) for line in late.lines]
    found = compare_sweeps([sweeps.sweep("a", tested=0.0), folded(late)])
    assert "b was begun after the test patients had been opened in a: what they showed may have had" in " ".join(
        found.warnings
    )


def test_before_the_opening_validation_patients_decide_where_they_are_the_same() -> None:
    found = compare_sweeps([sweeps.sweep("a", tested=0.0), sweeps.sweep("b", seed=2, trials=15)])
    assert found.basis == "validation" and found.comparison is not None
    assert found.comparison.scores.patients == tuple(sorted(sweeps.VALIDATION))
    text = " ".join(found.summary)
    assert "Not opened yet in b: the 12 test patients, which are the same." in text
    assert "Finished trials: a 8, b 11. The best of more trials is more optimistic" in text
    assert "rank" in table(found, "sweeps").frame.columns


def test_other_validation_patients_are_shown_and_never_ranked() -> None:
    other = sweeps.split(train=[*sweeps.TRAIN, sweeps.VALIDATION[0]], validation=sweeps.VALIDATION[1:])
    found = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", split=other)])
    assert found.basis == "none" and found.comparison is None
    layout = table(found, "sweeps")
    assert "rank" not in layout.frame.columns
    assert any("not comparable" in head for head in layout.heads)
    assert "liversweep test a; liversweep test b" in found.summary[0]
    assert len(found.summary) == 1
    assert not [section for section in found.sections if section.key.startswith("on-")]


def test_with_other_validation_patients_the_test_still_decides() -> None:
    other = sweeps.split(train=[*sweeps.TRAIN, sweeps.VALIDATION[0]], validation=sweeps.VALIDATION[1:])
    found = compare_sweeps([sweeps.sweep("a", tested=0.0), sweeps.sweep("b", split=other, tested=0.1)])
    assert found.basis == "test"
    assert {section.key for section in found.sections} == {"side-by-side", "on-test", "protocol"}
    assert any("not comparable" in head for head in table(found, "sweeps").heads)


def test_three_sweeps_and_labels_that_only_some_scored() -> None:
    liver = sweeps.sweep("c", labels=["liver"], seed=3)
    found = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", seed=2), liver])
    assert found.comparison is not None and found.comparison.scores.labels == ("liver",)
    assert {name.split(":")[0] for name in found.comparison.scores.models} == {"a", "b", "c"}


def test_sweeps_that_are_called_alike_get_numbers() -> None:
    found = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("a", seed=2)])
    assert found.names == ("a", "a (2)")


def test_merged_scores_are_those_of_the_sweeps(tested: SweepComparison) -> None:
    scores = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", seed=2)]).comparison
    assert scores is not None
    own = architecture_scores(sweeps.sweep("b", seed=2))
    for label in own.labels:
        for i, model in enumerate(own.models):
            merged = scores.scores.by_patient(label)[scores.scores.models.index(f"b: {model}")]
            np.testing.assert_array_equal(merged, own.by_patient(label)[i])


def test_only_facts_that_differ_are_shown() -> None:
    spec = {
        "name": "a",
        "data": {"split": {"seed": 7}},
        "train": {"epochs": 20},
        "stages": [{"name": "s", "space": {"x": [1]}}],
    }
    other = {**spec, "name": "b", "train": {"epochs": 30}, "stages": [{"name": "s", "space": {"x": [2]}}]}
    found = compare_sweeps(
        [
            sweeps.sweep("a", spec=spec, code={"f.py": "1", "g.py": "1"}),
            sweeps.sweep("b", spec=other, code={"f.py": "2", "g.py": "1"}, versions={"keras": "4"}),
        ]
    )
    rows = {row["fact"]: (row["a"], row["b"]) for row in table(found, "protocol").frame.to_dict("records")}
    assert rows["spec: train.epochs"] == ("20", "30")
    assert rows["spec: stages.s.space.x"] == ("[1]", "[2]")
    assert rows["version of keras"] == ("3.15.0", "4")
    assert "spec: data.split.seed" not in rows and "spec: name" not in rows and "trials asked for" not in rows
    protocol = next(section for section in found.sections if section.key == "protocol")
    assert protocol.text == ("b ran another program than a: f.py.",)


def test_equal_protocols_are_said_to_be_so() -> None:
    found = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b")])
    assert "Nothing that the ledgers record of the protocols differs." in render_text(found)


def test_the_studys_figures_are_those_published() -> None:
    figures = {item.architecture: (item.dice.liver, item.dice.tumour, item.s_per_epoch) for item in study.NETWORKS}
    assert figures["segnet"] == (0.806, 0.554, 295) and figures["unet"] == (0.711, 0.224, 440)
    assert sum(item.parameters for item in study.NETWORKS) == 34512323 + 20788995 + 30908291 + 32628547 + 1758467
    best = max((step for step in study.TUNING if step.dice), key=lambda step: step.dice.tumour if step.dice else 0)
    assert (best.learning_rate, best.batch_size, best.size) == (1e-2, 8, 128)
    assert study.TUNING[-1].dice is None and study.TUNING[-1].size == 256


def test_the_study_stands_beside_our_number_and_our_baseline() -> None:
    first = sweeps.sweep("a")
    found = compare_sweeps([first], against_study=True)
    assert found.basis == "none" and found.summary == ()
    frame = table(found, "study-networks").frame
    segnet = frame[frame["architecture"] == "segnet"]
    assert segnet["source"].tolist() == ["the study (SegNet)", "a"]
    assert segnet["slice_tumour"].tolist()[0] == 0.554
    best = max(
        (t for t in first.trials if t.architecture == "segnet" and t.metrics), key=lambda t: t.metric("val_dice")
    )
    assert segnet["slice_liver"].tolist()[1] == best.metrics["slice_dice_smooth1_liver_only_mean"]
    baseline = frame[frame["architecture"] == BASELINE].iloc[0]
    assert (baseline["slice_liver"], baseline["slice_tumour"]) == (0.412, 0.735)
    assert math.isnan(baseline["parameters_m"])
    text = " ".join(next(section for section in found.sections if section.key == "study").text)
    assert "a: calling everything background scores a slice Dice* of 0.735 for tumour" in text
    assert study.SOURCE in text
    points = {row["point"]: row["a"] for row in table(found, "study-protocol").frame.to_dict("records")}
    assert points["test patients"] == "12, locked" and points["trained on"] == "7 patients"


def test_test_patients_once_opened_stand_beside_the_study_too(tested: SweepComparison) -> None:
    found = compare_sweeps([sweeps.sweep("a", tested=0.0)], against_study=True)
    assert "a, test" in table(found, "study-networks").frame["source"].tolist()
    both = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", seed=2)], against_study=True)
    assert {"side-by-side", "study"} <= {section.key for section in both.sections}


def test_our_trials_stand_beside_the_steps_of_the_studys_tuning() -> None:
    ledger = sweeps.ledger("a", trials=4)
    ledger.lines = [
        _changed(line, parameters=lambda found: found | {"batch_size": 8, "learning_rate": 1e-4, "size": 128})
        if b'"segnet"' in line and b'"suggested"' in line
        else line
        for line in ledger.lines
    ]
    frame = table(compare_sweeps([folded(ledger)], against_study=True), "study-tuning").frame
    ours = frame[frame["source"] == "a"]
    assert ours[["factor", "value"]].values.tolist() == [["batch_size", "8"], ["learning_rate", "0.0001"]]


def _changed(line: bytes, **changes: Callable[[Any], Any]) -> bytes:
    """A line of a ledger with some of its values changed."""
    found = json.loads(line)
    found |= {name: change(found[name]) for name, change in changes.items()}
    payload = {key: value for key, value in found.items() if key not in ENVELOPE}
    return encode(found["seq"], found["time"], found["event"], payload)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_it_and_always_in_the_same_bytes(tested: SweepComparison, name: str) -> None:
    again = compare_sweeps([sweeps.sweep("a", tested=0.0), sweeps.sweep("b", tested=0.2, seed=2, trials=15)])
    files = render(tested, [name])
    assert files == render(again, [name])
    text = "".join(files.values())
    assert "segnet" in text
    if name != "csv":
        assert dict(tested.facts)["a: test fingerprint"] in text
    if name in ("markdown", "latex", "json"):
        assert "better than" in text


def test_json_and_csv_hold_the_numbers(tested: SweepComparison) -> None:
    content = json.loads(render(tested, ["json"])["comparison.json"])
    assert content == as_json(tested) and content["schema_version"] == 1 and content["basis"] == "test"
    pairs = content["sections"]["on-test"]["tables"]["test-pairs"]
    assert len(pairs) == 12 and all(pair["p_holm"] <= 1 for pair in pairs)
    rows = list(csv.DictReader(io.StringIO(render(tested, ["csv"])["test-pairs.csv"])))
    assert [float(row["difference"]) for row in rows] == [pair["difference"] for pair in pairs]


def test_files_are_written_or_none_is(tested: SweepComparison, tmp_path: Path) -> None:
    with pytest.raises(
        ResultsError, match="unknown format of a comparison; got pdf; allowed: markdown, csv, json, latex, screen"
    ):
        write_comparison(tested, tmp_path / "new", ["json", "pdf"])
    assert not (tmp_path / "new").exists()
    written = write_comparison(tested, tmp_path / "a" / "b", ["json", "markdown"])
    assert [path.name for path in written] == ["comparison.json", "comparison.md"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        write_comparison(tested, tmp_path / "file", ["json"])


@needs_pdflatex
def test_the_latex_compiles(tested: SweepComparison, tmp_path: Path) -> None:
    both = compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", seed=2)], against_study=True)
    for number, document in enumerate(
        (tested, both, compare_sweeps([folded(hostile()), folded(ledger_of(HOSTILE))][1:], against_study=True))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = compile_text(render(document, ["latex"])["comparison.tex"], folder)
        assert done.returncode == 0, done.stdout[-2000:]
        assert number > 1 or "Overfull" not in done.stdout, "a table is wider than the page"
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_screen_keeps_to_its_width(tested: SweepComparison, width: int) -> None:
    text = render_text(tested, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "rank" in text and "test Dice" in " ".join(text.split())
