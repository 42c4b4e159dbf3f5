"""`liversweep review` and `reviews`: what is checked before a verdict is believed, and what is kept of it."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.data import case_uid, file_sha256
from liverseg.volume import write_nifti
from results.reviews import read_reviews
from sweeps.handover.scratch import scratch_beside
from sweeps.reviews.taking import Asked, take_review
from tests.promises.commands import refusal, said
from tests.sweeps.reviews.predicted import AFFINE, MODEL, SHAPE, fixed_mask, labels, predicted, scan_file

NOTICE = "Research software, not for clinical use."


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a scan `scans/ct-7.nii.gz` and its prediction `OUT/ct-7`."""
    predicted(tmp_path / "OUT", scan_file(tmp_path / "scans" / "ct-7.nii.gz", 7))
    return tmp_path


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(here: Path, *words: str) -> str:
    """The message of a review that was refused and left nothing behind."""
    before = tree(here)
    message = refusal(said("review", *words, cwd=here))
    assert tree(here) == before
    return message


@pytest.mark.parametrize("end", ["", "_seg.json", "_seg.nii.gz", "_seg.html", "_seg.png"])
def test_any_file_of_a_prediction_names_it(here: Path, end: str) -> None:
    result = said("review", f"OUT/ct-7{end}", "--verdict", "accept", "--note", "fine\n here", cwd=here)
    assert result.code == 0, result.err
    assert "review 1 in reviews: ct-7" in result.out and "accepted; model liver-v1 (m-0123456789ab)" in result.out
    assert NOTICE in result.out
    (review,) = read_reviews(here / "reviews")
    assert (review.verdict, review.note, review.correction) == ("accept", "fine here", None)
    assert (review.scan.name, review.scan.sha256) == ("ct-7", file_sha256(here / "scans" / "ct-7.nii.gz"))
    assert review.mask_sha256 == file_sha256(here / "OUT" / "ct-7_seg.nii.gz")
    assert stat.S_IMODE((here / "reviews").stat().st_mode) == 0o700
    assert tree(here / "reviews") == [".reviews.jsonl.lock", "reviews.head", "reviews.jsonl"]


@pytest.mark.parametrize("name", ["ct-7_seg", "ct-7_seg."])
def test_what_a_shell_completes_of_a_predictions_name_is_enough(here: Path, name: str) -> None:
    assert said("review", f"OUT/{name}", "--verdict", "accept", cwd=here).code == 0


def test_a_scan_that_is_called_as_a_mask_is_is_not_taken_for_one(here: Path) -> None:
    predicted(here / "OUT", scan_file(here / "scans" / "ct-7_seg.nii.gz", 8))
    assert "ct-7_seg (case-" in said("review", "OUT/ct-7_seg", "--verdict", "accept", cwd=here).out
    assert ": ct-7 (case-" in said("review", "OUT/ct-7", "--verdict", "accept", cwd=here).out


def test_names_and_notes_are_for_the_owner_alone_also_in_a_folder_that_others_may_read(here: Path) -> None:
    (here / "reviews").mkdir(mode=0o755)
    assert said("review", "OUT/ct-7", "--verdict", "accept", "--note", "small", cwd=here).code == 0
    assert stat.S_IMODE((here / "reviews" / "reviews.jsonl").stat().st_mode) == 0o600


def test_a_full_disk_keeps_the_review_out_and_leaves_nothing_behind(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_mask(here / "fixed.nii.gz")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sweeps.reviews.taking.link_or_copy", full)
    message = refused(here, "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz")
    assert "reviews: the corrected case could not be kept; nothing was added to the record; got No space" in message
    assert message.rstrip().endswith("the room on the disk, then try again")


def test_what_a_review_that_was_killed_left_of_a_scan_goes_with_the_next(here: Path) -> None:
    fixed_mask(here / "fixed.nii.gz")
    (here / "reviews").mkdir()
    child = os.fork()
    if not child:
        with scratch_beside(here / "reviews") as place:
            (place / "image.nii.gz").write_bytes(b"a scan")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list((here / "reviews").glob(".liversweep-*/image.nii.gz"))) == 1
    (killed,) = (here / "reviews").glob(".liversweep-*")
    killed.rename(here / killed.name)  # made there, had it been the first correction
    assert said("review", "OUT/ct-7", "--verdict", "accept", cwd=here).code == 0
    assert not list(here.glob(".liversweep-*"))
    with scratch_beside(here / "reviews") as used:
        assert said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz", cwd=here).code == 0
        assert list((here / "reviews").glob(".liversweep-*")) == [used], "another process is at work there"


