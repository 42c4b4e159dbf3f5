"""Corrected cases as training cases: in every fold's training, never a patient who is validated or tested on."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest

import sweeps.engine
import sweeps.fork
import sweeps.resume
import sweeps.run
from liverseg.data import case_uid, file_sha256
from liverseg.volume import write_nifti
from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.reviews import read_reviews
from sweeps.cohort import Cohort, load_cohort
from sweeps.creation import portable
from sweeps.engine import review_lines
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from sweeps.reviews.corrected import reviewed_files
from sweeps.reviews.taking import Asked, Taken, take_review
from sweeps.spec import Spec, load_spec, spec_hash
from tests.promises.commands import refusal, said
from tests.sweeps.in_process import Notes, extend, install, spec_file
from tests.sweeps.reviews.predicted import AFFINE, MODEL, fixed_mask, predicted, scan_file
from tests.sweeps.test_bad_input import SPEC, scans


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder with `scans` of six cases."""
    scans(tmp_path / "scans", 6)
    yield tmp_path


def review(
    here: Path,
    number: int,
    verdict: str = "corrected",
    *,
    name: str = "",
    model: str = MODEL["id"],
    tumour: bool = True,
    scan: Path | None = None,
    affine: npt.NDArray[np.float64] = AFFINE,
) -> Taken:
    """Predict a scan that is in no data folder, and review it; its pseudonym is that of the same number."""
    scan = scan or here / "new" / f"{name or f'new-{number}'}.nii.gz"
    if not scan.exists():
        scan_file(scan, number)
    out = predicted(here / "OUT", scan, model=MODEL | {"id": model}, affine=affine)
    mask = fixed_mask(here / "fixed.nii.gz", tumour=tumour, affine=affine) if verdict == "corrected" else None
    return take_review(Asked(out, verdict, mask, "", here / "reviews"))


def spec_of(here: Path, *settings: str) -> Spec:
    (here / "spec.yaml").write_text(SPEC.replace("test: 0,", "test: 0.2,"))
    return load_spec(here / "spec.yaml", settings).spec


def cohort_of(here: Path, *settings: str, reviews: bool = True) -> Cohort:
    more = [f"data.reviews={json.dumps(str(here / 'reviews'))}"] if reviews else []
    return load_cohort(spec_of(here, *more, *settings), threads=2)


def patients(cases: Sequence[str], cohort: Cohort, part: str, fold: int = 0) -> list[bool]:
    return [uid in {case.uid for case in cohort.part(part, fold)} for uid in cases]


@pytest.mark.parametrize("folds", [1, 3])
def test_corrected_cases_join_the_training_of_every_fold_and_nothing_else_moves(here: Path, folds: int) -> None:
    uids = [review(here, number).review.scan.uid for number in (1, 2)]
    review(here, 3, "accept")
    review(here, 4, "reject")
    settings = (f"data.split.folds={folds}",)
    before, after = cohort_of(here, *settings, reviews=False), cohort_of(here, *settings)
    assert after.reviewed == tuple(sorted(uids)) and after.left_out == ()
    for number in range(folds):
        assert patients(uids, after, "train", number) == [True, True]
        assert patients(uids, after, "validation", number) == [False, False]
        assert after.part("validation", number) == before.part("validation", number)
        assert set(before.part("train", number)) < set(after.part("train", number))
    assert after.part("test") == before.part("test") and after.split.test == before.split.test
    assert after.fingerprint != before.fingerprint
    assert after.split.fingerprint != before.split.fingerprint
    assert (after.facts()["cases"], after.facts()["reviewed"]) == (8, sorted(uids)) and "reviewed" not in before.facts()
    (line,) = review_lines(after)
    assert line.startswith("2 corrected cases from reviews were added to training, never to validation or test")
    assert review_lines(before) == []


def test_liver_alone_and_a_correction_without_tumour(here: Path) -> None:
    uid = review(here, 1, tumour=False).review.scan.uid
    for wanted in ("[liver]", "[liver, tumour]"):
        cohort = cohort_of(here, f"data.labels={wanted}")
        (case,) = (case for case in cohort.part("train") if case.uid == uid)
        assert case.labels == (0, 1) or case.labels == (1,)


