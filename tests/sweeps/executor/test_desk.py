"""Where a worker writes: nothing is told before it is in the store, and nothing stays behind."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from results.store.location import open_store
from results.store.objects import Store
from sweeps import trial_files
from sweeps.errors import SweepError
from sweeps.executor import desk, scratch
from sweeps.executor.desk import StoreDesk, carry_home, records_of
from sweeps.executor.scratch import remove_left_behind, scratch_root
from sweeps.stores.heartbeats import newest_attempts
from sweeps.stores.private_folder import private_folder
from tests.sweeps.executor.attempts import UID

WORKER = {"pid": 1, "attempt": 1}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    yield open_store((tmp_path / "store" / "a").as_uri())
    assert not [path for path in scratch_root().iterdir() if path.is_dir()], "scratch folders were left"


def begun(store: Store, attempt: int = 1, state: str | None = None) -> StoreDesk:
    found = StoreDesk(store.uri, UID, attempt)
    found.begin(state)
    trial_files.write_record(found.folder, trial_files.WORKER, {**WORKER, "attempt": attempt, **found.facts()})
    return found


def write(found: StoreDesk, *names: str, text: str = "x") -> None:
    for name in names:
        path = found.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def kept(store: Store) -> set[str]:
    return {item.key.removeprefix(f"trials/{UID}/") for item in store.list("trials")}


def test_each_file_goes_after_those_that_it_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[list[str]] = []
    push = desk.push
    monkeypatch.setattr(desk, "push", lambda folder, to, names: sent.append(sorted(names)) or push(folder, to, names))
    found = begun(store)
    write(found, "final.json", "latest.json", "state/0/state.json", "state/0/network-1.npz", "checkpoint/weights-1.npz")
    write(found, "checkpoint/state.json", "history.csv", "heartbeat", ".hidden")
    found.deliver()
    found.clear()
    assert sent == [
        ["checkpoint/weights-1.npz", "history.csv", "state/0/network-1.npz", "worker.json"],
        ["checkpoint/state.json"],
        ["latest.json"],
        ["state/0/state.json"],
        ["final.json"],
    ]


def test_only_what_has_changed_goes_and_what_is_gone_goes_there_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = begun(store)
    write(found, "state/0/network-1.npz", "state/0/state.json")
    found.deliver()
    (found.folder / "state/0/network-1.npz").unlink()
    write(found, "state/0/network-2.npz", "state/0/state.json", text="another")
    sent: list[str] = []
    push = desk.push
    monkeypatch.setattr(desk, "push", lambda folder, to, names: sent.extend(names) or push(folder, to, names))
    found.deliver()
    assert sent == ["state/0/network-2.npz", "state/0/state.json"]
    assert kept(store) == {"worker.json", "state/0/network-2.npz", "state/0/state.json"}
    found.clear()


def test_another_attempt_has_the_state_and_the_log_and_no_word_of_an_end(store: Store) -> None:
    first = begun(store)
    write(first, "state/0/state.json", "state/1/state.json", "log.txt", "failed.json", "history.csv", "params.json")
    first.deliver()
    first.clear()
    again = begun(store, 2, f"trials/{UID}/state/0")
    assert {"failed.json"} == {"failed.json", "history.csv", "params.json"} - kept(store)
    there = {path.relative_to(again.folder).as_posix() for path in again.folder.rglob("*.json")}
    assert there == {"state/0/state.json", "state/1/state.json", "worker.json"} | {
        path.relative_to(again.folder).as_posix() for path in again.folder.rglob(".mirror.json")
    }
    assert (again.folder / "log.txt").read_text() == "x"
    again.clear()
    anew = begun(store, 3)
    assert kept(store) <= {"log.txt", "params.json", "worker.json"}
    anew.clear()


def test_what_a_dead_worker_left_is_carried_home(store: Store) -> None:
    found = begun(store)
    found.deliver()
    write(found, "log.txt", "failed.json")
    worker = trial_files.read_record(found.folder, trial_files.WORKER)
    assert worker is not None
    os.close(found._owner)
    found._owner = -1
    assert not carry_home(store.uri, {**worker, "attempt": 2}, UID), "another attempt has begun"
    assert carry_home(store.uri, worker, UID) and kept(store) >= {"log.txt", "failed.json"}
    assert not found.sweep.exists() and not carry_home(store.uri, worker, UID)
    found.clear()


def test_nothing_is_taken_from_a_living_worker_nor_from_elsewhere(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "PATIENCE_S", 0.0)
    found = begun(store)
    worker = trial_files.read_record(found.folder, trial_files.WORKER)
    assert worker is not None
    assert not carry_home(store.uri, worker, UID) and found.sweep.exists()
    (tmp_path / "elsewhere").mkdir()
    assert not carry_home(store.uri, {**worker, "scratch": str(tmp_path / "elsewhere")}, UID)
    found.clear()


def test_folders_of_the_long_dead_are_removed_and_of_the_living_not(store: Store) -> None:
    living, dead, late = begun(store), begun(store, 2), begun(store, 3)
    for found in (living, dead):
        os.utime(found.sweep / ".owner", (0, 0))
    for found in (dead, late):
        fcntl.flock(found._owner, fcntl.LOCK_UN)
    remove_left_behind(scratch_root())
    assert living.sweep.exists() and late.sweep.exists() and not dead.sweep.exists()
    for found in (living, dead, late):
        found.clear()


def test_the_last_word_waits_for_nobody_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found, silent = begun(store), threading.Event()
    monkeypatch.setattr(desk, "LAST_WORD_S", 0.05)
    monkeypatch.setattr(desk, "push", lambda *_: silent.wait(30))
    write(found, "failed.json")
    found.last_word()
    assert "failed.json" not in kept(store)
    silent.set()
    found.clear()


def test_the_last_word_is_why(store: Store) -> None:
    found = begun(store)
    write(found, "failed.json", "log.txt", "latest.json")
    found.last_word()
    assert kept(store) == {"failed.json", "log.txt"}
    found.clear()


def test_records_of_a_trial_that_is_elsewhere(store: Store, tmp_path: Path) -> None:
    found = begun(store)
    found.deliver()
    with records_of(tmp_path / "no" / "such" / UID, store.uri) as trial:
        assert trial_files.read_record(trial, trial_files.WORKER) is not None
        trial_files.write_failure(trial, "timeout", "it stood still", epochs=0, seconds=1.0)
    assert b"it stood still" in store.get(f"trials/{UID}/failed.json")
    found.clear()


def test_the_newest_attempt_of_each() -> None:
    assert newest_attempts(["a.1", "a.10", "a.2", "b.c.3", "odd", ".4", "d.x"]) == {"a": 10, "b.c": 3}


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_private_folder_is_ones_own(store: Store, tmp_path: Path, kind: str) -> None:
    begun(store).clear()
    path = tmp_path / "mine"
    makers: dict[str, Any] = {"open": lambda: path.mkdir(mode=0o755), "link": lambda: path.symlink_to(tmp_path)}
    makers.get(kind, path.touch)()
    with pytest.raises(SweepError, match="yours alone"):
        private_folder(path)
    assert private_folder(tmp_path / "new") == private_folder(tmp_path / "new")
