"""S2, S3, S7 and S8 on one real sweep: scans named after patients, an environment full of secrets, pickles everywhere."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import stat
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from liverseg.errors import TrainingError
from liverseg.training.weights import load_best
from results.records import TrialRecord
from results.sweep_folder import SweepFolder
from tests.promises.canaries import (
    BAD_FILE,
    FILE,
    HEADER_CANARIES,
    NAME_CANARIES,
    SECRET,
    SECRET_NAME,
    files_with,
    is_in,
    secret_environment,
    write_scans,
)
from tests.promises.commands import COMMANDS, OTHERS, named, refusal
from tests.promises.commands import said as speak
from tests.promises.ledgers import snapshot
from tests.promises.traps import Trap, plant
from tests.sweeps.cli_runs import Result, liversweep, ray_processes_of

pytestmark = pytest.mark.ray

SPEC = """\
name: small
data:
  root: scans
  layout: pairs
  images: "*/*-ct.nii.gz"
  masks: "*/*-labels.nii.gz"
  patient: '_(\\d+)-'
  split: {test: 0, validation: 0.4}
search:
  trials: 2
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 2, size: 32}
cluster: {cpus: 1}
"""


@dataclass(frozen=True)
class Place:
    """The folder in which the sweep was run, with what the commands said."""

    folder: Path
    run: Result
    wall_s: float = 0.0

    @property
    def sweep(self) -> Path:
        return self.folder / "runs" / "small"

    def command(self, *words: str) -> Result:
        """Run the command as the sweep was run: with all secrets in its environment."""
        return liversweep(*words, cwd=self.folder, HOME=str(self.folder / "home"), **secret_environment())

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        return SweepFolder(self.sweep).read().trials


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A finished sweep of two trials on four scans; a damaged scan and one without a mask were left out on request."""
    folder = tmp_path_factory.mktemp("one_sweep")
    write_scans(folder / "scans")
    (folder / "home").mkdir()
    (folder / "spec.yaml").write_text(SPEC)
    place = Place(folder, Result(-1, "", ""))
    began = time.monotonic()
    result = place.command("run", "spec.yaml", "--skip-bad", "--plain")
    place = Place(folder, result, time.monotonic() - began)
    assert place.run.code == 0, place.run.err
    assert [trial.state for trial in place.trials] == ["finished", "finished"]
    assert ray_processes_of(folder) == []
    return place


@pytest.fixture(scope="module")
def said(place: Place) -> dict[str, Result]:
    """What every command that reads the sweep says, `run` included."""
    words = {" ".join(command): place.command(*named(command, "small")) for command in COMMANDS}
    assert all(result.code == 0 for result in words.values()), words
    return {"run": place.run} | words


def test_where_the_time_went_adds_up_to_the_wall(place: Place) -> None:
    """Driver and workers measured it on their own; ledger, command and the test's own clock say how long it was in all."""
    found = json.loads(place.command("show", "small", "--time", "--json").out)
    parts = {name: part["seconds"] for name, part in found["parts"].items()}
    assert all(seconds > 0 for seconds in parts.values()), parts
    assert found["runs_not_told"] == 0 and found["not_told_s"] < 0.05 * found["wall_s"]
    assert abs(sum(parts.values()) - found["wall_s"]) < 0.05 * found["wall_s"]
    events = [json.loads(line) for line in (place.sweep / "ledger.jsonl").read_bytes().splitlines()]
    ready = next(event for event in events if event["event"] == "ready")
    last, first = (datetime.fromisoformat(event["time"]) for event in (events[-1], ready))
    recorded = ready["seconds"] + (last - first).total_seconds() + found["after_the_ledger_s"]
    assert abs(sum(parts.values()) - recorded) < 0.05 * recorded
    assert found["after_the_ledger_s"] > 0 and set(found["preparation_s"]) >= {"start", "checks", "cluster", "scans"}
    assert abs(recorded - place.wall_s) < 0.05 * place.wall_s
    report = (place.sweep / "report" / "report.html").read_text()
    assert "Where the time went" in report and "wall time of the sweep (" in report


