"""Folders of masks scored by several processes: the same result, and Ray only where there is enough to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps.mask_pairs
from cluster.config import LocalConfig
from liverseg.metrics.evaluate import AS_THEY_ARE, Evaluation, evaluate, find_pairs
from liverseg.metrics.evaluation_document import as_document
from liverseg.volume import write_nifti
from sweeps.fleet import Answer, Fleet, WorkerDied
from sweeps.mask_pairs import PairSettings, evaluate_pairs

SETTINGS = PairSettings(2.0, AS_THEY_ARE)
TWO = Fleet(where=LocalConfig(cpus=2))


def folders(root: Path, count: int = 5) -> tuple[Path, Path]:
    """Predictions and references; the third prediction is cut short, and the last reference has no prediction."""
    for index in range(count):
        labels = np.zeros((30, 30, 8), np.uint8)
        labels[5:20, 6:22, 1:7] = 1
        labels[8:12, 10:14, 2:5] = 2
        for folder, shift in (("mine", index), ("truth", 0)):
            (root / folder).mkdir(exist_ok=True)
            moved = np.asfortranarray(np.roll(labels, shift, axis=0))
            write_nifti(root / folder / f"{index}.nii.gz", moved, np.diag([0.8, 0.8, 3.0, 1.0]))
    cut = root / "mine" / "2.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-20])
    (root / "mine" / f"{count - 1}.nii.gz").unlink()
    return root / "mine", root / "truth"


def text(found: Evaluation) -> str:
    return json.dumps(as_document(found))


@pytest.mark.ray
def test_the_result_of_several_processes_is_that_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, problems = find_pairs(*folders(tmp_path))
    here = evaluate(pairs, problems=problems)
    assert [problem.rule for problem in here.problems] == ["D2", "N1"] and len(here.scores) == 3
    monkeypatch.setattr(sweeps.mask_pairs, "WORTH_BYTES", 0)
    calls: list[None] = []
    there = evaluate_pairs(pairs, SETTINGS, TWO, problems=problems, on_pair=lambda: calls.append(None))
    assert text(there) == text(here) and len(calls) == len(pairs)


@pytest.mark.parametrize(("worth", "local"), [(36_000, False), (36_001, True)])
def test_small_folders_stay_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worth: int, local: bool
) -> None:
    """Five references of 7,200 voxels each, one of which has no partner and one prediction that cannot be read."""
    pairs, problems = find_pairs(*folders(tmp_path, 6))
    asked: list[Fleet] = []
    monkeypatch.setattr(sweeps.mask_pairs, "WORTH_BYTES", worth)

    def work_through(jobs: Any, worker: str, settings: Any, fleet: Fleet) -> Any:
        from sweeps.fleet import work_through

        asked.append(fleet)
        yield from work_through(jobs, worker, settings, Fleet(local=True))

    monkeypatch.setattr(sweeps.mask_pairs, "work_through", work_through)
    found = evaluate_pairs(pairs, SETTINGS, TWO, problems=problems)
    assert asked[0].local is local and asked[0].memory_bytes > 3 * 10**8
    assert text(found) == text(evaluate(pairs, problems=problems))


def test_a_worker_that_dies_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, _ = find_pairs(*folders(tmp_path))

    def work_through(*_: Any) -> Any:
        yield Answer(0, error=WorkerDied("gone"))

    monkeypatch.setattr(sweeps.mask_pairs, "work_through", work_through)
    with pytest.raises(WorkerDied, match="gone"):
        evaluate_pairs(pairs, SETTINGS, TWO)