def test_a_scan_of_the_data_folder_stays_what_it_is_there(here: Path) -> None:
    before = cohort_of(here, reviews=False)
    for case in before.cases:
        review(here, 0, scan=case.files.image)
    after = cohort_of(here)
    assert after.cases == before.cases and after.split == before.split and after.reviewed == ()
    assert after.left_out == tuple(
        f"{uid}: its scan is in data.root already" for uid in sorted(c.uid for c in before.cases)
    )
    assert review_lines(after)[0].startswith("0 corrected cases from reviews were added")


def test_the_same_scan_in_another_wrapping_is_the_same_scan(here: Path) -> None:
    case = cohort_of(here, reviews=False).cases[0]
    unpacked = here / "new" / "plain.nii"
    unpacked.parent.mkdir()
    unpacked.write_bytes(gzip.decompress(case.files.image.read_bytes()))
    taken = review(here, 0, scan=unpacked)
    assert taken.kept is not None and (taken.kept / "image.nii").exists()
    assert cohort_of(here).left_out == (f"{taken.review.scan.uid}: its scan is in data.root already",)


def test_a_scan_of_the_data_folder_that_was_turned_before_it_was_predicted(here: Path) -> None:
    """A viewer or a converter may store the axes of a scan in another order, or from the other end."""
    case = cohort_of(here, reviews=False).cases[0]
    volume: Any = nibabel.load(case.files.image)
    voxels = np.asfortranarray(np.asarray(volume.dataobj)[::-1, ::-1])
    (here / "new").mkdir()
    turned = write_nifti(here / "new" / "turned.nii.gz", voxels, AFFINE * [[-1], [-1], [1], [1]])
    uid = review(here, 0, scan=turned, affine=AFFINE * [[-1], [-1], [1], [1]]).review.scan.uid
    after = cohort_of(here)
    assert (after.reviewed, after.left_out) == ((), (f"{uid}: its scan is in data.root already",))


def test_of_one_scan_in_two_wrappings_the_newer_correction_is_taken(here: Path) -> None:
    older = review(here, 1).review.scan.uid
    unpacked = here / "new" / "plain.nii"
    unpacked.write_bytes(gzip.decompress((here / "new" / "new-1.nii.gz").read_bytes()))
    newer = review(here, 1, scan=unpacked).review.scan.uid
    cohort = cohort_of(here)
    assert cohort.reviewed == (newer,)
    assert cohort.left_out == (
        f"{older}: its scan was corrected again in another wrapping; the newer correction is taken",
    )


class TestPatients:
    """`data.patient` tells whose a scan is; cases of the data folder are called `0` to `5`."""

    PATTERN = r"data.patient='([0-9]+)(?:-again)?$'"

    def names(self, here: Path, part: str) -> list[str]:
        cohort = cohort_of(here, self.PATTERN, reviews=False)
        return [case.name for case in cohort.part(part)]

    @pytest.mark.parametrize("part", ["validation", "test"])
    def test_a_patient_who_is_scored_on_keeps_the_scan_out(self, here: Path, part: str) -> None:
        name = self.names(here, part)[0]
        uid = review(here, 1, name=f"{name}-again").review.scan.uid
        cohort = cohort_of(here, self.PATTERN)
        assert cohort.left_out == (f"{uid}: its patient is validated or tested on",)
        assert cohort.split == cohort_of(here, self.PATTERN, reviews=False).split

    def test_with_folds_everybody_outside_the_test_part_is_scored_on(self, here: Path) -> None:
        name = self.names(here, "train")[0]
        review(here, 1, name=f"{name}-again")
        assert len(cohort_of(here, self.PATTERN, "data.split.folds=3").left_out) == 1

    def test_a_patient_who_is_trained_on_gets_a_further_scan(self, here: Path) -> None:
        name = self.names(here, "train")[0]
        uid = review(here, 1, name=f"{name}-again").review.scan.uid
        before, cohort = cohort_of(here, self.PATTERN, reviews=False), cohort_of(here, self.PATTERN)
        (case,) = (case for case in cohort.part("train") if case.uid == uid)
        (same,) = (case for case in before.cases if case.name == name)
        assert (case.patient, case.name) == (same.patient, f"{name}-again")
        assert cohort.split == before.split and cohort.fingerprint != before.fingerprint

    def test_a_new_patients_scans_are_one_patient(self, here: Path) -> None:
        uids = [review(here, n, name=name).review.scan.uid for n, name in ((1, "77"), (2, "77-again"), (3, "78"))]
        cohort = cohort_of(here, self.PATTERN)
        new = {case.uid: case.patient for case in cohort.part("train") if case.uid in uids}
        assert len(new) == 3 and new[uids[0]] == new[uids[1]] != new[uids[2]]
        assert set(new.values()) <= set(cohort.split.train)

    def test_a_name_that_tells_no_patient_could_be_anybodys(self, here: Path) -> None:
        uid = review(here, 1, name="somebody").review.scan.uid
        (line,) = cohort_of(here, self.PATTERN).left_out
        assert line.startswith(f"{uid}: data.patient finds no patient in its name") and "somebody" not in line