def test_scans_that_a_model_was_trained_on_do_not_tell_how_often_it_is_right(here: Path) -> None:
    other = scan_file(here / "scans" / "ct-8.nii.gz", 8)
    predicted(here / "OUT", here / "scans" / "ct-7.nii.gz", model=MODEL | {"learned_from_scan": "train"})
    predicted(here / "OUT", other, model=MODEL | {"learned_from_scan": "validation"})
    assert said("review", "OUT/ct-7", "--verdict", "accept", cwd=here).code == 0
    only = said("reviews", cwd=here)
    assert only.code == 0 and "without 1 scan that it was trained on" in " ".join(only.out.split()), only
    assert said("review", "OUT/ct-8", "--verdict", "reject", cwd=here).code == 0
    assert [review.learned for review in read_reviews(here / "reviews")] == ["train", "validation"]
    (found,) = json.loads(said("reviews", "--json", cwd=here).out)["models"]
    assert (found["total"]["reviewed"], found["total"]["acceptance"], found["trained_on"]) == (1, 0.0, 1)


def test_a_model_that_knows_no_tumours_is_not_measured_by_them(here: Path) -> None:
    predicted(here / "OUT", here / "scans" / "ct-7.nii.gz", model=MODEL | {"labels": ["liver"]}, tumour=False)
    fixed_mask(here / "fixed.nii.gz")
    result = said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz", cwd=here)
    assert result.code == 0 and "liver 0.950, tumour – (none to compare)" in result.out, result.err
    (found,) = json.loads(said("reviews", "--json", cwd=here).out)["models"]
    assert (found["total"]["dice_liver"], found["total"]["dice_tumour"], found["total"]["dice_tumour_n"]) == (
        0.95,
        None,
        0,
    )


def test_a_correction_is_checked_measured_and_kept_with_its_scan(here: Path) -> None:
    fixed_mask(here / "fixed.nii")
    result = said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii", cwd=here)
    assert result.code == 0, result.err
    assert (
        "liver 0.950, tumour 0.800" in result.out and "for you alone to read (the scan is the same file" in result.out
    )
    assert "data: {reviews: reviews}" in result.out and NOTICE in result.out
    assert "rule Q5" in result.err
    (review,) = read_reviews(here / "reviews")
    fixed, scan = review.correction, here / "scans" / "ct-7.nii.gz"
    assert fixed is not None and (fixed.dice_liver, fixed.dice_tumour) == (0.95, 0.8)
    assert (fixed.liver_ml, fixed.tumour_ml) == (25.6, 0.8)
    place = here / "reviews" / "cases" / case_uid(file_sha256(scan))
    assert tree(place) == ["image.nii.gz", "mask.nii.gz"]
    assert (place / "image.nii.gz").stat().st_ino == scan.stat().st_ino
    assert fixed.image_sha256 == file_sha256(scan)
    assert fixed.mask_sha256 == file_sha256(place / "mask.nii.gz")
    kept: Any = nibabel.load(place / "mask.nii.gz")
    assert np.array_equal(np.asarray(kept.dataobj), labels()) and np.allclose(kept.affine, AFFINE)
    for folder in (here / "reviews", place.parent, place):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not [path for path in here.rglob(".liversweep-*")]


def test_where_a_scan_cannot_be_linked_it_is_copied(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another_disk)
    fixed_mask(here / "fixed.nii.gz")
    result = said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz", "--json", cwd=here)
    document = json.loads(result.out)
    image = here / document["kept"] / "image.nii.gz"
    assert image.read_bytes() == (here / "scans" / "ct-7.nii.gz").read_bytes() and image.stat().st_nlink == 1
    assert (document["number"], document["verdict"], document["notice"]) == (1, "corrected", NOTICE)
    assert "ct-7" not in result.out and [text[:3] for text in document["warnings"]] == ["Q3:", "Q5:"]


