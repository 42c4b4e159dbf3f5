"""Preparation on Ray: once a case, read by workers without a copy, nothing of the test patients, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import ray

from cluster.config import LocalConfig
from cluster.local import local_ray
from liverseg.config import PrepareConfig
from liverseg.errors import ConfigError, DataError
from liverseg.preprocess import Cache, load_or_prepare, pack
from results.errors import ResultsError
from sweeps import prepare
from sweeps.cohort import Cohort, load_cohort
from sweeps.folder import SweepFolder
from sweeps.node_files import home
from sweeps.overlays import write_scans
from sweeps.prepare import Prepared, by_reader, prepare_on_ray, streams
from sweeps.shelf import prepared_sizes
from sweeps.spec import load_spec
from tests.sweeps.big_cohort import big_cohort, config_of
from tests.sweeps.test_bad_input import SPEC, scans

pytestmark = pytest.mark.ray
CONFIG = PrepareConfig(sizes_px=(32, 64), slices="liver")


@pytest.fixture(scope="module")
def connected() -> Iterator[None]:
    with local_ray(LocalConfig(cpus=2, object_store_bytes=100 * 2**20)):
        yield


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    scans(tmp_path / "scans", 5)
    (tmp_path / "spec.yaml").write_text(SPEC.replace("test: 0,", "test: 0.2,"))
    return load_cohort(load_spec(str(tmp_path / "spec.yaml")).spec, threads=1)


def look(prepared: Prepared, part: str, size_px: int) -> dict[str, object]:
    """Worker side: whether the arrays are this process's own, and what is in them."""
    found = prepared.pack(part, size_px)
    one = found.image[0]
    return {
        "owns": one.flags.owndata or (one.base is not None and one.base.flags.owndata),
        "writes": one.flags.writeable,
        "sum": int(np.asarray(found.image).sum(dtype=np.int64)),
    }


@pytest.mark.parametrize("stream", ["never", "always"])
def test_workers_read_the_cases_where_they_lie(connected: None, cohort: Cohort, stream: str) -> None:
    prepared = prepare_on_ray(cohort, CONFIG, None, stream=stream)
    assert prepared.streamed == (stream == "always") and prepared.sizes_px == (32, 64)
    for part in ("train", "validation"):
        for size in prepared.sizes_px:
            here = pack(
                [
                    load_or_prepare(case.uid, case.patient, case.files.image, case.files.mask, CONFIG, cache=None)[size]
                    for case in cohort.part(part)
                ],
                training=part == "train",
            )
            seen = ray.get(ray.remote(look).remote(prepared, part, size))
            assert seen == {"owns": False, "writes": False, "sum": int(np.asarray(here.image).sum(dtype=np.int64))}
    with pytest.raises(ConfigError, match="no slices of this size were prepared; got 128; allowed: 32, 64"):
        prepared.pack("train", 128)
    files = list(home().rglob("*.case"))
    assert len(files) == (8 if stream == "always" else 0)
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in {path.parent for path in files})
    prepared.remove_files()
    assert not list(home().rglob("*.case"))


@pytest.mark.parametrize("folds", [1, 5])
def test_every_case_is_in_the_store_once_whatever_the_folds(connected: None, tmp_path: Path, folds: int) -> None:
    cohort = big_cohort(tmp_path, 128, train=[20] * 4, validation=[20], folds=folds)
    prepared = prepare_on_ray(cohort, config_of(128), tmp_path)
    assert prepared.shelf is not None and len(prepared.folds) == folds and not prepared.streamed
    places = ray.experimental.get_object_locations(list(prepared.shelf.refs.values())).values()
    slices = 5 * 20 * 3 * 128 * 128
    assert len(places) == 5 and slices <= sum(place["object_size"] for place in places) < 1.1 * slices
    assert slices <= prepared.data_bytes < 1.1 * slices
    for fold in range(folds):
        assert len(prepared.pack("train", 128, fold).image) == 80
        assert len(prepared.pack("validation", 128, fold).image) == 20


def test_the_test_patients_are_not_prepared(connected: None, cohort: Cohort) -> None:
    counted: list[int] = []
    prepared = prepare_on_ray(cohort, CONFIG, None, on_case=lambda: counted.append(1))
    assert len(cohort.split.test) == 1 and len(counted) == prepared.cases == 4
    seen = {span.patient for part in ("train", "validation") for span in prepared.pack(part, 32).cases}
    assert prepared.shelf is not None and prepared.shelf.cases.keys() == {uid for uid, _ in prepared.shelf.refs}
    assert seen.isdisjoint(cohort.split.test)


def test_a_second_preparation_comes_from_the_cache_and_is_the_same(
    connected: None, cohort: Cohort, tmp_path: Path
) -> None:
    first = prepare_on_ray(cohort, CONFIG, tmp_path / "cache")
    second = prepare_on_ray(cohort, CONFIG, tmp_path / "cache")
    assert (first.from_cache, second.from_cache) == (0, 4)
    for part in ("train", "validation"):
        mine, theirs = first.pack(part, 64), second.pack(part, 64)
        np.testing.assert_array_equal(mine.image, theirs.image)
        np.testing.assert_array_equal(mine.mask, theirs.mask)
    assert Cache(tmp_path / "cache").root.is_dir()


