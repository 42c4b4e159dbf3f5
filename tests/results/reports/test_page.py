"""What the page is made of beyond the document: figures on top, marks of rows, cut notes, the sections on parameters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from results.records import Sweep
from results.reports import report_format
from results.reports.document import build_document
from results.reports.html import LONG_NOTE, parted, render
from results.reports.page_rows import PageRows
from results.reports.tiles import tiles
from results.tables.importances import ALL, finished_settings, importance_groups, importance_table
from results.text import printable
from tests.results.ledger_factory import HOSTILE, hostile, realistic
from tests.results.plots.test_plots import all_failed, folded


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return folded(realistic(60, cases=4, epochs=3))


def test_the_figures_on_top_are_those_of_the_best_trial(sweep: Sweep) -> None:
    score, labels, trials, patients = tiles(sweep)
    best = max((trial for trial in sweep.trials if trial.state == "finished"), key=lambda trial: _score(trial.metrics))
    assert score.figure == f"{best.metric('val_dice'):.3f}"
    assert score.words == f"{best.architecture}, trial {best.number}"
    assert labels.figure == f"{best.metric('dice_liver_mean'):.3f} / {best.metric('dice_tumour_mean'):.3f}"
    assert (trials.figure, trials.words) == ("47 of 60", "5 failed, 8 pruned")
    assert patients.figure == "4"


def _score(metrics: object) -> float:
    value = metrics["val_dice"]  # type: ignore[index]
    return -1.0 if value != value else value


def test_without_a_finished_trial_the_figures_say_so() -> None:
    score, *others = tiles(folded(all_failed()))
    assert (score.figure, score.words) == ("–", "no trial has finished")
    assert len(others) == 2


def test_a_lower_objective_is_called_lowest() -> None:
    objective = [{"metric": "tumour_burden_rmse", "direction": "minimize"}]
    assert tiles(folded(realistic(3, sweep={"objective": objective})))[0].name == "Lowest tumour burden RMSE"


def test_rows_know_whose_they_are(sweep: Sweep) -> None:
    rows, document = PageRows(sweep), build_document(sweep)
    names = list(sweep.sweep.architectures)
    marks = rows.marks(document.trials)
    for mark, record in zip(marks, document.trials.frame.to_dict("records"), strict=True):
        assert mark.of == str(names.index(record["architecture"])) and mark.trial == str(record["number"])
        assert mark.about.startswith(f"trial {record['number']}, {record['architecture']}, {record['state']}: ")
    pairs = [mark.of for mark in rows.marks(document.pairs)]
    assert pairs[0] == " ".join(str(names.index(document.pairs.frame[side][0])) for side in ("first", "second"))
    assert rows.marks(document.architectures[0])[-1].of == ""  # all background is nobody's
    assert rows.of("segnet", "nobody", "segnet") == "3"


def test_hostile_names_have_positions_like_others() -> None:
    sweep = folded(hostile())
    rows = PageRows(sweep)
    assert [rows.of(name) for name in sweep.sweep.architectures] == [str(i) for i in range(len(HOSTILE))]
    assert [rows.of(printable(name)) for name in sweep.sweep.architectures] == [str(i) for i in range(len(HOSTILE))]


def test_a_long_note_is_cut_after_its_first_sentence_and_nothing_is_lost() -> None:
    short, long = "One. Two.", "First sentence. " + "And another one. " * 20
    assert parted(short) == (short, "")
    first, rest = parted(long)
    assert first == "First sentence." and f"{first} {rest}" == long and len(long) > LONG_NOTE
    assert parted("x" * 500) == ("x" * 500, "")


def test_links_lead_to_parts_and_each_identifier_is_there_once(sweep: Sweep) -> None:
    page = render(build_document(sweep))["report.html"]
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'<a href="#([^"]+)"', page)) <= set(identifiers)


def test_importances_are_told_of_all_architectures_and_of_those_with_enough_trials(sweep: Sweep) -> None:
    groups = importance_groups(sweep)
    assert groups[0].name == ALL and groups[0].of is None and groups[0].trials == 46
    assert {item.parameter for item in groups[0].importances} == {
        *("architecture", "learning_rate", "batch_size", "size", "window")  # not base_filters: only some trials have it
    }
    assert all(group.trials >= 10 and group.underpowered == (group.trials < 20) for group in groups)
    assert {group.name for group in groups[1:]} <= set(sweep.sweep.architectures)
    frame = importance_table(groups)
    assert frame[frame["trials_judged"] == ALL]["share"].sum() == pytest.approx(1)


def test_replicates_of_a_setting_count_once_with_their_mean(sweep: Sweep) -> None:
    again = [replace(trial, uid=f"{trial.uid}-again", number=trial.number + 100, seed=8) for trial in sweep.trials]
    doubled = replace(sweep, trials=(*sweep.trials, *again))
    assert finished_settings(doubled) == finished_settings(sweep)
    assert importance_groups(doubled) == importance_groups(sweep)


def test_stages_are_judged_one_by_one(sweep: Sweep) -> None:
    trials = tuple(replace(trial, stage="first" if trial.number < 30 else "second") for trial in sweep.trials)
    assert [group.name for group in importance_groups(replace(sweep, trials=trials))] == ["first", "second"]


@pytest.mark.parametrize("name", ["html", "markdown", "json"])
def test_too_few_trials_are_called_underpowered(name: str) -> None:
    document = build_document(folded(realistic(9, cases=3, epochs=2)))
    text = "".join(report_format(name).render(document).values())
    assert "Underpowered: 6 settings finished, and from 10 on" in text


def test_one_trial_has_no_sections_on_parameters() -> None:
    keys = {section.key for section in build_document(folded(realistic(1, cases=3, epochs=2))).sections}
    assert keys.isdisjoint({"importances", "parameters"})