def test_a_mask_that_a_patients_name_hides_in_leaves_it_behind(here: Path) -> None:
    volume: Any = nibabel.Nifti1Image(labels(), AFFINE)  # type: ignore[no-untyped-call]
    volume.header["descrip"] = b"CANARY"
    volume.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"CANARY"))
    volume.set_sform(AFFINE, 1)
    nibabel.save(volume, here / "fixed.nii")
    assert said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii", cwd=here).code == 0
    mask = next((here / "reviews").rglob("mask.nii.gz"))
    import gzip

    assert b"CANARY" in (here / "fixed.nii").read_bytes() and b"CANARY" not in gzip.decompress(mask.read_bytes())


def test_a_second_review_counts_and_the_first_stays(here: Path) -> None:
    fixed_mask(here / "one.nii.gz")
    fixed_mask(here / "two.nii.gz", tumour=False)
    for words in (("corrected", "--mask", "one.nii.gz"), ("corrected", "--mask", "two.nii.gz"), ("accept",)):
        assert said("review", "OUT/ct-7", "--verdict", *words, cwd=here).code == 0
    reviews = read_reviews(here / "reviews")
    assert [review.verdict for review in reviews] == ["corrected", "corrected", "accept"]
    fixed = reviews[1].correction
    assert fixed is not None and fixed.mask_sha256 == file_sha256(next((here / "reviews").rglob("mask.nii.gz")))
    assert fixed.dice_tumour == 0.0
    listed = said("reviews", cwd=here)
    assert listed.out.count("(corrected)") == 2 and "100% (21% to 100%)" in listed.out