def test_who_reads_which_cases(cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, cache = cohort.cases, tmp_path / "cache"
    alone = tuple((case,) for case in cases)
    assert by_reader(cases, CONFIG, None, 1) == ((), alone)
    for case in cases[1:]:
        prepared_sizes(case, CONFIG, cache, True)
    assert by_reader(cases, CONFIG, cache, 1) == (cases[1:], alone[:1])
    assert by_reader(cases, CONFIG, cache, 2) == ((), (cases[:1], cases[1:]))
    monkeypatch.setattr(prepare, "READ_BYTES", 1)
    assert by_reader(cases, CONFIG, cache, 2) == ((), alone)
    monkeypatch.setattr(prepare, "READ_HERE_BYTES", 1)
    assert by_reader(cases, CONFIG, cache, 1) == ((), alone)


def test_an_entry_that_was_damaged_meanwhile_is_prepared_by_the_task_that_reads(
    connected: None, cohort: Cohort, tmp_path: Path
) -> None:
    first = prepare_on_ray(cohort, CONFIG, tmp_path / "cache")
    broken = next((tmp_path / "cache").rglob("*.lsprep"))
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")
    second = prepare_on_ray(cohort, CONFIG, tmp_path / "cache")
    assert second.from_cache == 3
    for part in ("train", "validation"):
        np.testing.assert_array_equal(first.pack(part, 32).image, second.pack(part, 32).image)


def test_what_is_wrong_with_a_scan_arrives_as_itself(connected: None, cohort: Cohort) -> None:
    path = cohort.part("train")[0].files.image
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="N1"):
        prepare_on_ray(cohort, CONFIG, None)


def test_the_cohort_tells_pseudonyms_and_counts_only(cohort: Cohort) -> None:
    facts = cohort.facts()
    assert facts == {"cases": 5, "slices": 40, "tumour_free": 0, "skipped": []}
    assert all(uid.startswith("case-") for uid in cohort.case_map())
    known = cohort.case_facts()
    assert known.keys() == cohort.case_map().keys()
    assert all(one.keys() == {"slices", "spacing_mm", "liver_ml", "tumour_ml"} for one in known.values())
    assert all(one["slices"] == 8 and one["tumour_ml"] > 0 for one in known.values())
    assert "volume" not in str(facts) + str(cohort.split.as_dict())


def test_the_fingerprint_of_the_data_changes_with_any_file(cohort: Cohort, tmp_path: Path) -> None:
    path = cohort.part("train")[0].files.mask
    path.write_bytes(path.read_bytes() + b"\0")
    again = load_cohort(load_spec(str(tmp_path / "spec.yaml")).spec, threads=1)
    assert again.fingerprint != cohort.fingerprint and again.split.fingerprint == cohort.split.fingerprint


def test_validation_scans_are_kept_to_be_looked_at_once_and_never_test_scans(
    connected: None, cohort: Cohort, tmp_path: Path
) -> None:
    folder = SweepFolder(tmp_path / "runs" / "a")
    folder.path.mkdir(parents=True)
    prepared = prepare_on_ray(cohort, CONFIG, None)
    names = [case.uid for case in cohort.part("validation")]
    assert write_scans(prepared, folder) == []
    assert sorted(path.name for path in folder.overlays.iterdir()) == sorted(f"{name}.npz" for name in names)
    assert all(folder.scan(name) is not None for name in names)
    written = {path: path.stat().st_mtime_ns for path in folder.overlays.iterdir()}
    assert write_scans(prepared, folder) == []
    assert {path: path.stat().st_mtime_ns for path in folder.overlays.iterdir()} == written


def test_a_scan_that_cannot_be_read_again_is_told_of_and_stops_nothing(
    connected: None, cohort: Cohort, tmp_path: Path
) -> None:
    folder = SweepFolder(tmp_path / "runs" / "a")
    folder.path.mkdir(parents=True)
    prepared = prepare_on_ray(cohort, CONFIG, None)
    gone = cohort.part("validation")[0]
    gone.files.image.unlink()
    (problem,) = write_scans(prepared, folder)
    assert gone.uid in problem and str(gone.files.image) not in problem
    assert folder.scan(gone.uid) is None


def test_scans_are_not_written_through_a_link_that_leads_out(connected: None, cohort: Cohort, tmp_path: Path) -> None:
    folder, outside = SweepFolder(tmp_path / "runs" / "a"), tmp_path / "outside"
    folder.path.mkdir(parents=True)
    outside.mkdir()
    folder.overlays.symlink_to(outside)
    with pytest.raises(ResultsError, match="leads out"):
        write_scans(prepare_on_ray(cohort, CONFIG, None), folder)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "data", "store", "expected"),
    [("auto", 75, 100, False), ("auto", 76, 100, True), ("always", 0, 100, True), ("never", 500, 100, False)],
)
def test_cases_are_streamed_when_they_do_not_fit(asked: str, data: int, store: int, expected: bool) -> None:
    assert streams(asked, data, store) is expected


def test_a_fold_without_a_slice_to_train_on_is_refused_before_any_trial(connected: None, cohort: Cohort) -> None:
    for case in cohort.part("train"):
        image, mask = nibabel.load(case.files.mask), case.files.mask
        nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), mask)
    with pytest.raises(ConfigError, match="no slice is left to train on"):
        prepare_on_ray(cohort, CONFIG, None)
