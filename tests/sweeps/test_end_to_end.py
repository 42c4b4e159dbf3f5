"""The installed command from generated scans to reports: real Ray, real Keras, real NIfTI files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from liverseg.config import LABELS
from liverseg.inference.predict import score_pack
from liverseg.metrics import summarise
from liverseg.phantom import PhantomConfig, write_cohort
from liverseg.preprocess import Cache, Pack, WindowParams, load_or_prepare, pack
from liverseg.training.weights import load_best, read_best
from results.ledger import read_events
from results.sweep_folder import SweepFolder
from results.tables import architecture_table
from sweeps.cohort import load_cohort
from sweeps.spec import load_spec
from sweeps.workplace import prepare_config
from tests.crash.processes import eventually
from tests.sweeps.cli_runs import COMMAND, Result, liversweep, ray_processes_of

pytestmark = pytest.mark.ray

CANARY = "SMITH_JOHN_1961"
SPEC = """\
name: small
data:
  root: scans
  layout: pairs
  images: "*-ct.nii.gz"
  masks: "*-labels.nii.gz"
  split: {test: 0.2, validation: 0.4, seed: 1}
search:
  trials: 2
  sampler: random
  space:
    learning_rate: {log: [1.0e-3, 1.0e-2]}
    window: [liver, fingerprint]
  architectures:
    encoder_decoder: {base_filters: 4}
    unet: {base_filters: 4}
train: {epochs: 2, size: 32, loss: dice_ce, augment_flip: 0.5, augment_rotate_deg: 10}
"""
STAGED = """\
name: staged
data: {root: scans, layout: pairs, images: "*-ct.nii.gz", masks: "*-labels.nii.gz",
       split: {test: 0.2, folds: 2, seed: 1}}
search:
  sampler: grid
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 1, size: 32, learning_rate: 3.0e-3}
stages:
  - {name: batch-size, space: {batch_size: [8, 16]}}
  - {name: rate, space: {learning_rate: [1.0e-2]}}
"""


@dataclass(frozen=True)
class Place:
    folder: Path
    first: Result
    staged: Result

    @property
    def small(self) -> Path:
        return self.folder / "runs" / "small"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One folder in which a sweep was run, and then a staged one on the same scans."""
    folder = tmp_path_factory.mktemp("end_to_end")
    made = folder / "made"
    write_cohort(made, PhantomConfig(cases=5, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,)))
    scans = folder / "scans"
    scans.mkdir()
    for index in range(5):
        shutil.move(made / f"volume-{index}.nii.gz", scans / f"{CANARY}_{index}-ct.nii.gz")
        shutil.move(made / f"segmentation-{index}.nii.gz", scans / f"{CANARY}_{index}-labels.nii.gz")
    shutil.rmtree(made)
    (folder / "small.yaml").write_text(SPEC)
    (folder / "staged.yaml").write_text(STAGED)
    first = liversweep("run", "small.yaml", cwd=folder)
    return Place(folder, first, liversweep("run", "staged.yaml", "--json", cwd=folder))


def test_the_run_ends_well_and_prints_the_ranked_table_on_stdout(place: Place) -> None:
    assert place.first.code == 0, place.first.err
    for words in ("Architectures", "(all background)", "encoder_decoder", "unet", "Split fingerprint"):
        assert words in place.first.out
    assert "[2/2]" in place.first.err and "Traceback" not in place.first.err


def test_every_trial_is_in_the_ledger_with_its_scores(place: Place) -> None:
    events = read_events(place.small / "ledger.jsonl")
    names = [event.name for event in events]
    assert names[0] == "sweep" and names[-1] == "closed"
    assert names.count("suggested") == names.count("started") == names.count("finished") == 2
    finished = [event.payload for event in events if event.name == "finished"]
    assert all(len(payload["cases"]) == 2 for payload in finished)
    facts = events[0].payload["case_facts"]
    assert facts.keys() == events[0].payload["cases"].keys()
    assert {case for payload in finished for case, *_ in payload["cases"]} <= facts.keys()
    assert all(min(one["spacing_mm"]) > 0 and one["slices"] > 0 for one in facts.values())
    assert {payload["cost"]["parameters"] > 1000 for payload in finished} == {True}


def test_the_folder_of_a_trial_holds_what_is_promised(place: Place) -> None:
    trials = sorted((place.small / "trials").iterdir())
    assert len(trials) == 2
    for trial in trials:
        have = {path.name for path in trial.iterdir()}
        promised = {
            "params.json",
            "history.csv",
            "final.json",
            "cases.parquet",
            "checkpoint",
            "log.txt",
            "pictures.npz",
            "overlays.npz",
        }
        assert promised <= have
        assert len((trial / "history.csv").read_text().splitlines()) == 3