class TestWhichCounts:
    def test_the_newest_correction_is_trained_on(self, here: Path) -> None:
        review(here, 1)
        review(here, 1, tumour=False)
        (case,) = (case for case in cohort_of(here).cases if case.uid in cohort_of(here).reviewed)
        assert 2 not in case.labels

    def test_a_sweep_that_has_begun_keeps_the_mask_in_whose_place_a_newer_one_came(self, here: Path) -> None:
        review(here, 1)
        before = cohort_of(here)
        review(here, 1, tumour=False)
        again = cohort_of(here, "data.reviews_until=1")
        assert (again.fingerprint, again.split) == (before.fingerprint, before.split)
        assert (before.later_reviews, again.later_reviews, again.reviews_until) == (0, 1, 1)
        assert cohort_of(here).fingerprint != before.fingerprint
        with pytest.raises(UsageError, match="fewer reviews than when the sweep began; got 2; allowed: 3"):
            cohort_of(here, "data.reviews_until=3")

    def test_a_correction_that_is_taken_back_is_not(self, here: Path) -> None:
        review(here, 1)
        review(here, 2)
        review(here, 1, "accept")
        assert len(cohort_of(here).reviewed) == 1

    def test_a_newer_model_that_is_right_leaves_the_correction_of_the_older(self, here: Path) -> None:
        review(here, 1)
        review(here, 1, "accept", model="m-ffffffffffff")
        assert len(cohort_of(here).reviewed) == 1


class TestRefusals:
    def test_a_folder_that_is_not_there_or_holds_no_review(self, here: Path) -> None:
        with pytest.raises(UsageError, match=r"data\.reviews: no such folder; got .*reviews; name the folder"):
            cohort_of(here)
        (here / "reviews").write_text("")
        with pytest.raises(UsageError, match=r"data\.reviews: no such folder"):
            cohort_of(here)
        (here / "reviews").unlink()
        (here / "reviews").mkdir()
        with pytest.raises(UsageError, match=r"data\.reviews: no reviews there"):
            cohort_of(here)

    def test_a_mask_or_scan_that_is_not_the_one_reviewed(self, here: Path) -> None:
        kept = review(here, 1).kept
        assert kept is not None
        fixed_mask(kept / "mask.nii.gz", shift=3)
        with pytest.raises(UsageError, match=r"rule D6.*the mask is not the one that was reviewed") as caught:
            cohort_of(here)
        assert "1 problem in the corrected cases" in str(caught.value) and "--skip-bad" in str(caught.value)
        cohort = cohort_of(here, "data.skip_bad=true")
        assert [item.rule for item in cohort.skipped] == ["D6"] and cohort.reviewed == ()
        (kept / "mask.nii.gz").unlink()
        with pytest.raises(UsageError, match="rule N1"):
            cohort_of(here)

    def test_a_record_that_was_changed(self, here: Path) -> None:
        review(here, 1)
        path = here / "reviews" / "reviews.jsonl"
        path.write_text(path.read_text().replace("corrected", "accept"))
        with pytest.raises(LedgerError, match="line 1"):
            cohort_of(here)

    def test_another_scan_of_the_same_pseudonym(self, here: Path) -> None:
        taken = review(here, 1)
        record = json.loads((here / "OUT" / "new-1_seg.json").read_text())
        scan = scan_file(here / "new" / "other.nii.gz", 99)
        record["scan"] |= {"sha256": file_sha256(scan), "path": str(scan)}
        (here / "OUT" / "new-1_seg.json").write_text(json.dumps(record))
        with pytest.raises(UsageError, match=f"another scan has this pseudonym; got {taken.review.scan.uid}"):
            review_again(here)
        assert len(read_reviews(here / "reviews")) == 1


def review_again(here: Path) -> Taken:
    return take_review(Asked(here / "OUT" / "new-1", "corrected", here / "fixed.nii.gz", "", here / "reviews"))


