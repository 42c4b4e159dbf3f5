"""`liversweep validate`, with segmenters that need no network: what is scored, left out, decided and written down."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.data import CaseFiles, check_case
from liverseg.errors import MemoryExceeded
from liverseg.volume import write_nifti
from tests.promises.commands import refusal, said
from tests.sweeps.validation.validation_models import (
    AFFINE,
    make_model,
    no_networks,
    record_lines,
    write_case,
    write_cases,
)

__all__ = ["no_networks"]
pytestmark = pytest.mark.usefixtures("no_networks")
WORDS = ("--workers", "1")


def document(*words: str, cwd: Path) -> dict[str, Any]:
    result = said("validate", *words, *WORDS, "--json", cwd=cwd)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def test_one_model_is_scored_with_every_metric_and_written_down(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 3, ill=2)
    model = make_model(tmp_path / "new", error=0.2)
    result = said("validate", "new", "data", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 0, result.err
    for word in (
        "new: Scores by case",
        "Dice",
        "HD95",
        "NSD 2 mm",
        "Tumours one by one",
        "Over 3 cases",
        "volume-0 (case-",
    ):
        assert word in result.out, word
    assert "Research software, not for clinical use." in result.out and "--against OLD" in result.err
    found = json.loads((tmp_path / "out" / "validation.json").read_text())
    assert found["outcome"] is None and found["comparison"] is None and found["schema_version"] == 1
    assert found["data"]["cases"] == found["data"]["patients"] == 3
    (side,) = found["models"]
    assert side["id"] == model.id and side["dice_by_patient"]["tumour"]["n"] == 2
    assert 0.7 < side["dice_by_patient"]["liver"]["mean"] < 0.95
    assert {"dice", "assd", "hd95", "nsd"} <= set(side["evaluation"]["cases"][0]["labels"]["liver"])
    (line,) = record_lines(tmp_path / "models")
    assert (line["event"], line["model"], line["against"], line["outcome"]) == ("validated", model.id, None, None)
    assert line["labels"]["liver"] == {"n": 3, "dice": side["dice_by_patient"]["liver"]["mean"]}
    assert line["data"] == found["data"]["fingerprint"] and len(line["data"]) == 64


def test_an_output_that_is_a_file_is_told_before_anything_is_scored(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 1)
    make_model(tmp_path / "new")
    (tmp_path / "out").write_text("mine")
    result = said("validate", "new", "data", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 2 and "-o out: not a folder; name a folder" in refusal(result)
    assert not (tmp_path / "models").exists() and (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_nothing_is_written_into_a_model(tmp_path: Path, option: str) -> None:
    write_cases(tmp_path / "data", 1)
    make_model(tmp_path / "new")
    before = sorted((tmp_path / "new").rglob("*"))
    result = said("validate", "new", "data", *WORDS, option, "new/results", cwd=tmp_path)
    assert result.code == 2 and "its files are sealed" in refusal(result)
    assert sorted((tmp_path / "new").rglob("*")) == before


def test_names_of_cases_are_on_the_screen_only(tmp_path: Path) -> None:
    """A name may tell who the patient is: files and JSON know cases by their pseudonyms."""
    uid = write_case(tmp_path / "data", 0)
    for part in ("volume", "segmentation"):
        (tmp_path / "data" / f"{part}-0.nii.gz").rename(tmp_path / "data" / f"{part}-77.nii.gz")
    make_model(tmp_path / "new")
    shown = said("validate", "new", "data", *WORDS, cwd=tmp_path)
    assert "volume-77" in shown.out and uid in shown.out
    result = said("validate", "new", "data", *WORDS, "-o", "out", "--json", cwd=tmp_path)
    written = (tmp_path / "out" / "validation.json").read_text(), (tmp_path / "models" / "record.jsonl").read_text()
    assert uid in result.out and not any("volume-77" in text for text in (result.out, *written))


def test_promote_keep_and_underpowered(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 8)
    write_cases(tmp_path / "few", 4)
    good, poor = make_model(tmp_path / "good", error=0.05), make_model(tmp_path / "poor", error=0.3)
    promote = document("good", "data", "--against", "poor", cwd=tmp_path)
    assert promote["outcome"] == "promote" and "good is better than poor for liver and tumour" in promote["why"]
    pairs = {pair["label"]: pair for pair in promote["comparison"]["pairs"]}
    assert pairs["liver"]["outcome"] == "first better" and pairs["liver"]["n"] == 8 and pairs["liver"]["ci_low"] > 0
    assert [side["id"] for side in promote["models"]] == [good.id, poor.id]
    keep = document("poor", "data", "--against", "good", cwd=tmp_path)
    assert keep["outcome"] == "keep" and "poor is worse than good" in keep["why"]
    few = document("good", "few", "--against", "poor", cwd=tmp_path)
    assert few["outcome"] == "underpowered" and "below 7" in few["why"]
    twin = make_model(tmp_path / "twin" / "good", error=0.05, cases={"test": ["case-00000000"]})
    even = document("twin/good", "data", "--against", "good", cwd=tmp_path)
    assert even["outcome"] == "keep" and f"good {twin.id}" in even["why"], "two of a name are told apart by their ids"
    assert [line["outcome"] for line in record_lines(tmp_path / "models")] == [
        "promote",
        "keep",
        "underpowered",
        "keep",
    ]
    table = said("validate", "good", "data", "--against", "poor", *WORDS, cwd=tmp_path)
    for word in ("good − poor", "poor: Scores by case", "good better", "p (Holm)", "promote: good is better"):
        assert word in table.out, word
    assert table.out.rstrip().endswith("Research software, not for clinical use.")


def test_cases_that_a_model_was_trained_on_are_left_out_and_validation_patients_are_marked(tmp_path: Path) -> None:
    uids = write_cases(tmp_path / "data", 5)
    make_model(tmp_path / "new", error=0.1, cases={"train": uids[:1], "validation": uids[2:3]})
    make_model(tmp_path / "old", error=0.2, cases={"train": uids[1:2], "validation": uids[:1], "test": uids[4:]})
    result = said("validate", "new", "data", "--against", "old", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 0, result.err
    assert "left out, for a model was trained on the patient: volume-0, volume-1 (2 cases)" in result.err
    assert "optimistic, for a model was chosen on the patient: volume-2 (1 case)" in result.err
    assert f"volume-2 ({uids[2]}) *" in result.out
    data = json.loads((tmp_path / "out" / "validation.json").read_text())["data"]
    assert data["left_out_trained"] == uids[:2] and data["optimistic"] == [uids[2]] and data["cases"] == 3
    (line,) = record_lines(tmp_path / "models")
    assert (line["cases"], line["left_out"], line["optimistic"]) == (3, 2, 1)


def test_a_scan_that_was_trained_on_is_known_again_in_another_wrapping(tmp_path: Path) -> None:
    uids = write_cases(tmp_path / "data", 3)
    report = check_case(
        CaseFiles("c", tmp_path / "data" / "volume-1.nii.gz", tmp_path / "data" / "segmentation-1.nii.gz")
    )
    assert report.case is not None
    make_model(tmp_path / "new", cases={"train": uids[1:2]}, contents={"train": [report.case.content_sha256[:16]]})
    packed = tmp_path / "data" / "volume-1.nii.gz"
    (tmp_path / "data" / "volume-1.nii").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    found = document("new", "data", cwd=tmp_path)["data"]
    assert found["cases"] == 2 and len(found["left_out_trained"]) == 1 and found["left_out_trained"] != uids[1:2]


def test_a_scan_that_was_trained_on_is_known_again_in_another_orientation(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 3)
    report = check_case(
        CaseFiles("c", tmp_path / "data" / "volume-1.nii.gz", tmp_path / "data" / "segmentation-1.nii.gz")
    )
    assert report.case is not None
    make_model(tmp_path / "new", contents={"train": [report.case.values_sha256[:16]]})
    for part in ("volume", "segmentation"):
        path = tmp_path / "data" / f"{part}-1.nii.gz"
        volume: Any = nibabel.load(path)
        write_nifti(path, np.asfortranarray(np.asarray(volume.dataobj)[::-1]), AFFINE * [[-1], [1], [1], [1]])
    found = document("new", "data", cwd=tmp_path)["data"]
    assert found["cases"] == 2 and len(found["left_out_trained"]) == 1


def test_another_scan_of_a_trained_patient_is_left_out_too(tmp_path: Path) -> None:
    uids = write_cases(tmp_path / "data", 4)
    for index, name in enumerate(("P1a", "P1b", "P2a", "P3a")):
        for part in ("volume", "segmentation"):
            path = tmp_path / "data" / f"{part}-{index}.nii.gz"
            path.rename(tmp_path / "data" / f"{name}_{part}.nii.gz")
    make_model(tmp_path / "new", cases={"train": uids[:1]})
    layout = ("--layout", "pairs", "--images", "*_volume.nii.gz", "--masks", "*_segmentation.nii.gz")
    apart = document("new", "data", *layout, cwd=tmp_path)["data"]
    assert (apart["cases"], apart["patients"]) == (3, 3)
    together = document("new", "data", *layout, "--patient", r"^(P\d)", cwd=tmp_path)["data"]
    assert together["left_out_trained"] == uids[:2] and (together["cases"], together["patients"]) == (2, 2)


def test_a_model_that_knows_no_tumours_is_asked_for_livers_only(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 7)
    make_model(tmp_path / "new", error=0.05, labels=("liver",))
    make_model(tmp_path / "old", error=0.3)
    found = document("new", "data", "--against", "old", cwd=tmp_path)
    assert found["outcome"] == "promote" and [pair["label"] for pair in found["comparison"]["pairs"]] == ["liver"]
    liver_only, both = found["models"]
    assert set(liver_only["evaluation"]["cases"][0]["labels"]) == {"liver"}
    assert "lesions" not in liver_only["evaluation"]["cases"][0] and "lesions" in both["evaluation"]["cases"][0]
    assert list(liver_only["dice_by_patient"]) == ["liver"]
    table = said("validate", "new", "data", *WORDS, cwd=tmp_path)
    assert "tumour" not in table.out.replace("(tumour: over those that have one)", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("new", "data", "--against", "copy"), "the same model"),
        (("none", "data"), "rule M2"),
        (("broken", "data"), "rule M1"),
        (("new", "none"), "no such folder"),
        (("new", "taught"), "trained on every patient"),
        (("new", "data", "--tolerance-mm", "-1"), "impossible tolerance"),
        (("new", "data", "--patient", "x"), "one group"),
        (("new", "data", "--workers", "0"), "--workers"),
        (("new", "bad"), "a problem in the data; nothing was scored"),
    ],
)
def test_mistakes_are_told_in_one_message_and_nothing_is_written(
    tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    write_cases(tmp_path / "data", 1)
    make_model(tmp_path / "new", cases={"train": [write_case(tmp_path / "taught", 5)]})
    shutil.copytree(tmp_path / "new", tmp_path / "copy")
    shutil.copytree(tmp_path / "new", tmp_path / "broken")
    (tmp_path / "broken" / "model.json").write_text(
        (tmp_path / "new" / "model.json").read_text().replace("unet", "unot")
    )
    write_cases(tmp_path / "bad", 2)
    cut = tmp_path / "bad" / "volume-1.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-40])
    message = refusal(said("validate", *words, "-o", "out", cwd=tmp_path))
    assert expected in message
    assert not (tmp_path / "models").exists() and not (tmp_path / "out").exists()


def test_a_bad_case_can_be_left_out(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 3)
    cut = tmp_path / "data" / "volume-1.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-40])
    make_model(tmp_path / "new")
    result = said("validate", "new", "data", "--skip-bad", "--json", *WORDS, cwd=tmp_path)
    assert result.code == 0 and "left out: " in result.err
    assert json.loads(result.out)["data"]["skipped"][0]["rule"] == "N1"


def test_a_damaged_record_is_told_before_anything_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cases(tmp_path / "data", 1)
    make_model(tmp_path / "new")
    assert said("validate", "new", "data", *WORDS, cwd=tmp_path).code == 0
    path = tmp_path / "models" / "record.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"cases":1', b'"cases":9'))
    monkeypatch.setattr("sweeps.validation.validated.score_all", None)
    result = said("validate", "new", "data", *WORDS, cwd=tmp_path)
    assert result.code == 1 and "line 1" in refusal(result)


@pytest.mark.parametrize(("error", "code"), [(MemoryExceeded("too large", where="scan"), 1), (None, 2)])
def test_nothing_is_decided_on_what_is_left_when_a_case_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None, code: int
) -> None:
    from liverseg.errors import DataError
    from tests.sweeps.validation.validation_models import stand_in

    def failing(model: Path) -> Any:
        segment = stand_in(model)

        def some(image: Path, case: str) -> Any:
            if case == "volume-1":
                raise error or DataError("no CT", case=case, rule="N3", where=str(image))
            return segment(image, case)

        return some

    monkeypatch.setattr("sweeps.validation.worker.model_segmenter", failing)
    write_cases(tmp_path / "data", 3)
    make_model(tmp_path / "new")
    result = said("validate", "new", "data", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == code and "1 of 3 cases could not be scored" in result.err and not result.out
    assert not (tmp_path / "models").exists() and not (tmp_path / "out").exists()


def test_scans_unlike_the_training_are_listed_by_case_and_summed_up_for_each_model(tmp_path: Path) -> None:
    uids = write_cases(tmp_path / "data", 3)
    make_model(
        tmp_path / "new", unlike={"volume-0": ["voxel spacing in plane", "share of air"], "volume-2": ["share of air"]}
    )
    make_model(tmp_path / "old", error=0.2)
    result = said("validate", "new", "data", "--against", "old", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 0, result.err
    assert result.out.count("Unlike its training scans") == 1 and "new: Unlike its training scans" in result.out
    assert "0.5 to 2.5 mm" in result.out
    sentence = (
        "2 of 3 patients are unlike the training scans of new: share of air (2), voxel spacing in plane (1): "
        "read the scores as those of a new kind of data."
    )
    assert sentence in result.out and "training scans of old" not in result.out
    new, old = json.loads((tmp_path / "out" / "validation.json").read_text())["models"]
    assert new["likeness"] == {
        "patients": 3,
        "unlike": 2,
        "features": {"share of air": 2, "voxel spacing in plane": 1},
        "new_kind_of_data": True,
        "refused": {},
        "sentences": [sentence],
    }
    by_case = {case["case"]: [one["feature"] for one in case["warnings"]] for case in new["evaluation"]["cases"]}
    assert by_case == {uids[0]: ["voxel spacing in plane", "share of air"], uids[1]: [], uids[2]: ["share of air"]}
    assert old["likeness"]["unlike"] == 0 and all(not case["warnings"] for case in old["evaluation"]["cases"])
    (line,) = record_lines(tmp_path / "models")
    assert (line["unlike"], line["refused"]) == (2, 0)
    assert "3 patients, 2 unlike its training" in " ".join(said("models", cwd=tmp_path).out.replace("│", " ").split())


def test_a_case_that_the_model_refuses_counts_and_is_listed(tmp_path: Path) -> None:
    uids = write_cases(tmp_path / "data", 4)
    make_model(tmp_path / "new", refuses={"volume-1": "F1"})
    result = said("validate", "new", "data", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 0, result.err
    assert "refused by new, and scored as if nothing was found: volume-1: not a CT in HU" in result.err
    assert f"volume-1 ({uids[1]}) (refused)" in result.out
    assert "1 of 4 cases was refused by new, as predict refuses it (rule F1: 1), and counts as one" in result.out
    assert "without it the mean Dice is 1.000 for liver and 1.000 for tumour." in result.out
    (side,) = json.loads((tmp_path / "out" / "validation.json").read_text())["models"]
    assert side["dice_by_patient"]["liver"] == {"n": 4, "mean": 0.75, "sd": 0.5}
    assert side["likeness"]["refused"] == {"F1": [uids[1]]}
    refused = {case["case"]: case["refused"] for case in side["evaluation"]["cases"]}
    assert refused.pop(uids[1]) == {"rule": "F1", "why": "not a CT in HU: no air; got values from 0 to 9"}
    assert set(refused.values()) == {None} and record_lines(tmp_path / "models")[0]["refused"] == 1


def test_a_folder_without_any_ct_is_refused_whole(tmp_path: Path) -> None:
    write_cases(tmp_path / "data", 2)
    make_model(tmp_path / "new", refuses={"volume-0": "F1", "volume-1": "F1"})
    result = said("validate", "new", "data", *WORDS, "-o", "out", cwd=tmp_path)
    assert result.code == 2 and not result.out and "Traceback" not in result.err
    assert "error: none of the scans is a CT in HU, so nothing was scored (rule F1); got" in result.err
    assert not (tmp_path / "models").exists() and not (tmp_path / "out").exists()
