"""How much object store prepared cases need, and how much a Ray of our own gets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from sweeps.spec import Spec, load_spec
from sweeps.workplace import StoreNeed, local_config, store_need
from tests.sweeps.big_cohort import big_cohort
from tests.sweeps.test_bad_input import SPEC

GB, MIB = 10**9, 2**20


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    (tmp_path / "scans").mkdir()
    (tmp_path / "spec.yaml").write_text(SPEC)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=100 * GB, available=50 * GB))
    return load_spec(str(tmp_path / "spec.yaml")).spec


def store(spec: Spec, data: float, largest: float = 0.1, **changes: object) -> float:
    changed = spec.model_copy(update={"prepare": spec.prepare.model_copy(update=changes)})
    found = local_config(changed, StoreNeed(int(data * GB), int(largest * GB))).object_store_bytes
    assert found is not None
    return found / GB


def test_cases_that_fit_get_their_room_and_a_third_more(spec: Spec) -> None:
    assert store(spec, 3.0) == pytest.approx(4.0)
    assert store(spec, 0.001) == 256 * MIB / GB
    assert store(spec, 22.0) == pytest.approx(29.33, abs=0.01)


def test_cases_that_are_streamed_only_pass_through(spec: Spec) -> None:
    assert store(spec, 23.0) == 5.0, "a twentieth of the memory"
    assert store(spec, 3.0, stream="always") == 5.0
    assert store(spec, 23.0, largest=2.0) == 8.0, "four of the largest"
    assert store(spec, 23.0, stream="never") == 30.0


def test_a_store_that_was_asked_for_is_taken(spec: Spec) -> None:
    asked = spec.model_copy(update={"cluster": spec.cluster.model_copy(update={"object_store_bytes": 7 * GB})})
    assert local_config(asked, StoreNeed(90 * GB, GB)).object_store_bytes == 7 * GB


def test_every_case_counts_once_whatever_the_folds(tmp_path: Path) -> None:
    one, five = (big_cohort(tmp_path, 64, [4] * 4, [8], folds=folds) for folds in (1, 5))
    pixels = 24 * 3 * 64 * 64
    mask = 2000  # four times 1 ml of liver in voxels of 2 mm3
    assert store_need(one, ("train", "validation"), (64,)) == StoreNeed(pixels + mask, 8 * 3 * 64 * 64 + mask)
    assert store_need(five, ("train", "validation"), (64,)).data_bytes == pixels + 5 * mask
    assert store_need(one, ("train", "validation"), (64, 128)).data_bytes == 5 * pixels + 2 * mask
    assert store_need(one, (), (64,)) == StoreNeed(0, 0)
