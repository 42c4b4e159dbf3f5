"""The record of models: what is written is what is read, and what was tampered with is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.chain import append_entry
from results.errors import LedgerError
from results.model_record import (
    RECORD,
    ExportFacts,
    LabelResult,
    MemberFacts,
    ModelRecord,
    ValidationFacts,
    note_export,
    note_validation,
    read_record,
)

EXPORT = ExportFacts(
    model="m-0123456789ab",
    name="liver-v1",
    path="/models/liver-v1",
    sweep="liver-archs",
    fingerprints={"data": "d" * 64, "split": "5" * 16},
    members=(MemberFacts("t0001", "unet", 7, 3), MemberFacts("t0004", "unet", 8, 2), MemberFacts("t2", "segnet", 7, 1)),
    validation={"liver": 0.93, "tumour": None},
)
VALIDATION = ValidationFacts(
    model="m-0123456789ab",
    name="liver-v1",
    data="a" * 64,
    cases=8,
    patients=7,
    labels=(
        LabelResult("liver", 7, 0.93, 0.91, 0.02, 0.01, 0.03, 0.03, "first better"),
        LabelResult("tumour", 0, None, outcome="underpowered"),
    ),
    against="m-ba9876543210",
    against_name="liver-v0",
    left_out=2,
    optimistic=1,
    refused=1,
    unlike=3,
    outcome="promote",
    why="better for liver",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_record(tmp_path / "none") == ModelRecord() and not (tmp_path / "none").exists()
    first = note_export(tmp_path / "models", EXPORT)
    second = note_validation(tmp_path / "models", VALIDATION)
    note_export(tmp_path / "models", replace(EXPORT, model="m-1", test={"liver": 0.9}))
    alone = ValidationFacts(model="m-2", name="x", data="", cases=1, patients=1, labels=(LabelResult("liver", 1, 0.5),))
    note_validation(tmp_path / "models", alone)
    found = read_record(tmp_path / "models")
    assert found.exports[0] == replace(EXPORT, time=first.time) and EXPORT.architectures == ("unet", "segnet")
    assert found.validations == (
        replace(VALIDATION, time=second.time),
        replace(alone, time=found.validations[1].time),
    )
    assert found.models == ("m-0123456789ab", "m-1", "m-2")
    assert found.export_of("m-1") == found.exports[1] and found.export_of("m-2") is None
    assert found.validations_of("m-0123456789ab") == found.validations[:1] and found.validations_of("m-1") == ()


def test_the_newest_export_of_a_model_counts(tmp_path: Path) -> None:
    note_export(tmp_path, EXPORT)
    note_export(tmp_path, replace(EXPORT, path="/elsewhere"))
    export = read_record(tmp_path).export_of(EXPORT.model)
    assert export is not None and export.path == "/elsewhere"


@given(st.data())
def test_a_changed_byte_is_refused_with_its_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("models")
    note_export(folder, EXPORT)
    note_validation(folder, VALIDATION)
    path = folder / RECORD
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"record.*line [123]"):
        read_record(folder)


def test_a_verdict_that_is_edited_with_care_is_refused_too(tmp_path: Path) -> None:
    note_validation(tmp_path, replace(VALIDATION, outcome="keep"))
    note_export(tmp_path, EXPORT)
    path = tmp_path / RECORD
    path.write_bytes(path.read_bytes().replace(b'"outcome":"keep"', b'"outcome":"promote"'))
    with pytest.raises(LedgerError, match=r"line 1: the line was changed"):
        read_record(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(LedgerError):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {**EXPORT.payload(), "members": [{}]},
        {**EXPORT.payload(), "scores": None},
        {**EXPORT.payload(), "scores": {"validation": {"liver": "high"}, "test": {}}},
    ],
)
def test_an_entry_that_makes_no_sense_is_named(tmp_path: Path, payload: dict[str, object]) -> None:
    note_export(tmp_path, EXPORT)
    append_entry(tmp_path / RECORD, "exported", payload)
    with pytest.raises(LedgerError, match="line 2: the entry makes no sense"):
        read_record(tmp_path)


def test_events_of_later_versions_are_passed_over_and_outcomes_are_known(tmp_path: Path) -> None:
    append_entry(tmp_path / RECORD, "retired", {"model": "m-1"})
    assert read_record(tmp_path) == ModelRecord()
    append_entry(tmp_path / RECORD, "validated", {**VALIDATION.payload(), "outcome": "perhaps"})
    with pytest.raises(LedgerError, match="perhaps"):
        read_record(tmp_path)


def test_a_record_of_now_stays_readable() -> None:
    """The payloads of schema 1, as they lie on disk."""
    assert json.loads(json.dumps(VALIDATION.payload())) == {
        "model": "m-0123456789ab",
        "name": "liver-v1",
        "against": {"model": "m-ba9876543210", "name": "liver-v0"},
        "data": "a" * 64,
        "cases": 8,
        "patients": 7,
        "left_out": 2,
        "optimistic": 1,
        "refused": 1,
        "unlike": 3,
        "labels": {
            "liver": {
                **{"n": 7, "dice": 0.93, "against": 0.91, "difference": 0.02, "ci_low": 0.01, "ci_high": 0.03},
                **{"p": 0.03, "outcome": "first better"},
            },
            "tumour": {"n": 0, "outcome": "underpowered"},
        },
        "outcome": "promote",
        "why": "better for liver",
    }
    assert EXPORT.payload()["scores"] == {"validation": {"liver": 0.93, "tumour": None}, "test": {}}
    older = {key: value for key, value in VALIDATION.payload().items() if key not in ("refused", "unlike")}
    assert ValidationFacts.of(older, "") == replace(VALIDATION, refused=0, unlike=0)