def test_a_tumour_in_neither_mask_has_no_dice(here: Path) -> None:
    mask = write_nifti(here / "OUT" / "ct-7_seg.nii.gz", labels(1, tumour=False), AFFINE)
    record = json.loads((here / "OUT" / "ct-7_seg.json").read_text())
    record["mask"]["sha256"] = file_sha256(mask)
    (here / "OUT" / "ct-7_seg.json").write_text(json.dumps(record))
    fixed_mask(here / "fixed.nii.gz", tumour=False)
    result = said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz", cwd=here)
    assert "tumour – (none to compare)" in result.out
    assert said("reviews", cwd=here).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("OUT/ct-7", "--verdict", "good"),
            "--verdict: no such verdict; got good; allowed: accept | reject | corrected",
        ),
        (("OUT/ct-7", "--verdict", "corrected"), "a correction needs the corrected mask"),
        (("OUT/ct-7", "--verdict", "accept", "--mask", "x.nii.gz"), "a mask belongs to a correction only"),
        (("OUT/ct-7", "--verdict", "accept", "--note", "x" * 501), "--note: the note is too long; got 501 characters"),
        (("OUT/ct-8", "--verdict", "accept"), "no prediction of this name"),
        (("OUT", "--verdict", "accept"), "name one of the scans there: OUT/ct-7"),
        (("OUT/ct-77", "--verdict", "accept"), "name one of the scans there: OUT/ct-7"),
        (("OUT/ct-7", "--verdict", "accept", "--reviews", "scans/ct-7.nii.gz"), "scans/ct-7.nii.gz: not a folder"),
        (("OUT/ct-7", "--verdict", "accept", "--reviews", "no/such/place"), "no/such: no such folder"),
        (("OUT/ct-7", "--verdict", "accept", "--scan", "gone.nii.gz"), "gone.nii.gz: the scan is not there any more"),
        (("OUT/ct-7", "--verdict", "corrected", "--mask", "gone.nii.gz"), "rule N1"),
        (
            ("OUT/ct-7", "--verdict", "corrected", "--mask", "OUT/ct-7_seg.nii.gz"),
            "the corrected mask is the prediction, voxel for voxel; say --verdict accept",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(here: Path, words: tuple[str, ...], message: str) -> None:
    assert message in refused(here, *words)


def test_a_mask_or_scan_that_changed_since_is_no_longer_what_was_looked_at(here: Path) -> None:
    scan = scan_file(here / "other.nii.gz", 8)
    assert "the scan is not the one that was predicted" in refused(
        here, "OUT/ct-7", "--verdict", "accept", "--scan", str(scan)
    )
    (here / "scans" / "ct-7.nii.gz").rename(here / "moved.nii.gz")
    assert "say where it is: --scan PLACE" in refused(here, "OUT/ct-7", "--verdict", "accept")
    assert said("review", "OUT/ct-7", "--verdict", "accept", "--scan", "moved.nii.gz", cwd=here).code == 0
    fixed_mask(here / "OUT" / "ct-7_seg.nii.gz")
    message = refused(here, "OUT/ct-7", "--verdict", "reject")
    assert "it was changed" in message and "save corrections under another name" in message
    (here / "OUT" / "ct-7_seg.nii.gz").unlink()
    assert "the predicted mask is gone" in refused(here, "OUT/ct-7", "--verdict", "reject")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", "shape differs from its image"),
        ("affine", "differs from its image"),
        ("label", "rule N4"),
        ("cut", "rule N1"),
    ],
)
def test_a_corrected_mask_is_checked_as_any_mask_is(here: Path, fault: str, message: str) -> None:
    path, mask = here / "fixed.nii.gz", labels()
    if fault == "label":
        mask[0, 0, 0] = 7
    write_nifti(path, mask[:, :, :7] if fault == "shape" else mask, AFFINE * (1.1 if fault == "affine" else 1))
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    text = refused(here, "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz")
    assert message in text and "nothing was written" in text


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"scan": {}},
        {"scan": {"uid": "../../case-12345678"}},
        {"scan": {"sha256": "0"}},
        {"scan": {"kind": "png"}},
        {"model": {"id": "../m", "name": "x"}},
        {"model": MODEL | {"labels": "liver"}},
        {"model": MODEL | {"learned_from_scan": "much"}},
        {"mask": {"file": "../secret.nii.gz", "sha256": "0" * 64}},
        {"volumes_ml": {"liver": "much", "tumour": 0}},
        {"volumes_ml": {"liver": 1e999, "tumour": 0}},
    ],
)
def test_a_record_that_was_edited_into_nonsense(here: Path, change: dict[str, Any]) -> None:
    path = here / "OUT" / "ct-7_seg.json"
    record = json.loads(path.read_text())
    for key, value in change.items():
        record[key] = record[key] | value if isinstance(value, dict) and key == "scan" and value else value
    path.write_text(json.dumps(record))
    assert "not the record of a prediction" in refused(here, "OUT/ct-7", "--verdict", "accept")
    path.write_text("{")
    assert "got no JSON" in refused(here, "OUT/ct-7", "--verdict", "accept")


def test_a_changed_record_of_reviews_is_told_with_its_line(here: Path) -> None:
    for _ in range(3):
        assert said("review", "OUT/ct-7", "--verdict", "reject", cwd=here).code == 0
    path = here / "reviews" / "reviews.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join((lines[0], lines[1].replace("reject", "accept"), lines[2])))
    for words in (("reviews",), ("reviews", "--json"), ("review", "OUT/ct-7", "--verdict", "accept")):
        result = said(*words, cwd=here)
        assert "reviews.jsonl, line 2: the line was changed" in refusal(result) and result.code == 1
    assert path.read_text().count("\n") == 3


