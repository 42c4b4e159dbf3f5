"""`liversweep models`: the governance record as its user sees it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from liverseg.handover.folder import ModelFolder
from results.model_record import ExportFacts, LabelResult, MemberFacts, ValidationFacts, note_export, note_validation
from tests.promises.commands import refusal, said
from tests.sweeps.validation.validation_models import make_model, record_lines


def export_facts(model: ModelFolder, test: dict[str, float | None] | None = None) -> ExportFacts:
    """What an export writes down."""
    return ExportFacts(
        model=model.id,
        name=model.name,
        path=str(model.path),
        sweep="liver-archs",
        fingerprints={"data": "d" * 64, "split": "5" * 16},
        members=(MemberFacts("t0000", "unet", 3, 2),),
        validation={"liver": 0.93, "tumour": None},
        test=test or {},
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three models that were exported; the first was validated twice, one that was never exported here once."""
    record = tmp_path / "models"
    for name in ("one", "two", "three"):
        model = make_model(tmp_path / name, error=0.1 * len(name))
        note_export(record, export_facts(model, {"liver": 0.9, "tumour": 0.5} if name == "one" else None))
    first = record_lines(record)[0]["model"]
    labels = (LabelResult("liver", 8, 0.95), LabelResult("tumour", 5, 0.61))
    facts = ValidationFacts(model=first, name="one", data="d" * 64, cases=8, patients=8, labels=labels)
    note_validation(record, facts)
    against = replace(facts, against="m-000000000000", against_name="before", outcome="promote", why="better for liver")
    note_validation(record, against)
    note_validation(record, replace(facts, model="m-ffffffffffff", name="from elsewhere"))
    return tmp_path


def test_every_model_with_its_scores_verdicts_and_folder(home: Path) -> None:
    shutil.rmtree(home / "two")
    path = home / "three" / "model.json"
    path.write_bytes(path.read_bytes().replace(b"liver-archs", b"liver-archS"))
    found = json.loads(said("models", "--json", cwd=home).out)
    assert found["schema_version"] == 1 and "not for clinical use" in found["notice"]
    assert [line["name"] for line in found["models"]] == ["one", "two", "three", "from elsewhere"]
    assert [line["folder"] for line in found["models"]] == ["whole", "gone", "changed", "not exported here"]
    one, _, three, elsewhere = found["models"]
    assert "model.json" in three["detail"] and three["validations"] == [] and elsewhere["exported"] is None
    exported = one["exported"]
    assert (exported["sweep"], exported["architectures"]) == ("liver-archs", ["unet"])
    assert exported["fingerprints"] == {"data": "d" * 64, "split": "5" * 16}
    assert exported["validation"] == {"liver": 0.93, "tumour": None} and exported["test"]["tumour"] == 0.5
    assert [one["outcome"] for one in one["validations"]] == ["", "promote"]
    table = said("models", cwd=home)
    words = (
        "liver-archs",
        "0.930 / –",
        "0.900 / 0.500",
        "8 patients, 0.950 / 0.610, promote against before",
        "(whole)",
    )
    for word in (*words, "(gone)", "(changed)", "not exported here", "Research software, not for clinical use."):
        assert word in table.out, word
    assert table.code == 0 and "model.json" in table.err


def test_a_model_shows_what_was_compared_with_it(home: Path) -> None:
    two = record_lines(home / "models")[1]["model"]
    facts = ValidationFacts(
        model="m-ffffffffffff",
        name="from elsewhere",
        data="d" * 64,
        cases=9,
        patients=9,
        labels=(LabelResult("liver", 9, 0.9, 0.8),),
        against=two,
        against_name="two",
        outcome="promote",
    )
    note_validation(home / "models", facts)
    lines = {line["id"]: line for line in json.loads(said("models", "--json", cwd=home).out)["models"]}
    assert [one["model"] for one in lines[two]["compared"]] == ["m-ffffffffffff"] and lines[two]["validations"] == []
    assert "from elsewhere against it, promote" in said("models", cwd=home).out


def test_patients_on_whom_a_model_was_chosen_are_told_beside_its_scores(home: Path) -> None:
    labels = (LabelResult("liver", 1, 0.9),)
    facts = ValidationFacts(
        model="m-ffffffffffff", name="x", data="d" * 64, cases=2, patients=1, optimistic=2, labels=labels
    )
    note_validation(home / "models", facts)
    assert "1 patient (2 of 2 cases optimistic), 0.900" in said("models", cwd=home).out


def test_another_model_in_the_place_is_no_whole_one(home: Path) -> None:
    shutil.rmtree(home / "two")
    shutil.move(home / "three", home / "two")
    states = {line["name"]: line["folder"] for line in json.loads(said("models", "--json", cwd=home).out)["models"]}
    assert states == {"one": "whole", "two": "another model", "three": "gone", "from elsewhere": "not exported here"}


def test_without_a_record_it_says_how_to_begin(tmp_path: Path) -> None:
    result = said("models", cwd=tmp_path)
    assert result.code == 0 and "liversweep export" in result.err and not list(tmp_path.iterdir())
    assert json.loads(said("models", "--json", cwd=tmp_path).out)["models"] == []


@pytest.mark.parametrize("line", [1, 4, 6])
def test_a_line_that_was_edited_is_named(home: Path, line: int) -> None:
    """The first, one in the middle, and the last of six."""
    path = home / "models" / "record.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"one", b"0ne").replace(b"elsewhere", b"elsewhare")
    path.write_bytes(b"".join(lines))
    result = said("models", cwd=home)
    assert result.code == 1 and f"line {line}" in refusal(result) and "record.jsonl" in result.err


def test_a_line_that_was_taken_out_is_noticed_wherever_it_was(home: Path) -> None:
    path = home / "models" / "record.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for gone in range(len(lines)):
        path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
        assert said("models", "--json", cwd=home).code == 1


def test_a_name_can_neither_steer_the_terminal_nor_be_markup(home: Path) -> None:
    model = make_model(home / "bad", name="[/x][bold]\x1b[2Jred\u202e")
    note_export(home / "models", export_facts(model))
    result = said("models", cwd=home)
    assert result.code == 0 and "\x1b" not in result.out and "\u202e" not in result.out
    assert "[/x][bold]" in result.out


def test_a_record_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    result = said("models", cwd=tmp_path)
    assert result.code == 1 and "models" in refusal(result)


def test_a_record_that_was_mistyped_is_a_mistake(tmp_path: Path) -> None:
    result = said("models", "--record", "elsewhere", cwd=tmp_path)
    assert result.code == 2 and "elsewhere: no such record of models" in refusal(result)
    assert list(tmp_path.iterdir()) == []
