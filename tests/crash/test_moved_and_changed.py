"""Promises R12 and R13: a sweep goes on wherever it lies, another experiment is refused, and a finished one is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from liverseg.phantom import PhantomConfig, write_cohort
from results.ledger import Ledger, read_events
from tests.crash.fake_command import write_spec
from tests.crash.processes import (
    FAKE_COMMAND,
    REAL_COMMAND,
    ROOT,
    Driver,
    events_of,
    eventually,
    no_process_left,
    sweep_of,
)
from tests.sweeps.faults import fault_code
from tests.sweeps.trees import tree

pytestmark = [pytest.mark.crash]

LOCK = frozenset({"lock"})
PACKAGES = ("cluster", "liverseg", "results", "sweeps", "tests")
PACKAGE_FILES = shutil.ignore_patterns("__pycache__", "*.pyc")


def has(folder: Path, name: str, sweep: str = "fake") -> bool:
    return any(event.name == name for event in events_of(folder, sweep))


def results_of(folder: Path) -> list[tuple[Any, ...]]:
    trials = sweep_of(folder).trials
    return [(item.number, item.uid, item.parameters, item.state, item.metrics, item.values) for item in trials]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep whose driver was killed half-way: one trial had ended, another one had a state. No scans."""
    folder = tmp_path_factory.mktemp("killed")
    write_spec(folder, trials=4, epochs=4, scheduler="none", cpus=1, root=folder / "scans")
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], folder, {"FAKE_PAUSE_S": "0.5"})
    eventually(lambda: len({event.payload["uid"] for event in events_of(folder) if event.name == "checkpoint"}) == 2)
    driver.kill()
    assert no_process_left(folder) and has(folder, "finished")
    return folder


@pytest.fixture
def copy(killed: Path, tmp_path: Path) -> Path:
    shutil.copytree(killed / "runs", tmp_path / "runs")
    return tmp_path


