"""A sweep's folder and the first line of its ledger: whole or not there at all, and fit to be shown to others."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from results.fold import fold
from results.ledger import read_events
from sweeps import creation
from sweeps.cohort import Cohort
from sweeps.creation import Source, create_sweep, portable, sweep_payload
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from sweeps.provenance import code_hash
from sweeps.spec import Spec, spec_from_resolved
from tests.crash.fake_command import no_scans
from tests.sweeps.in_process import spec_of

COHORT: Cohort = no_scans(None, None)  # type: ignore[arg-type]
INHERITED = {
    "source": "old",
    "uid": "t0000-00000000",
    "number": 0,
    "stage": "search",
    "architecture": "unet",
    "parameters": {"learning_rate": 0.001},
    "state": "finished",
    "values": [0.5],
    "epochs": 3,
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creation, "environment", lambda folder, worker: {"schema_version": 1, "worker": dict(worker)})
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "runs" / "a")


def create(folder: SweepFolder, spec: Spec, **more: Any) -> None:
    create_sweep(folder, spec, Source("name: a\n"), COHORT, {"val_dice": float("nan")}, **more)


def test_the_folder_holds_all_that_is_known_before_the_first_trial(tmp_path: Path, folder: SweepFolder) -> None:
    spec = spec_of(tmp_path)
    create(folder, spec)
    names = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*")}
    assert names == {
        "env.json",
        "ledger.jsonl",
        "private",
        "private/cases.json",
        "resolved.json",
        "sweep.yaml",
        "trials",
    }
    assert folder.file("sweep.yaml").read_text() == "name: a\n"
    assert spec_from_resolved(json.loads(folder.file("resolved.json").read_text())) == spec
    assert stat.S_IMODE(folder.case_map.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.case_map.parent.stat().st_mode) == 0o700
    sweep = fold(read_events(folder.ledger)).sweep
    assert (sweep.name, sweep.trials, sweep.architectures) == ("a", 4, ("unet", "segnet"))
    assert sweep.hashes["code"] == code_hash(sweep.code) == code_hash()
    assert sweep.parents == () and sweep.inherited == ()


def test_the_ledger_alone_says_what_the_experiment_is(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, more="cluster: {cpus: 2}\nprepare: {cache: secret-place}")
    payload = sweep_payload("a", spec, COHORT, {})
    text = json.dumps(payload)
    assert str(tmp_path) not in text and "secret-place" not in text and "cluster" not in payload["spec"]
    again = spec_from_resolved({**payload["spec"], "data": {**payload["spec"]["data"], "root": spec.data.root}})
    assert again.search == spec.search and again.train == spec.train and again.keep == spec.keep
    assert list(payload["spec"]["search"]["architectures"]) == ["unet", "segnet"], "their order is that of the trials"


def test_portable_leaves_what_it_was_given_as_it_is(tmp_path: Path) -> None:
    plain = spec_of(tmp_path).resolved()
    before = json.dumps(plain)
    kept = portable(plain)
    kept["search"]["trials"] = 99
    assert json.dumps(plain) == before


def test_a_fork_begins_with_its_parents_and_what_they_found(tmp_path: Path, folder: SweepFolder) -> None:
    create(folder, spec_of(tmp_path), parents=[{"name": "old", "trials": 1}], inherited=[INHERITED])
    assert [event.name for event in read_events(folder.ledger)] == ["sweep", "inherited"]
    sweep = fold(read_events(folder.ledger)).sweep
    assert [(parent.name, parent.trials) for parent in sweep.parents] == [("old", 1)]
    assert sweep.inherited[0].values == (0.5,) and sweep.trials == 4


STEPS = ("_fill", "sweep_payload", "sync_folder", "_launch")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OSError("no room"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_nothing(
    tmp_path: Path, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(creation, step, fail)
    with pytest.raises(type(error)):
        create(folder, spec_of(tmp_path))
    assert list(folder.path.parent.iterdir()) == []


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_driver_that_is_killed_half_way_leaves_no_sweep_and_bars_nobodys_way(
    tmp_path: Path, folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(*_: Any) -> None:
        os._exit(9)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(creation, step, die)
        # In a container the next driver may have the very same pid.
        monkeypatch.setattr(os, "getpid", lambda: 1)
        create(folder, spec_of(tmp_path))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = list(folder.path.parent.iterdir())
    assert [path.name[:2] for path in left] == [".a"]
    from results.sweep_folder import list_sweeps

    assert list_sweeps(folder.path.parent) == ()
    with pytest.raises(UsageError, match="no sweep"):
        SweepFolder.newest(folder.path.parent)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    create(folder, spec_of(tmp_path))
    assert SweepFolder.newest(folder.path.parent).path == folder.path


def test_a_name_that_was_taken_in_the_meantime_stays_with_its_owner(tmp_path: Path, folder: SweepFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.ledger.write_text("somebody's\n")
    with pytest.raises(UsageError, match="made in the meantime"):
        create(folder, spec_of(tmp_path))
    assert folder.ledger.read_text() == "somebody's\n" and list(folder.path.parent.iterdir()) == [folder.path]