def test_a_dicom_series_is_kept_as_what_it_was_converted_to(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from liverseg.dicom import series_as_nifti
    from tests.liverseg.dicom.series import write_series

    image = np.asfortranarray(np.random.default_rng(7).integers(-900, 900, SHAPE).astype(np.int16))
    write_series(tmp_path / "ct-7", image, AFFINE)
    (tmp_path / "scratch").mkdir()
    converted = series_as_nifti(tmp_path / "ct-7", tmp_path / "scratch")
    predicted(tmp_path / "OUT", converted.path_nifti.rename(tmp_path / "ct-7.nii"))
    path = tmp_path / "OUT" / "ct-7_seg.json"
    record, uid = json.loads(path.read_text()), case_uid(converted.sha256)
    record["scan"] |= {"kind": "dicom", "path": str(tmp_path / "ct-7"), "sha256": converted.sha256, "uid": uid}
    path.write_text(json.dumps(record))
    fixed_mask(tmp_path / "fixed.nii.gz")
    assert said("review", "OUT/ct-7", "--verdict", "accept", cwd=tmp_path).code == 0
    result = said("review", "OUT/ct-7", "--verdict", "corrected", "--mask", "fixed.nii.gz", cwd=tmp_path)
    assert result.code == 0 and "(a copy)" in result.out, result.err
    place = tmp_path / "reviews" / "cases" / uid
    assert tree(place) == ["image.nii", "mask.nii.gz"]
    kept: Any = nibabel.load(place / "image.nii")
    assert np.array_equal(np.asarray(kept.dataobj), image)
    told: list[tuple[str, int, int]] = []
    again = Asked(tmp_path / "OUT/ct-7", "corrected", tmp_path / "fixed.nii.gz", "", tmp_path / "reviews")
    take_review(again, lambda *slices: told.append(slices))
    count = image.shape[2]
    assert told == [("ct-7", done, count) for done in range(1, count + 1)] * 2, (
        "read to know it again, and to convert it"
    )
    next((tmp_path / "ct-7").iterdir()).unlink()
    message = refused(tmp_path, "OUT/ct-7", "--verdict", "accept")
    assert "the scan is not the one that was predicted" in message or "rule X" in message


class TestList:
    def test_no_review_yet(self, tmp_path: Path) -> None:
        assert "reviews: no such folder of reviews" in refusal(said("reviews", cwd=tmp_path))
        (tmp_path / "file").write_text("")
        filed = said("reviews", "--reviews", "file", cwd=tmp_path)
        assert filed.code == 2 and "file: no such folder of reviews" in refusal(filed)
        (tmp_path / "reviews").mkdir()
        result = said("reviews", cwd=tmp_path)
        assert (result.code, result.out) == (0, "") and "no review in reviews yet" in result.err
        assert json.loads(said("reviews", "--json", cwd=tmp_path).out)["reviews"] == []
        assert tree(tmp_path / "reviews") == []

    def test_by_model_version_and_month_since_a_day(self, tmp_path: Path) -> None:
        for number, (model, verdict) in enumerate((("a", "accept"), ("a", "reject"), ("b", "corrected"))):
            scan = scan_file(tmp_path / "scans" / f"ct-{number}.nii.gz", number)
            named = MODEL | {"id": f"m-{model * 12}", "name": f"[red]model-{model}"}
            out = predicted(tmp_path / f"OUT-{model}", scan, model=named)
            mask = ("--mask", str(fixed_mask(tmp_path / "f.nii.gz"))) if verdict == "corrected" else ()
            assert said("review", str(out), "--verdict", verdict, *mask, cwd=tmp_path).code == 0
        document = json.loads(said("reviews", "--json", cwd=tmp_path).out)
        assert (document["schema_version"], document["notice"]) == (1, NOTICE)
        assert [review["verdict"] for review in document["reviews"]] == ["accept", "reject", "corrected"]
        assert all(review["counts"] and "name" not in review["scan"] for review in document["reviews"])
        first, second = document["models"]
        assert (first["total"]["reviewed"], first["total"]["acceptance"]) == (2, 0.5)
        assert (second["total"]["dice_liver"], second["months"][0]["dice_tumour"]) == (0.95, 0.8)
        shown = said("reviews", cwd=tmp_path).out
        for words in (
            "[red]model-a",
            "50% (9% to 91%)",
            "0.800 (1)",
            "ct-2",
            "corrected or rejected was not accepted",
            NOTICE,
        ):
            assert words in shown, words
        later = said("reviews", "--since", "2199-01-01", cwd=tmp_path)
        assert (later.code, later.out) == (0, "") and "since 2199-01-01" in later.err
        assert "not a date" in refusal(said("reviews", "--since", "yesterday", cwd=tmp_path))
        assert (
            len(json.loads(said("reviews", "--since", "2026-01-31T01:00+02:00", "--json", cwd=tmp_path).out)["models"])
            == 2
        )