def test_scans_are_kept_once_and_every_trial_has_its_labels_on_them(place: Place) -> None:
    folder, sweep = SweepFolder(place.small), SweepFolder(place.small).read()
    files = {path.stem for path in folder.overlays.iterdir()}
    assert len(files) == 2 and files == {case.case for trial in sweep.trials for case in trial.cases}
    for case in files:
        scan = folder.scan(case)
        assert scan is not None and 50 < scan.image.mean() < 200 and (scan.reference == 1).any()
        # Liver is as bright as it is: the scan lies below its mask, not beside it.
        assert 120 < np.median(scan.image[scan.reference == 1]) < 190
        for trial in sweep.trials:
            prediction = folder.predictions(trial.uid, [case])[case]
            dice = next(score.dice_liver for score in trial.cases if score.case == case)
            assert prediction.grid == scan.grid
            assert ((prediction.labels > 0) & (scan.reference > 0)).any() == (dice > 0)
    page = (place.small / "report" / "report.html").read_text()
    assert page.count('class="viewer"') == 2 and "no slices were kept" not in page


def test_the_reports_are_there_and_name_no_patient(place: Place) -> None:
    report = place.small / "report"
    assert {"report.html", "report.md", "report.json", "trials.csv"} <= {path.name for path in report.iterdir()}
    private = place.small / "private" / "cases.json"
    assert CANARY in private.read_text() and stat.S_IMODE(private.stat().st_mode) == 0o600
    for path in place.small.rglob("*"):
        if path.is_file() and path != private:
            assert CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in place.first.out + place.first.err


def validation_pack(place: Place) -> Pack:
    """The validation patients of the sweep, from its own cache."""
    spec = load_spec(str(place.folder / "small.yaml")).spec
    cohort, cache = load_cohort(spec, threads=1), Cache(place.folder / "cache")
    cases = [
        load_or_prepare(case.uid, case.patient, case.files.image, case.files.mask, prepare_config(spec), cache=cache)
        for case in cohort.part("validation")
    ]
    assert cache.counts.misses == 0
    return pack([case[32] for case in cases], training=False)


def test_a_network_rebuilt_from_the_kept_checkpoint_gives_the_score_that_ranks(place: Place) -> None:
    finished = [event for event in read_events(place.small / "ledger.jsonl") if event.name == "finished"]
    scans = validation_pack(place)
    assert max(event.payload["metrics"]["val_dice"] for event in finished) > 0.05, "nothing learned, nothing compared"
    for event in finished:
        folder = place.small / "trials" / event.payload["uid"] / "checkpoint"
        values, _ = read_best(folder)
        network = load_best(folder)
        scored = score_pack(network.predict_on_batch, scans, WindowParams(**values["window"]), LABELS, batch_size=8)
        ranked = event.payload["metrics"]["val_dice"]
        assert values["epoch"] == event.payload["best_epoch"]
        assert summarise(scored.cases, LABELS)["val_dice"] == pytest.approx(ranked, rel=1e-2)
        assert values["metrics"]["val_dice"] == pytest.approx(ranked)
        assert network.count_params() == event.payload["cost"]["parameters"]


def test_a_second_sweep_on_the_same_scans_prepares_nothing(place: Place) -> None:
    assert "(0 from the cache)" in place.first.err
    assert "prepared 4 scans once for all trials (4 from the cache)" in place.staged.err


def test_stages_follow_each_other_and_start_from_the_best(place: Place) -> None:
    assert place.staged.code == 0, place.staged.err
    events = read_events(place.folder / "runs" / "staged" / "ledger.jsonl")
    suggested = [event.payload for event in events if event.name == "suggested"]
    assert [item["stage"] for item in suggested] == ["batch-size", "batch-size", "rate", suggested[-1]["stage"]]
    assert [item["number"] for item in suggested if item.get("replicate_of")] == [3]
    scores = {
        event.payload["uid"]: event.payload["metrics"]["val_dice"] for event in events if event.name == "finished"
    }
    best = max(suggested[:2], key=lambda item: scores[item["uid"]])
    assert suggested[2]["parameters"]["batch_size"] == best["parameters"]["batch_size"]
    assert suggested[2]["parameters"]["learning_rate"] == 0.01


def test_every_patient_outside_the_test_part_is_scored_by_a_network_that_never_saw_it(place: Place) -> None:
    sweep = SweepFolder(place.folder / "runs" / "staged").read()
    split = sweep.sweep.split
    assert len(split.folds) == 2
    repeated = next(trial for trial in sweep.trials if trial.replicate_of)
    first = sweep.trial(repeated.replicate_of)
    scored = [{case.patient for case in trial.cases} for trial in (first, repeated)]
    assert scored == [set(fold.validation) for fold in split.folds]
    assert not scored[0] & scored[1]
    assert not (scored[0] | scored[1]) & set(split.test)
    assert all(not set(fold.train) & set(fold.validation) for fold in split.folds)
    row = architecture_table(sweep).iloc[0]
    assert (row["trainings"], row["n_patients"]) == (2, 4)
    dice = {case.patient: case.dice_liver for trial in (first, repeated) for case in trial.cases}
    assert row["dice_liver_mean"] == pytest.approx(sum(dice.values()) / 4)


