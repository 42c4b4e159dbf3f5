from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liverseg.preprocess import PreparedCase
from liverseg.preprocess.case_file import map_case_file, write_case_file
from sweeps.executor.memory import MemoryGauge
from tests.liverseg.preprocess.test_pack import CASES, prepared


def check_same(one: Any, other: Any) -> None:
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype and not theirs.flags.writeable and theirs.flags.aligned
        elif field.name == "reference":
            check_same(mine, theirs)
        else:
            assert mine == theirs


@pytest.mark.parametrize("case", [*CASES, CASES[0].for_training(), CASES[1].for_training()])
def test_a_mapped_case_is_the_same(tmp_path: Path, case: PreparedCase) -> None:
    write_case_file(tmp_path / "a.case", case)
    check_same(case, map_case_file(tmp_path / "a.case"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.case"]


def test_a_mapped_case_outlives_its_file_and_is_no_memory_of_the_process(tmp_path: Path) -> None:
    case = prepared("a", 300, [], size=256)
    write_case_file(tmp_path / "a.case", case)
    expected = int(case.image.sum(dtype=np.int64)) + int(case.mask.sum(dtype=np.int64))
    size = case.nbytes
    mapped = map_case_file(tmp_path / "a.case")
    (tmp_path / "a.case").unlink()
    gauge = MemoryGauge()
    before = gauge.read_bytes()
    found = sum(int(one.sum(dtype=np.int64)) for one in mapped.image)
    found += sum(int(one.sum(dtype=np.int64)) for one in mapped.mask)
    grown = gauge.read_bytes() - before
    gauge.close()
    assert found == expected
    assert size > 58 * 10**6 and grown < 3 * 10**6


def test_what_is_no_complete_case_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.case"
    with pytest.raises(FileNotFoundError):
        map_case_file(path)
    write_case_file(path, CASES[0])
    whole = path.read_bytes()
    for spoilt in (
        b"",
        whole[:20],
        whole[: len(whole) // 2],
        b"X" + whole[1:],
        whole.replace(b'"schema_version":1', b'"schema_version":2'),
    ):
        path.write_bytes(spoilt)
        with pytest.raises(ValueError):
            map_case_file(path)
