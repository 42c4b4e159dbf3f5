"""The sweep as an Optuna storage: read back, every trial is the ledger's; and the real optuna-dashboard shows it."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
import urllib.request
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
import pytest

import sweeps.study_rows
from results.errors import ResultsError
from results.records import Sweep, TrialRecord
from sweeps.dashboard import export_sweep
from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from tests.crash.processes import eventually
from tests.promises.commands import refusal, said
from tests.promises.hostile import HOSTILE, ledger_of
from tests.results.eventful_ledger import eventful
from tests.results.ledger_factory import (
    FakeLedger,
    finished_payload,
    realistic,
    suggested_payload,
    sweep_payload,
    uid_of,
)
from tests.sweeps import in_process

STATES = {
    "finished": "COMPLETE",
    "pruned": "PRUNED",
    "failed": "FAIL",
    "running": "RUNNING",
    "queued": "WAITING",
    "stopped": "WAITING",
}


def loaded(path: Path) -> dict[str, optuna.Study]:
    """The studies of a file as Optuna reads them."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    return {name: optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)}


def check(study: optuna.Study, sweep: Sweep, trials: list[TrialRecord]) -> None:
    """Every trial is there, in order, with all that the ledger says of it."""
    found = study.get_trials(deepcopy=False)
    assert [trial.user_attrs["uid"] for trial in found] == [trial.uid for trial in trials]
    assert [item.name.lower() for item in study.directions] == [item.direction for item in sweep.sweep.objectives]
    assert study.metric_names == [item.metric for item in sweep.sweep.objectives]
    for kept, trial in zip(found, trials, strict=True):
        values = [trial.metric(item.metric) for item in sweep.sweep.objectives]
        scored = trial.state in ("finished", "pruned") and not any(map(math.isnan, values))
        expected = "FAIL" if trial.state == "finished" and not scored else STATES[trial.state]
        assert kept.state.name == expected and kept.user_attrs["state"] == trial.state
        assert kept.values == (values if scored else None)
        for label, value in kept.params.items():
            name = label.removeprefix(f"{trial.architecture}.")
            assert value == (trial.architecture if name == "architecture" else trial.parameters[name])
        curve = trial.epoch_values(sweep.sweep.objective.metric)
        assert kept.intermediate_values == {n: value for n, value in enumerate(curve, 1) if not math.isnan(value)}
        assert kept.datetime_start == moment(trial.started or trial.suggested)
        assert kept.datetime_complete == (moment(trial.ended) if kept.state.is_finished() else None)
        assert kept.user_attrs["seed"] == trial.seed and kept.user_attrs["fold"] == trial.fold
        assert kept.user_attrs.get("replicate of", "") == trial.replicate_of
        assert kept.user_attrs.get("failure", "") == trial.failure
        assert kept.user_attrs.get("message", "") == trial.message
        known = {name: value for name, value in trial.metrics.items() if not math.isnan(value)}
        assert {name: kept.user_attrs[name] for name in known} == known


def moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.removesuffix("Z"))


def check_all(folder: SweepFolder) -> dict[str, optuna.Study]:
    sweep, studies = folder.read(), loaded(export_sweep(folder).path)
    architectures = {trial.architecture for trial in sweep.trials}
    name = folder.name
    assert set(studies) == {name, *(f"{name} / {item}" for item in architectures if len(sweep.sweep.architectures) > 1)}
    check(studies[name], sweep, list(sweep.trials))
    for item in architectures if len(studies) > 1 else ():
        check(studies[f"{name} / {item}"], sweep, [trial for trial in sweep.trials if trial.architecture == item])
    return studies


@pytest.mark.parametrize("ledger", [realistic(26, epochs=4), eventful()], ids=["realistic", "eventful"])
def test_every_trial_is_read_back_as_the_ledger_has_it(tmp_path: Path, ledger: FakeLedger) -> None:
    ledger.write(tmp_path / "a")
    check_all(SweepFolder(tmp_path / "a"))


def test_spaces_are_those_of_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process.install(monkeypatch)
    space = "{learning_rate: {log: [1.0e-5, 1.0e-2]}, batch_size: [8, 16], loss: [ce, dice_ce]}"
    architectures = "{unet: {base_filters: [4, 8]}, segnet: {base_filters: 4}}"
    folder = in_process.run(tmp_path, trials=6, space=space, architectures=architectures)
    in_process.extend(folder, trials=2, space={"space": {"learning_rate": {"log": [1e-6, 1e-3]}, "batch_size": [32]}})
    studies = check_all(folder)
    assert export_sweep(folder).problem == ""
    first = studies["a"].trials[0].distributions
    assert first["learning_rate"] == optuna.distributions.FloatDistribution(1e-6, 1e-2, log=True)
    assert first["batch_size"] == optuna.distributions.CategoricalDistribution([8, 16, 32])
    assert first["architecture"] == optuna.distributions.CategoricalDistribution(["unet", "segnet"])
    names = {name for trial in studies["a"].trials for name in trial.params}
    assert "unet.base_filters" in names and "segnet.base_filters" not in names, "only what was searched"
    assert "base_filters" in studies["a / unet"].trials[0].params
    assert optuna.importance.get_param_importances(
        studies["a"], evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )


def test_several_objectives_keep_their_directions(tmp_path: Path) -> None:
    rng, ledger = np.random.default_rng(2), FakeLedger()
    objective = [{"metric": "val_dice", "direction": "maximize"}, {"metric": "gflops", "direction": "minimize"}]
    ledger.add("sweep", **sweep_payload(4, objective=objective, architectures=["unet"]))
    for number in range(4):
        ledger.add("suggested", **suggested_payload(number, "unet", rng))
        ledger.add("finished" if number else "pruned", **finished_payload(uid_of(number), "unet", rng, epochs=4))
    ledger.write(tmp_path / "a")
    (study,) = check_all(SweepFolder(tmp_path / "a")).values()
    assert len(study.best_trials) >= 1


def test_both_ways_of_writing_give_the_same_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Optuna whose tables are of another version gets the trials through its own methods."""
    eventful().write(tmp_path / "a")
    folder = SweepFolder(tmp_path / "a")

    def told() -> dict[str, Any]:
        studies = loaded(export_sweep(folder).path)
        hidden = ("_trial_id",)
        return {
            name: [{key: value for key, value in vars(trial).items() if key not in hidden} for trial in study.trials]
            for name, study in studies.items()
        }

    quick = told()
    monkeypatch.setattr(sweeps.study_rows, "SCHEMA", "another")
    assert told() == quick and len(quick) > 1


def test_the_same_ledger_gives_the_same_bytes_and_an_older_file_is_replaced(tmp_path: Path) -> None:
    realistic(8, epochs=3).write(tmp_path / "a")
    folder = SweepFolder(tmp_path / "a")
    first = export_sweep(folder).path.read_bytes()
    assert export_sweep(folder, tmp_path / "b.db").path.read_bytes() == first
    realistic(9, epochs=3).write(tmp_path / "a")
    assert len(loaded(export_sweep(folder).path)["a"].trials) == 9
    assert sorted(path.name for path in folder.path.iterdir()) == ["ledger.jsonl", "optuna.db"]


def test_a_file_that_is_no_database_is_never_replaced(tmp_path: Path) -> None:
    realistic(3, epochs=2).write(tmp_path / "a")
    folder = SweepFolder(tmp_path / "a")
    before = folder.ledger.read_bytes()
    with pytest.raises(UsageError, match="no SQLite file"):
        export_sweep(folder, folder.ledger)
    assert folder.ledger.read_bytes() == before
    with pytest.raises(UsageError, match="folder is not there"):
        export_sweep(folder, tmp_path / "none" / "x.db")
    (tmp_path / "out.db").write_bytes(b"")
    (folder.path / "optuna.db").symlink_to(tmp_path / "out.db")
    with pytest.raises(ResultsError, match="leads out"):
        export_sweep(folder)


def test_hostile_words_are_only_text(tmp_path: Path) -> None:
    ledger_of(HOSTILE).write(tmp_path / "runs" / "a")
    result = said("dashboard", "a", "--json", cwd=tmp_path)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["studies"][0]["name"] == "a" and len(document["studies"]) > 15
    studies = loaded(tmp_path / document["path"])
    assert len(studies["a"].trials) == len(HOSTILE)
    words = json.dumps([[trial.params, trial.user_attrs] for trial in studies["a"].trials], ensure_ascii=False)
    assert "<script>" in words and "\\u001b" not in words and "\x1b" not in words and "\u202e" not in words


def test_the_command_says_what_to_type_next(tmp_path: Path) -> None:
    realistic(5, epochs=2).write(tmp_path / "runs" / "a")
    result = said("dashboard", "a", cwd=tmp_path)
    assert result.code == 0 and result.out == "runs/a/optuna.db\n"
    assert "optuna-dashboard sqlite:///runs/a/optuna.db" in result.err
    assert "no sweep" in refusal(said("dashboard", "nobody", cwd=tmp_path))


@pytest.mark.skipif(find_spec("optuna_dashboard") is None, reason="needs the extra `dashboard`")
def test_the_real_dashboard_shows_it_on_this_machine_only(tmp_path: Path) -> None:
    realistic(12, epochs=4).write(tmp_path / "runs" / "a")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["dashboard", "a", "--serve", "--port", str(port)]
    code = "from sweeps.cli import main; import sys; sys.argv[0] = 'liversweep'; main()"
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}", *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def get(path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            assert process.poll() is None
            return None

    try:
        studies = eventually(lambda: get("/api/studies"))["study_summaries"]
        assert {study["study_name"] for study in studies} >= {"a", "a / unet"}
        (whole,) = (study["study_id"] for study in studies if study["study_name"] == "a")
        detail = get(f"/api/studies/{whole}")
        assert len(detail["trials"]) == 12 and {trial["state"] for trial in detail["trials"]} == {
            "Complete",
            "Pruned",
            "Fail",
        }
        assert get(f"/api/studies/{whole}/param_importances")["param_importances"][0]
        listening = [
            item for item in psutil.Process(process.pid).net_connections() if item.status == psutil.CONN_LISTEN
        ]
        assert [item.laddr.ip for item in listening] == ["127.0.0.1"]
    finally:
        process.terminate()
        process.wait(timeout=30)