@pytest.fixture(scope="module")
def resumed(killed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three copies of it, each resumed to its end in another way, side by side; the folder above `runs` of each."""
    where = {name: tmp_path_factory.mktemp(name) for name in ("moved", "copied", "bare")}
    for folder in where.values():
        shutil.copytree(killed / "runs", folder / "runs")
    (where["bare"] / "runs/fake/resolved.json").unlink()
    strange = tmp_path_factory.mktemp("strange")
    (where["moved"] / "runs").rename(where["moved"] / "kept")
    scans = strange / "scans"
    scans.mkdir()
    drivers = [
        Driver(FAKE_COMMAND, ["resume", str(where["moved"] / "kept/fake"), "--plain"], strange),
        Driver(FAKE_COMMAND, ["resume", "fake", "--plain", "--set", "trial.deadline=1h"], where["copied"]),
        Driver(FAKE_COMMAND, ["resume", "fake", "--plain", "--data", str(scans)], where["bare"]),
    ]
    for driver in drivers:
        assert driver.wait() == 0, driver.text
        assert driver.text.startswith("fake: 1 kept (1 finished), 1 continued"), driver.text
    assert not (strange / "runs").exists(), "a path is a path, from wherever it is named"
    (where["moved"] / "kept").rename(where["moved"] / "runs")
    return where


@pytest.mark.ray
def test_r12_moved_or_copied_a_sweep_goes_on_to_the_same_end(killed: Path, resumed: dict[str, Path]) -> None:
    results = [results_of(folder) for folder in resumed.values()]
    assert results[0] == results[1] == results[2]
    assert [state for _, _, _, state, *_ in results[0]] == ["finished"] * 4
    before = {trial.uid: trial for trial in sweep_of(killed).trials if trial.state == "finished"}
    for folder in resumed.values():
        after = sweep_of(folder)
        assert all(after.trial(uid).metrics == trial.metrics for uid, trial in before.items())
        assert all(after.trial(uid).ended == trial.ended for uid, trial in before.items())


@pytest.mark.ray
def test_r12_limits_and_places_may_change_and_are_kept(resumed: dict[str, Path]) -> None:
    resolved = json.loads((resumed["copied"] / "runs/fake/resolved.json").read_text())
    assert resolved["trial"]["deadline"] in ("1h", 3600, 3600.0)
    found = json.loads((resumed["bare"] / "runs/fake/resolved.json").read_text())
    assert found["data"]["root"].endswith("/scans") and found["search"] == resolved["search"]


Edit = Callable[[dict[str, Any]], Any]
EDITS: dict[str, tuple[Edit, str]] = {
    "a bound of the space": (
        lambda spec: spec["search"]["space"].update(learning_rate={"log": [1e-5, 1e-1]}),
        "search.space.learning_rate.log: [1e-05, 0.01] → [1e-05, 0.1]",
    ),
    "an epoch count": (lambda spec: spec["train"].update(epochs=5), "train.epochs: 4 → 5"),
    "an architecture's option": (
        lambda spec: spec["search"]["architectures"]["segnet"].update(base_filters=8),
        "search.architectures.segnet.base_filters: 4 → 8",
    ),
}


def refused(arguments: list[str], folder: Path, sweep: Path, environment: dict[str, str] | None = None) -> str:
    """The message of a command that is refused as another experiment: exit code 2, nothing of the sweep changed."""
    before = tree(sweep)
    driver = Driver(FAKE_COMMAND, arguments, folder, environment)
    assert driver.wait() == 2, driver.text
    assert tree(sweep) == before
    assert driver.text.startswith("error: ") and "Traceback" not in driver.text
    return driver.text


@pytest.mark.parametrize(("edit", "line"), EDITS.values(), ids=EDITS)
def test_r12_an_edited_spec_is_refused_with_what_was_edited(copy: Path, edit: Edit, line: str) -> None:
    path = copy / "runs/fake/resolved.json"
    spec = json.loads(path.read_text())
    edit(spec)
    path.write_text(json.dumps(spec))
    text = refused(["resume", "fake"], copy, copy / "runs/fake")
    assert f"    {line}\n" in text and "undo the edit of the spec" in text and "--fork NEW" in text


def test_r12_another_experiment_by_option_is_refused(copy: Path) -> None:
    text = refused(["resume", "fake", "--set", "search.trials=5"], copy, copy / "runs/fake")
    assert "--set search.trials=5: this would make it another experiment" in text and "liversweep extend" in text


def test_r12_a_changed_program_is_refused_file_by_file(copy: Path) -> None:
    """A whole copy of the program with one loss edited, one file added and one gone, run in place of it."""
    program = copy / "program"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, program / package, ignore=PACKAGE_FILES)
    loss = program / "liverseg/losses/dice.py"
    loss.write_text(loss.read_text() + "\n# smoother\n")
    (program / "liverseg/losses/new.py").write_text("")
    (program / "liverseg/phantom/vessels.py").rename(program / "liverseg/phantom/veins.py")
    (program / "results/plots/style.py").open("a").write("# a nicer plot\n")
    text = refused(["resume", "fake"], copy, copy / "runs/fake", {"PYTHONPATH": str(program)})
    assert "    liverseg/losses/dice.py: changed\n" in text and "    liverseg/losses/new.py: added\n" in text
    assert "    liverseg/phantom/vessels.py: removed\n" in text and "results/plots" not in text
    assert "use the program that began it" in text


def test_r12_other_versions_of_what_decides_numbers_are_refused(copy: Path) -> None:
    ledger = copy / "runs/fake/ledger.jsonl"
    events = read_events(ledger)
    ledger.unlink()
    with Ledger.create(ledger) as new:
        for event in events:
            facts = dict(event.payload) | ({"history": json.loads(event.history)} if event.history else {})
            if event.name == "sweep":
                facts["versions"] = {**facts["versions"], "numpy": "1.26.4", "keras": "3.0.0", "pandas": "1.0"}
            new.append(event.name, **facts)
    text = refused(["resume", "fake"], copy, copy / "runs/fake")
    assert f"numpy: 1.26.4 → {np.__version__}\n" in text and "keras: 3.0.0 → " in text and "pandas" not in text


REAL_SPEC = """\
name: real
data: {root: scans, split: {test: 0, validation: 0.4}}
search:
  trials: 2
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 1.0e-2]}}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 4, size: 32}
cluster: {cpus: 1}
"""


@pytest.mark.ray
def test_r12_changed_scans_are_refused_by_pseudonym_until_they_are_put_back(tmp_path: Path) -> None:
    config = PhantomConfig(cases=5, seed=3, matrix_px=(64, 72), slices=(10, 14), thickness_mm=(5.0,))
    scans, aside = tmp_path / "scans", tmp_path / "aside"
    write_cohort(scans, config)
    aside.mkdir()
    for name in ("volume-4.nii.gz", "segmentation-4.nii.gz"):
        (scans / name).rename(aside / name)
    (tmp_path / "spec.yaml").write_text(REAL_SPEC)
    driver = Driver(REAL_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path)
    eventually(lambda: has(tmp_path, "checkpoint", "real"))
    driver.kill()
    assert no_process_left(tmp_path)
    private = json.loads((tmp_path / "runs/real/private/cases.json").read_text())["cases"]
    pseudonym = {Path(case["image"]).name: uid for uid, case in private.items()}
    sweep = tmp_path / "runs/real"
    before = tree(sweep, without=LOCK)

    def resume_is_refused() -> str:
        driver = Driver(REAL_COMMAND, ["resume", "real", "--plain"], tmp_path)
        assert driver.wait() == 2, driver.text
        assert tree(sweep, without=LOCK) == before and "Traceback" not in driver.text
        assert not any(name in driver.text for name in ("volume-", "segmentation-")), "patients stay unnamed"
        return driver.text

    mask = scans / "segmentation-1.nii.gz"
    original = mask.read_bytes()
    _flip_one_voxel(mask)
    text = resume_is_refused()
    assert f"    {pseudonym['volume-1.nii.gz']}: its scan or mask is another\n" in text
    assert sum(uid in text for uid in pseudonym.values()) == 1 and "put the scans back as they were" in text
    mask.write_bytes(original)

    for name in ("volume-2.nii.gz", "segmentation-2.nii.gz"):
        (scans / name).rename(aside / name)
    assert f"    {pseudonym['volume-2.nii.gz']}: is missing\n" in resume_is_refused()

    for path in list(aside.iterdir()):
        path.rename(scans / path.name)
    text = resume_is_refused()
    assert ": was not there\n" in text and "is missing" not in text

    for name in ("volume-4.nii.gz", "segmentation-4.nii.gz"):
        (scans / name).unlink()
    driver = Driver(REAL_COMMAND, ["resume", "real", "--plain"], tmp_path)
    assert driver.wait() == 0, driver.text
    assert [trial.state for trial in sweep_of(tmp_path, "real").trials] == ["finished", "finished"]


def _flip_one_voxel(path: Path) -> None:
    image = nibabel.load(path)
    voxels = np.asanyarray(image.dataobj).copy()
    place = tuple(np.argwhere(voxels == 1)[0])
    voxels[place] = 0
    nibabel.Nifti1Image(voxels, image.affine, image.header).to_filename(path)


@pytest.fixture(scope="module")
def no_ray(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nobody can import Ray or TensorFlow without being noticed."""
    folder = tmp_path_factory.mktemp("traps")
    for name in ("ray", "tensorflow", "keras"):
        (folder / f"{name}.py").write_text("import os\nos.write(2, b'a heavy import')\nos._exit(77)\n")
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