def test_s02_no_command_is_forgotten() -> None:
    """Every command that takes a sweep's name is tried below, or is known to read nothing of it."""
    from sweeps.cli.app import app

    with_name = {
        str(item.name)
        for item in app.registered_commands
        if item.callback and {"name", "names"} & set(item.callback.__annotations__)
    }
    assert with_name - OTHERS == {command[0] for command in COMMANDS} - {"list"}


def test_s02_planted_pickles_are_never_loaded(place: Place, said: dict[str, Result], tmp_path: Path) -> None:
    sweep, marker = tmp_path / "runs" / "small", tmp_path / "executed"
    shutil.copytree(place.sweep, sweep)
    trap = Trap(marker)
    planted = plant(trap, sweep)
    assert len(planted) > 120 and all(path.is_file() for path in planted)
    for command in COMMANDS:
        call = liversweep if command[0] == "resume" else speak
        result, before = call(*named(command, "small"), cwd=tmp_path), said[" ".join(command)]
        assert (result.code, result.out) == (before.code, before.out), (command, result.err)
        assert not marker.exists(), command
    assert {path: path.is_file() for path in planted} == dict.fromkeys(planted, True)


def cut_off(place: Place, folder: Path) -> str:
    """A copy of the sweep below `folder` as if its driver had died in the second trial's second epoch; that trial's name."""
    sweep, uid = folder / "runs" / "small", place.trials[1].uid
    shutil.copytree(place.sweep, sweep)
    lines = (sweep / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    end = next(n for n, event in enumerate(events, 1) if event["event"] == "checkpoint" and event["uid"] == uid)
    (sweep / "ledger.jsonl").write_bytes(b"".join(lines[:end]))
    (sweep / "trials" / uid / "final.json").unlink()
    return uid


def test_s02_nor_by_a_resume_that_goes_on_training(place: Place, tmp_path: Path) -> None:
    """Whatever state the trial left is a pickle now."""
    cut_off(place, tmp_path)
    sweep, marker = tmp_path / "runs" / "small", tmp_path / "executed"
    plant(Trap(marker), sweep)
    result = liversweep("resume", "small", cwd=tmp_path)
    assert result.code == 0, result.err
    assert [trial.state for trial in SweepFolder(sweep).read().trials] == ["finished", "finished"]
    assert not marker.exists() and ray_processes_of(tmp_path) == []


def test_s05_a_resume_trains_through_no_link(place: Place, tmp_path: Path) -> None:
    uid = cut_off(place, tmp_path)
    for name in (f"trials/{uid}/log.txt", f"trials/{uid}/state", f"trials/{uid}", "trials", "tune"):
        path, away = tmp_path / "runs" / "small" / name, tmp_path / "away"
        path.rename(away)
        path.symlink_to(away)
        before = snapshot(tmp_path)
        assert "leads out" in refusal(speak("resume", "small", cwd=tmp_path)), name
        assert snapshot(tmp_path) == before
        path.unlink()
        away.rename(path)


def test_s02_the_planted_pickles_are_live(tmp_path: Path) -> None:
    """Each kind of trap goes off in the hands of the reader that it is made for: the test above could fail."""
    from ray.tune.utils.serialization import TuneFunctionDecoder

    marker = tmp_path / "executed"
    trap = Trap(marker)
    (tmp_path / "a.npz").write_bytes(trap.arrays(("case",)))
    (tmp_path / "a.npy").write_bytes(trap.array)
    readers = {
        "pickle": lambda: pickle.loads(trap.pickled),
        "npy": lambda: np.load(tmp_path / "a.npy", allow_pickle=True),
        "npz": lambda: np.load(tmp_path / "a.npz", allow_pickle=True)["case"],
        "tune": lambda: json.loads(trap.tune_json, cls=TuneFunctionDecoder, allow_cloudpickle=True),
    }
    for name, read in readers.items():
        read()
        assert marker.exists(), name
        marker.unlink()


def test_s03_a_model_is_json_and_arrays_and_is_rebuilt_from_code(place: Place, tmp_path: Path) -> None:
    for trial in place.trials:
        folder = tmp_path / trial.uid
        shutil.copytree(place.sweep / "trials" / trial.uid / "checkpoint", folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {".json", ".npz"}
        for path in files:
            if path.suffix == ".json":
                assert json.loads(path.read_bytes())["schema_version"]
                continue
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype.kind in "biuf" for name in arrays.files) and arrays.files
        model = load_best(folder)
        assert type(model).__module__.split(".")[0] == "keras"
        assert model.count_params() == trial.cost.parameters


def test_s03_a_model_with_pickled_arrays_is_refused_unopened(place: Place, tmp_path: Path) -> None:
    """Even where every digest has been made to fit."""
    uid, marker = place.trials[0].uid, tmp_path / "executed"
    shutil.copytree(place.sweep / "trials" / uid / "checkpoint", tmp_path / "model")
    state = tmp_path / "model" / "state.json"
    evil = Trap(marker).arrays(("w0000",))
    new = hashlib.sha256(evil).hexdigest()
    for path in (tmp_path / "model").glob("*.npz"):
        old = hashlib.sha256(path.read_bytes()).hexdigest()
        assert old in state.read_text()
        state.write_text(state.read_text().replace(old, new))
        path.write_bytes(evil)
        path.rename(path.with_name(path.name.replace(old[:16], new[:16])))
    with pytest.raises(TrainingError, match="cannot be used"):
        load_best(tmp_path / "model")
    assert not marker.exists()


def test_s07_no_secret_of_the_environment_is_written_or_said(place: Place, said: dict[str, Result]) -> None:
    for word in (SECRET, SECRET_NAME):
        assert files_with(place.folder, word) == []
        assert [name for name, result in said.items() if word in result.out + result.err] == []


def test_s08_no_word_of_a_scans_header_is_written_or_said(place: Place, said: dict[str, Result]) -> None:
    checked = [place.command("data", "check", "scans", *SCAN_PATTERNS, *more) for more in ((), ("--json",))]
    spoken = "".join(result.out + result.err for result in (*said.values(), *checked))
    assert FILE in spoken, "`data check` tells its user which files it means"
    for word in HEADER_CANARIES:
        assert [name for name in files_with(place.folder, word) if not name.startswith("scans/")] == []
        assert word.lower() not in spoken.lower(), word


SCAN_PATTERNS = ("--layout", "pairs", "--images", "*/*-ct.nii.gz", "--masks", "*/*-labels.nii.gz")


def test_s08_names_of_scans_are_in_the_private_map_alone(place: Place, said: dict[str, Result]) -> None:
    for word in NAME_CANARIES:
        known = ["runs/small/private/cases.json"] if word != BAD_FILE else []
        assert [name for name in files_with(place.folder, word) if not name.startswith("scans/")] == known, word
        assert [name for name, result in said.items() if word in result.out + result.err] == [], word
    private = place.sweep / "private"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE((private / "cases.json").stat().st_mode) == 0o600
    assert "left out a case" in place.run.err


def test_s08_where_the_scans_lie_is_known_to_the_resolved_spec_alone(place: Place) -> None:
    """A resume needs the folder. Its name is the user's choice and no report's business."""
    assert files_with(place.sweep, str(place.folder / "scans")) == ["private/cases.json", "resolved.json"]


def test_s08_a_scan_behind_the_canaries_is_found_by_the_search(place: Place) -> None:
    """The search sees what it must not find elsewhere: in names, in headers, in gzip, in arrays, in tables."""
    for word in (*HEADER_CANARIES, *NAME_CANARIES):
        assert files_with(place.folder / "scans", word), word
    arrays = place.folder / "scans" / "found.npz"
    np.savez_compressed(arrays, case=np.array(["x" + FILE]))
    assert "found.npz" in files_with(place.folder / "scans", FILE) and not is_in(FILE, arrays.read_bytes())
    arrays.unlink()


def test_the_second_trial_trains_the_network_that_the_first_has_compiled(place: Place) -> None:
    logs = [(place.sweep / "trials" / trial.uid / "log.txt").read_text() for trial in place.trials]
    assert ["network: built" in log for log in logs] == [True, False]
    assert "network: compiled before, reset for training 2 in this process" in logs[1]