class TestSpec:
    def test_the_path_starts_at_the_spec_and_belongs_to_a_machine_not_to_the_experiment(self, tmp_path: Path) -> None:
        (tmp_path / "spec.yaml").write_text(SPEC.replace("root: scans,", "root: scans, reviews: said,"))
        spec, without = load_spec(tmp_path / "spec.yaml").spec, spec_of(tmp_path)
        assert spec.data.reviews == str(tmp_path / "said") and without.data.reviews is None
        assert "reviews" not in portable(spec.resolved())["data"]
        changed = spec.resolved() | {"data": spec.resolved()["data"] | {"reviews": None}}
        assert spec_hash(spec.resolved()) == spec_hash(changed)
        assert reviewed_files(without) == []

    def test_check_and_schema_know_it(self, here: Path) -> None:
        review(here, 1)
        (here / "spec.yaml").write_text(SPEC.replace("root: scans,", "root: scans, reviews: reviews,"))
        checked = said("spec", "check", "spec.yaml", cwd=here)
        assert (
            checked.code == 0
            and f"corrected cases of {here / 'reviews'} join the training" in checked.out + checked.err
        )
        schema = json.loads(said("spec", "schema", cwd=here).out)
        assert "reviews" in schema["$defs"]["DataSection"]["properties"]
        wrong = refusal(said("spec", "check", "spec.yaml", "--set", "data.reviews=3", cwd=here))
        assert "data.reviews" in wrong


def test_a_sweep_with_reviews_keeps_to_those_it_began_with_and_is_not_resumed_with_others(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    for module in (sweeps.run, sweeps.resume):
        monkeypatch.setattr(module, "checked_cohort", sweeps.engine.checked_cohort)
    uid = review(here, 1).review.scan.uid
    loaded = load_spec(
        spec_file(here, trials=2),
        [f"data.root={json.dumps(str(here / 'scans'))}", f"data.reviews={json.dumps(str(here / 'reviews'))}"],
    )
    folder, notes = SweepFolder(here / "runs" / "a"), Notes()
    sweeps.run.run_sweep(loaded, folder, notes)
    assert any(line.startswith("1 corrected case from reviews was added to training") for line in notes.lines)
    sweep = fold(read_events(folder.ledger)).sweep
    assert json.loads(folder.file("resolved.json").read_text())["data"]["reviews_until"] == 1
    assert sweep.data.reviewed == (uid,) and uid in sweep.split.train
    assert "reviews" not in read_events(folder.ledger)[0].payload["spec"]["data"]
    assert json.loads(folder.file("resolved.json").read_text())["data"]["reviews"] == str(here / "reviews")
    assert any("1 corrected case from reviews" in line for line in extend(folder, trials=1))
    repetition = said("show", str(folder.path), "--repro", cwd=here)
    assert f"come from the reviews in {here / 'reviews'}; elsewhere, add --set data.reviews=FOLDER" in repetition.out
    review(here, 1, tumour=False)
    review(here, 1, "reject")
    other = review(here, 2).review.scan.uid
    lines = extend(folder, trials=1)
    assert "reviews that came after this sweep began, left to the next one: 3" in lines
    assert len(fold(read_events(folder.ledger)).trials) == 4

    (here / "reviews").rename(here / "gone")
    for number in (2, 3):
        review(here, number)
    with pytest.raises(UsageError) as caught:
        extend(folder, trials=1)
    text = str(caught.value)
    assert f"{uid}: is missing (a corrected case from reviews)" in text and f"{uid}: train → not there" in text
    assert f"{other}: was not there (a corrected case from reviews)" in text and f"{other}: not there → train" in text
    assert "--fork" in text
    assert len(fold(read_events(folder.ledger)).trials) == 4

    forked = SweepFolder(here / "runs" / "b")
    monkeypatch.setattr(sweeps.fork, "checked_cohort", sweeps.engine.checked_cohort)
    sweeps.fork.fork_sweep([folder], forked, sweeps.fork.Fork(name="b", trials=2), Notes())
    assert len(fold(read_events(forked.ledger)).sweep.data.reviewed) == 2


def test_the_pseudonym_of_a_kept_scan_is_that_of_the_scan(here: Path) -> None:
    taken = review(here, 1)
    assert taken.kept is not None
    assert taken.review.scan.uid == case_uid(file_sha256(taken.kept / "image.nii.gz"))
