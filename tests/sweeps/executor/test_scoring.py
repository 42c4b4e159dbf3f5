"""Scoring networks as Ray tasks: a trial that cannot be scored says why, and takes no other with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.config import LocalConfig, Slots
from cluster.local import local_ray
from sweeps.executor.scoring import Scored, ScoringJob, score_jobs

pytestmark = pytest.mark.ray
ME = f"{__name__}:score"


def score(folder: Path, scans: Any) -> Mapping[str, Any]:
    """Does what the folder's name says."""
    if folder.name == "raise":
        raise ValueError("a fault\nof two lines")
    if folder.name == "memory":
        raise MemoryError
    if folder.name == "die":
        os._exit(9)
    print(f"looking at {folder.name}")
    return {"metrics": {"test_dice": float(scans)}, "cases": [["a", "a", 0.5, None, False]]}


score.needs_backend = False  # type: ignore[attr-defined]


class Scans:
    """Stands for the prepared scans: a number a size."""

    def pack(self, part: str, size_px: int) -> float:
        assert part == "test"
        return {32: 0.25, 64: 0.75}[size_px]


@pytest.fixture(scope="module")
def connected() -> Iterator[None]:
    with local_ray(LocalConfig(cpus=2, object_store_bytes=80 * 2**20), environment={"PYTHONPATH": str(Path.cwd())}):
        yield


def job(root: Path, name: str, size_px: int = 32) -> ScoringJob:
    (root / "trials" / name).mkdir(parents=True)
    return ScoringJob(name, root / "trials" / name, root / name, size_px)


def scored(jobs: list[ScoringJob], **more: Any) -> dict[str, Scored]:
    return {found.uid: found for found in score_jobs(jobs, Scans(), Slots(2, 1, 0), scorer=ME, **more)}


def test_every_job_answers_for_itself(connected: None, tmp_path: Path) -> None:
    found = scored([job(tmp_path, name) for name in ("one", "raise", "memory", "die")] + [job(tmp_path, "two", 64)])
    assert {uid: item.record["metrics"]["test_dice"] for uid, item in found.items() if item.record} == {
        "one": 0.25,
        "two": 0.75,
    }
    messages = {uid: item.message for uid, item in found.items() if item.record is None}
    assert messages["raise"] == "ValueError: a fault of two lines"
    assert messages["memory"].startswith("the training ran out of memory; size 32")
    assert messages["die"].startswith("the worker died without a word")
    assert all("\n" not in message for message in messages.values())
    log = (tmp_path / "trials" / "raise" / "log.txt").read_text()
    assert "Traceback" in log and "a fault" in log
    log = (tmp_path / "trials" / "one" / "log.txt").read_text()
    assert "looking at one" in log and "scored on 1 test scans" in log


def test_who_looks_may_end_it(connected: None, tmp_path: Path) -> None:
    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored([job(tmp_path, "one")], look=look)
