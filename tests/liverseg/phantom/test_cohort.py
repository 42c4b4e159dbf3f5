from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from liverseg.errors import DataError
from liverseg.phantom import PhantomConfig, PhantomFacts, make_case, write_cohort

CONFIG = PhantomConfig(cases=2, matrix_px=(40, 40), slices=(12, 12))


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_pairs_have_lits_names_and_hold_the_case(tmp_path: Path) -> None:
    seen: list[PhantomFacts] = []
    volumes = write_cohort(tmp_path / "new" / "cohort", CONFIG, seen.append)
    assert [path.name for path in volumes] == ["volume-0.nii.gz", "volume-1.nii.gz"]
    assert [facts.index for facts in seen] == [0, 1]
    case = make_case(CONFIG, 1)
    image, mask = nib.load(volumes[1]), nib.load(volumes[1].with_name("segmentation-1.nii.gz"))
    assert (image.get_data_dtype(), mask.get_data_dtype()) == (np.int16, np.uint8)
    assert np.array_equal(np.asarray(image.dataobj), case.image)
    assert np.array_equal(np.asarray(mask.dataobj), case.mask)
    assert np.array_equal(image.affine, case.affine)
    assert np.array_equal(mask.affine, case.affine)


def test_same_seed_same_bytes_and_other_seed_other_bytes(tmp_path: Path) -> None:
    write_cohort(tmp_path / "a", CONFIG)
    write_cohort(tmp_path / "b", CONFIG)
    write_cohort(tmp_path / "c", replace(CONFIG, seed=8))
    a, b, c = (_digests(tmp_path / name) for name in "abc")
    assert a == b
    assert len(a) == 5
    assert a.keys() == c.keys()
    assert not set(a.values()) & set(c.values())


def test_files_carry_no_time_and_no_name(tmp_path: Path) -> None:
    for volume in write_cohort(tmp_path, CONFIG):
        head = volume.read_bytes()[:10]
        assert head[:3] == b"\x1f\x8b\x08"
        assert head[3] == 0
        assert head[4:8] == b"\0\0\0\0"


def test_facts_are_written_beside_the_scans(tmp_path: Path) -> None:
    write_cohort(tmp_path, CONFIG)
    document = json.loads((tmp_path / "phantom.json").read_text())
    assert document["schema_version"] == 1
    assert document["complete"] is True
    assert document["config"]["seed"] == 7
    assert [case["index"] for case in document["cases"]] == [0, 1]


def test_a_folder_with_scans_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "volume-0.nii").write_bytes(b"precious")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="already holds NIfTI") as caught:
            write_cohort(tmp_path, CONFIG, overwrite=overwrite)
        assert caught.value.next_step
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_overwrite_replaces_an_earlier_cohort_only(tmp_path: Path) -> None:
    write_cohort(tmp_path, replace(CONFIG, cases=3))
    with pytest.raises(DataError, match="overwriting"):
        write_cohort(tmp_path, CONFIG)
    write_cohort(tmp_path, CONFIG, overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("volume-*")) == ["volume-0.nii.gz", "volume-1.nii.gz"]


def test_a_failure_midway_leaves_whole_files_and_says_that_it_is_incomplete(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(facts: PhantomFacts) -> None:
        raise Stop

    with pytest.raises(Stop):
        write_cohort(tmp_path, CONFIG, stop)
    assert sorted(_digests(tmp_path)) == ["phantom.json", "segmentation-0.nii.gz", "volume-0.nii.gz"]
    assert json.loads((tmp_path / "phantom.json").read_text())["complete"] is False
    write_cohort(tmp_path, CONFIG, overwrite=True)
    assert len(_digests(tmp_path)) == 5


def test_a_file_in_the_way_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError):
            write_cohort(place, CONFIG)