def left_alone(folder: Path, code: int, environment: dict[str, str]) -> None:
    """A resume that finds nothing to do changes nothing, needs neither Ray nor scans, and its report repeats."""
    sweep = folder / "runs/fake"
    before = tree(sweep)
    driver = Driver(REAL_COMMAND, ["resume", "fake"], folder, environment)
    assert driver.wait() == code, driver.text
    first = driver.text.splitlines()[0]
    assert first.startswith("fake: 4 kept") and first.endswith("0 continued, 0 queued, 0 new; nothing to do")
    assert tree(sweep) == before
    table = driver.output.read_text()
    assert "unet" in table and "segnet" in table
    shutil.rmtree(sweep / "report")
    again = Driver(REAL_COMMAND, ["resume", "fake"], folder, environment)
    assert again.wait() == code and again.output.read_text() == table
    assert tree(sweep) == before, "the report was missing, and is what it was, to the byte"


@pytest.mark.ray
def test_r13_a_finished_sweep_is_left_as_it_is(resumed: dict[str, Path], no_ray: dict[str, str]) -> None:
    left_alone(resumed["moved"], 0, no_ray)


@pytest.mark.ray
def test_r13_so_is_one_with_failed_trials(tmp_path: Path, no_ray: dict[str, str]) -> None:
    path = write_spec(tmp_path, trials=4, epochs=1, sampler="grid", scheduler="none", cpus=1, root=tmp_path / "scans")
    values = f"weight_decay: [0, {fault_code('raise')}]"
    path.write_text(path.read_text().replace("learning_rate: {log: [1.0e-5, 1.0e-2]}", values))
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain"], tmp_path)
    assert driver.wait() == 3, driver.text
    assert sorted(trial.state for trial in sweep_of(tmp_path).trials) == ["failed", "failed", "finished", "finished"]
    left_alone(tmp_path, 3, no_ray)