def test_one_factor_tables_are_on_screen_with_stages_and_on_request(place: Place) -> None:
    staged = liversweep("show", "staged", cwd=place.folder).out
    assert "batch_size" in staged and "learning_rate" in staged and "average" in staged
    assert "average" not in liversweep("show", "small", cwd=place.folder).out
    assert "average" in liversweep("show", "small", "--factors", cwd=place.folder).out


def test_json_is_one_document_on_stdout(place: Place) -> None:
    document = json.loads(place.staged.out)
    assert document["schema_version"] == 1


def test_list_show_and_report_read_the_ledger_alone(place: Place) -> None:
    shutil.rmtree(place.small / "tune")
    listed = json.loads(liversweep("list", "--json", cwd=place.folder).out)
    assert {item["name"]: item["state"] for item in listed["sweeps"]} == {"small": "finished", "staged": "finished"}
    shown = liversweep("show", "small", cwd=place.folder)
    assert shown.code == 0 and shown.out == place.first.out
    trial = json.loads(liversweep("show", "small", "--trial", "t0000", cwd=place.folder).out)
    assert trial["uid"].startswith("t0000-") and len(trial["history"]["epoch"]) == 2
    before = {path.name: path.read_bytes() for path in (place.small / "report").iterdir()}
    assert liversweep("report", "small", cwd=place.folder).code == 0
    assert {path.name: path.read_bytes() for path in (place.small / "report").iterdir()} == before


def test_a_planted_pickle_is_never_opened(place: Place) -> None:
    """Ray leaves pickles in its own folder; nothing of ours reads them."""
    marker = place.folder / "executed"
    payload = b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
    for path in (place.small / "tuner.pkl", place.small / "trials" / "searcher.pkl"):
        path.write_bytes(payload)
    assert liversweep("show", "small", cwd=place.folder).code == 0
    assert not marker.exists()


def test_nothing_is_left_running(place: Place) -> None:
    assert ray_processes_of(place.folder) == []


def test_trials_past_their_deadline_fail_as_timeouts_and_the_sweep_ends_with_3(place: Place) -> None:
    changes = ("--set", "trial.deadline=0.001", "--set", "search.trials=2", "--name", "late")
    late = liversweep("run", "small.yaml", *changes, cwd=place.folder)
    assert late.code == 3, late.err
    events = read_events(place.folder / "runs" / "late" / "ledger.jsonl")
    assert events[0].payload["name"] == "late"
    assert [event.payload["kind"] for event in events if event.name == "failed"] == ["timeout", "timeout"]
    assert "timeout" in late.err and "Traceback" not in late.err
    assert ray_processes_of(place.folder) == []


def lay_aside(place: Place, folder: Path) -> Path:
    """A copy of the finished sweep below `folder`, on the same scans: what is opened here stays locked there."""
    (folder / "scans").symlink_to(place.folder / "scans")
    return Path(shutil.copytree(place.small, folder / "runs" / "small"))


def test_an_opening_of_the_test_patients_survives_a_kill_and_is_one_opening(place: Place, tmp_path: Path) -> None:
    sweep = lay_aside(place, tmp_path)
    ledger = sweep / "ledger.jsonl"
    data = ("--data", "scans")
    environment = os.environ | {"LIVERSWEEP_CACHE": str(tmp_path / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        [str(COMMAND), "test", "small", *data], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
    ) as first:
        eventually(lambda: first.poll() is not None or read_events(ledger)[-1].name == "opened")
        first.kill()
        assert first.wait() == -signal.SIGKILL
    eventually(lambda: ray_processes_of(tmp_path) == [])
    done = liversweep("test", "small", *data, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "going on with opening 1: 0 of 2 trials are scored" in done.err and "prepared 1 test scans" in done.err
    events = [event for event in read_events(ledger) if event.name in ("opened", "tested")]
    assert [event.name for event in events] == ["opened", "tested", "tested"]
    (patient,) = read_events(ledger)[0].payload["split"]["test"]
    assert {row[1] for event in events[1:] for row in event.payload["cases"]} == {patient}
    assert all(event.payload["metrics"]["n_patients"] == 1 and event.scores for event in events[1:])
    document = json.loads(done.out)
    assert document["opening"] == 1 and len(document["tables"]["held-out"]) == 4
    assert "opened once" in (sweep / "report" / "report.md").read_text()
    second = liversweep("test", "small", *data, cwd=tmp_path)
    assert second.code == 2 and "--again --note WHY" in second.err and "Traceback" not in second.err
    assert ray_processes_of(tmp_path) == []


def test_the_plan_trains_nothing_and_states_the_cost(place: Place) -> None:
    plan = liversweep("plan", "small.yaml", "--json", cwd=place.folder)
    assert plan.code == 0, plan.err
    document = json.loads(plan.out)
    slices = document["slices"]["train"] + document["slices"]["validation"]
    pixels = slices * 3 * 32 * 32
    assert document["trials"] == 2 and pixels < document["store_bytes"] < 2 * pixels
    assert all(row["seconds_per_trial"] > 0 and row["memory_mb"] > 50 for row in document["architectures"])
    assert not (place.folder / "runs" / "plan").exists()
