"""Sweeps on disk: listed, even when one of them is damaged; pictures are read without trust."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

from results.errors import LedgerError, LockedError
from results.lock import SweepLock
from results.pictures import read_pictures
from results.storage import write_atomic
from results.sweep_folder import SweepFolder, list_sweeps
from tests.results.eventful_ledger import eventful
from tests.results.ledger_factory import realistic, suggested_payload, uid_of


def test_sweeps_are_listed_newest_first_and_a_damaged_one_hides_nothing(tmp_path: Path) -> None:
    realistic(30, cases=2, epochs=2).write(tmp_path / "done")
    realistic(5, cases=2, epochs=2, close=False).write(tmp_path / "cut")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "ledger.jsonl").write_bytes(b"{}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    found = {listing.name: listing for listing in list_sweeps(tmp_path)}
    assert set(found) == {"done", "cut", "bad"}
    done = found["done"]
    assert (done.state, done.ended, done.trials, done.failed) == ("finished", 30, 30, 5)
    assert done.best_trial
    assert done.best == SweepFolder(tmp_path / "done").read().trial(done.best_trial).metric("val_dice")
    assert found["cut"].state == "interrupted"
    assert found["bad"].state == "unreadable"
    assert "line 1" in found["bad"].problem
    with SweepLock(SweepFolder(tmp_path / "cut").lock):
        assert next(item for item in list_sweeps(tmp_path) if item.name == "cut").state == "running"


@pytest.mark.parametrize(
    ("reason", "state"),
    [("finished", "finished"), ("interrupted", "interrupted"), ("disk", "disk full"), ("failed", "failed")],
)
def test_a_sweep_is_listed_as_it_was_closed(tmp_path: Path, reason: str, state: str) -> None:
    ledger = realistic(2, cases=2, epochs=2, close=False)
    ledger.add("closed", reason=reason)
    ledger.write(tmp_path / "s")
    (listing,) = list_sweeps(tmp_path)
    assert (listing.state, listing.progress) == (state, "2/2")


def test_what_is_left_to_do_is_listed(tmp_path: Path) -> None:
    eventful().write(tmp_path / "s")
    (listing,) = list_sweeps(tmp_path)
    assert (listing.begun, listing.stopped, listing.queued) == (0, 1, 1)
    assert listing.progress == "16/18, 2 to continue"
    with SweepLock(SweepFolder(tmp_path / "s").lock):
        (listing,) = list_sweeps(tmp_path)
    assert listing.progress == "16/18, 2 queued"


def test_a_trial_whose_driver_died_is_to_be_continued(tmp_path: Path) -> None:
    ledger = realistic(2, cases=2, epochs=2, close=False)
    ledger.add("extended", trials=5)
    for number in (2, 3):
        ledger.add("suggested", **suggested_payload(number, "unet", np.random.default_rng(0)))
    ledger.add("started", uid=uid_of(2), attempt=1, epoch=0)
    ledger.write(tmp_path / "s")
    (listing,) = list_sweeps(tmp_path)
    assert listing.progress == "2/5, 2 to continue"
    with SweepLock(SweepFolder(tmp_path / "s").lock):
        (listing,) = list_sweeps(tmp_path)
    assert listing.progress == "2/5, 1 running, 1 queued"


def test_no_folder_is_no_sweeps(tmp_path: Path) -> None:
    assert list_sweeps(tmp_path / "none") == ()


def write_pictures(path: Path, **changes: np.ndarray) -> None:
    plane = np.zeros((2, 8, 9), np.uint8)
    arrays = {
        "schema_version": np.array(1),
        "case": np.array(["case-a", "case-b"]),
        "slice": np.array([3, 4]),
        "image": plane,
        "reference": plane,
        "prediction": plane,
    }
    np.savez_compressed(path, **(arrays | changes))  # type: ignore[arg-type]


def test_pictures_are_read_and_found(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures.npz")
    pictures = read_pictures(tmp_path / "pictures.npz")
    assert pictures is not None
    assert pictures.case == ("case-a", "case-b")
    assert pictures.find("case-b", 4) == 1
    assert pictures.find("case-b", 3) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": np.array(2)},
        {"image": np.zeros((2, 8, 8), np.uint8)},
        {"image": np.zeros((2, 8, 9), np.int16)},
        {"case": np.array(["only one"])},
        {name: np.zeros((8, 9), np.uint8) for name in ("image", "reference", "prediction")},
    ],
)
def test_pictures_that_do_not_fit_are_no_pictures(tmp_path: Path, changes: dict[str, np.ndarray]) -> None:
    write_pictures(tmp_path / "p.npz", **changes)
    assert read_pictures(tmp_path / "p.npz") is None


class Trap:
    """Leaves a marker when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return subprocess.call, (["touch", str(self.marker)],)


def test_s02_planted_pickles_are_not_executed(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    trap = np.array([Trap(marker)], dtype=object)
    write_pictures(tmp_path / "p.npz", case=trap)
    assert read_pictures(tmp_path / "p.npz") is None
    (tmp_path / "q.npz").write_bytes(pickle.dumps(Trap(marker)))
    assert read_pictures(tmp_path / "q.npz") is None
    assert not marker.exists()


def test_a_truncated_or_missing_file_is_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    assert read_pictures(path) is None
    write_pictures(path)
    data = path.read_bytes()
    for size in range(0, len(data), 37):
        path.write_bytes(data[:size])
        assert read_pictures(path) is None


def test_a_failed_atomic_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    write_atomic(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("kind", [LedgerError, LockedError])
def test_errors_say_everything_and_survive_pickling(kind: type[LedgerError]) -> None:
    error = kind("it is broken", where="ledger.jsonl", got=3, allowed="1 or 2", next_step="mend it")
    text = "ledger.jsonl: it is broken; got 3; allowed: 1 or 2; mend it"
    assert str(error) == text
    assert str(pickle.loads(pickle.dumps(error))) == text
    assert pickle.loads(pickle.dumps(LedgerError("x", line=4))).line == 4
