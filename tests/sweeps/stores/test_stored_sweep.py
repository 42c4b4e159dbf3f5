"""Sweeps in a store, inside this process: what is in the store is enough to go on from on any machine."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sweeps.resume
import sweeps.run
from results.errors import LockedError
from results.ledger import read_events
from results.store.location import open_store
from results.store.objects import Store
from sweeps import trial_files
from sweeps.cli.app import app
from sweeps.engine import Outcome
from sweeps.errors import UsageError
from sweeps.executor.scratch import scratch_root
from sweeps.extend import Extension
from sweeps.folder import SweepFolder, listings
from sweeps.fork import Fork, fork_sweep
from sweeps.spec import load_spec
from sweeps.stores.store_ferry import StoreFerry
from sweeps.stores.stored_runs import StoredRuns
from tests.s3_server import S3Server, s3_server  # noqa: F401
from tests.sweeps.in_process import Killed, Machine, Notes, install, search_of, spec_file
from tests.sweeps.in_process import run as run_plain

EPOCHS, TRIALS = 3, 4


class Place:
    """A folder of sweeps in a store, and machines that work on it, each with a cache of its own."""

    def __init__(self, uri: str, root: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs, self.root, self.machine, self._patch = StoredRuns(uri), root, machine, monkeypatch
        self.log = root / "epochs.txt"
        self.log.touch()
        monkeypatch.setenv("FAKE_LOG", str(self.log))
        monkeypatch.setattr(tempfile, "tempdir", str(root))
        self.at("first")

    def at(self, machine: str) -> None:
        """From now on this is another machine."""
        self._patch.setenv("LIVERSWEEP_CACHE", str(self.root / machine))

    def run(self, **values: Any) -> tuple[SweepFolder, Outcome, list[str]]:
        loaded = load_spec(spec_file(self.root, trials=TRIALS, epochs=EPOCHS, **values))
        folder, notes = self.runs.named(loaded.spec.name), Notes()
        return folder, sweeps.run.run_sweep(loaded, folder, notes), notes.lines

    def resume(self, **asked: Any) -> tuple[SweepFolder, Outcome, list[str]]:
        folder, notes = self.runs.existing("a"), Notes()
        outcome = sweeps.resume.resume_sweep(folder, notes, **asked)
        return outcome.folder, outcome, notes.lines

    @property
    def store(self) -> Store:
        return open_store(f"{self.runs.uri}/a")

    def kept(self) -> set[str]:
        return {item.key for item in self.store.list()}

    def epochs(self) -> Counter[str]:
        return Counter(self.log.read_text().splitlines())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A store in a folder, which takes less time than a bucket."""
    yield from whole(Place((tmp_path / "stores").as_uri(), tmp_path, install(monkeypatch), monkeypatch))


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:  # noqa: F811
    yield from whole(Place(f"{s3_server.new_bucket()}/runs", tmp_path, install(monkeypatch), monkeypatch))


def whole(place: Place) -> Iterator[Place]:
    yield place
    root = scratch_root()
    assert not root.exists() or not [path for path in root.iterdir() if path.is_dir()], "scratch folders were left"


def test_a_sweep_in_a_store_is_the_same_sweep(bucket: Place, tmp_path: Path) -> None:
    place = bucket
    folder, outcome, _ = place.run()
    assert outcome.failures == 0 and not outcome.disk_message
    plain = run_plain(tmp_path / "plain", trials=TRIALS, epochs=EPOCHS)
    assert search_of(folder) == search_of(plain)
    kept = {path.relative_to(plain.path).as_posix() for path in plain.path.rglob("*") if path.is_file()}
    here_only = {"lock", "ledger.jsonl", "private/cases.json"}
    kept = {name for name in kept if name not in here_only and not name.endswith("/heartbeat")}
    assert {name for name in place.kept() if name.split("/")[0] not in ("ledger", "lease")} == kept
    assert folder.case_map.stat().st_mode & 0o777 == 0o600


def test_the_ledger_of_another_machine_is_byte_for_byte_that_of_the_driver(place: Place) -> None:
    folder, _, _ = place.run()
    place.at("second")
    other = place.runs.existing("a")
    assert other.path != folder.path and other.ledger.read_bytes() == folder.ledger.read_bytes()
    assert [event.seq for event in read_events(other.ledger)] == list(range(1, len(read_events(folder.ledger)) + 1))


@pytest.mark.parametrize("epochs_to_live", [1, 8])
def test_r01_to_r03_a_lost_machine_takes_nothing_with_it(place: Place, epochs_to_live: int, tmp_path: Path) -> None:
    place.machine.epochs_to_live = epochs_to_live
    with pytest.raises(Killed):
        place.run()
    shutil.rmtree(tmp_path / "first")
    place.at("second")
    place.machine.epochs_to_live = None
    folder, outcome, _ = place.resume()
    assert outcome.failures == 0
    assert search_of(folder) == search_of(run_plain(tmp_path / "plain", trials=TRIALS, epochs=EPOCHS))
    # What was reported was in the store: not one epoch was trained twice, but by the plain sweep.
    assert set(place.epochs().values()) == {2} and len(place.epochs()) == TRIALS * EPOCHS
    assert folder.case_map.exists(), "the map is made anew from the scans"


def test_an_end_that_the_driver_did_not_live_to_note_is_adopted_from_the_store(place: Place, tmp_path: Path) -> None:
    place.machine.epochs_to_live = EPOCHS - 1
    with pytest.raises(Killed):
        place.run()
    assert "trials" in {key.split("/")[0] for key in place.kept()}
    uid = next(key.split("/")[1] for key in place.kept() if key.endswith(trial_files.FINAL))
    shutil.rmtree(tmp_path / "first")
    place.at("second")
    place.machine.epochs_to_live = None
    folder, _, lines = place.resume()
    assert "1 of them ended unnoticed" in lines[0]
    assert folder.read().trial(uid).attempts <= 1


def test_r09_a_second_driver_is_refused_at_once_and_told_of_the_first(place: Place) -> None:
    folder, _, _ = place.run()
    with folder.driving():
        place.at("second")
        began = time.monotonic()
        with pytest.raises(LockedError, match="process"):
            place.resume()
        assert time.monotonic() - began < 2.0
        with pytest.raises(LockedError, match="process"), place.runs.existing("a").to_drive().driving():
            pass


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    place.run()
    with pytest.raises(UsageError, match="exists"):
        place.runs.named("a")
    with pytest.raises(UsageError, match="known: a"):
        place.runs.existing("b")


def test_a_crash_while_a_sweep_is_made_leaves_no_sweep(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr("sweeps.stores.store_ferry.publish_ledger", crash)
    with pytest.raises(Killed):
        place.run()
    assert place.runs.names() == [] and listings(place.runs) == ()
    monkeypatch.undo()


def test_retention_empties_the_store_too(place: Place) -> None:
    folder, outcome, _ = place.run(more="keep: {best: 1}", architectures="{unet: {base_filters: 4}}")
    released = {event.payload["uid"] for event in read_events(folder.ledger) if event.name == "released"}
    with_weights = {key.split("/")[1] for key in place.kept() if "/checkpoint/" in key or "/state/" in key}
    trials = {trial.uid for trial in folder.read().trials}
    assert not outcome.disk_message and len(trials) == TRIALS
    assert len(with_weights) == 1 and with_weights | released == trials and not with_weights & released


def test_where_the_map_of_patients_lies(place: Place) -> None:
    place.run()
    assert not [key for key in place.kept() if "private" in key or "cases.json" in key]


def test_a_store_that_does_not_answer_ends_the_sweep_as_a_full_disk_does(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of a store that is not there, without the wait for it."""
    from results.errors import StoreError

    sent: list[str] = []
    theirs = StoreFerry.send

    def refused(store: Store, key: str, data: bytes) -> None:
        sent.append(key)
        if len(sent) > 40:
            raise StoreError("the store cannot be reached", where=store.uri)
        put(store, key, data)

    put = Store.put
    monkeypatch.setattr(Store, "put", refused)
    _, outcome, _ = place.run()
    assert theirs is StoreFerry.send
    assert outcome.failures == 0
    assert "the store cannot be used" in outcome.disk_message and "resume a --runs file://" in outcome.disk_message
    monkeypatch.setattr(Store, "put", put)
    place.at("second")
    folder, outcome, _ = place.resume()
    assert not outcome.disk_message and {trial.state for trial in folder.read().trials} == {"finished"}
    assert max(place.epochs().values()) <= 2


def liversweep(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command writes on stdout."""
    app(list(arguments), standalone_mode=False)
    return capsys.readouterr().out


def test_commands_take_the_uri_of_a_store(bucket: Place, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _, _ = bucket.run()
    bucket.at("second")
    runs = ("--runs", bucket.runs.uri)
    (line,) = json.loads(liversweep(capsys, "list", "--json", *runs))["sweeps"]
    assert (line["name"], line["state"], line["ended"]) == ("a", "finished", TRIALS)
    shown = liversweep(capsys, "show", "a", *runs)
    assert shown == liversweep(capsys, "show", f"{bucket.runs.uri}/a") and "4 of 4 trials have ended" in shown
    standing = json.loads(liversweep(capsys, "watch", "a", "--once", "--json", *runs))
    assert (standing["state"], standing["ended"]) == ("finished", TRIALS)
    uid = folder.read().trials[0].uid
    trial = json.loads(liversweep(capsys, "show", "a", "--trial", uid, *runs))
    assert "epoch 1" in Path(trial["log"]).read_text()
    liversweep(capsys, "report", "a", "--format", "markdown", *runs)
    assert "report/report.md" in bucket.kept(), "everybody sees the report"
    with pytest.raises(UsageError, match="not running"):
        liversweep(capsys, "stop", "a", *runs)


@pytest.mark.parametrize("uri", ["az://a/b", "s3://", "s3://key:secret@bucket/x", "file:relative"])
def test_what_is_no_store_is_a_mistake_of_the_user(uri: str) -> None:
    with pytest.raises(UsageError, match=r"bucket|URI") as caught:
        StoredRuns.of(uri)
    assert caught.value.exit_code == 2 and "secret" not in str(caught.value)


def test_a_sweep_is_extended_and_forked_on_other_machines(place: Place) -> None:
    place.run()
    place.at("second")
    folder, outcome, _ = place.resume(change=Extension(trials=1, epochs=EPOCHS + 1, best=1))
    assert outcome.failures == 0
    (longer,) = [trial for trial in folder.read().trials if trial.continues]
    assert longer.epochs == EPOCHS + 1 and len(folder.read().trials) == TRIALS + 2
    place.at("third")
    target = place.runs.named("c")
    outcome = fork_sweep([place.runs.existing("a")], target, Fork(name="c", trials=2), Notes())
    assert outcome.failures == 0
    place.at("fourth")
    forked = place.runs.existing("c").read()
    assert len(forked.trials) == 2 and len(forked.sweep.inherited) == TRIALS + 1


def test_the_list_of_a_store(place: Place) -> None:
    assert listings(place.runs) == ()
    place.run()
    place.run(name="b")
    place.at("second")
    found = listings(place.runs)
    assert {item.name for item in found} == {"a", "b"}
    assert {item.state for item in found} == {"finished"} and {item.progress for item in found} == {
        f"{TRIALS}/{TRIALS}"
    }
    assert place.runs.newest().name == "b"
    assert SweepFolder.existing(f"{place.runs.uri}/b", Path("runs")).name == "b"
    assert json.loads(place.store.get("resolved.json"))["name"] == "a"
