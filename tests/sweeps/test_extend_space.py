"""Another search space for what is to come: proposals lie in it, and the sampler knows what earlier trials lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import UsageError
from sweeps.folder import SweepFolder
from tests.sweeps.in_process import Killed, Machine, events_of, extend, install, run
from tests.sweeps.trees import tree

GRID = {"sampler": "grid", "space": "{batch_size: [4, 8]}", "trials": 3}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return install(monkeypatch)


def test_a_grid_ends_where_it_ends(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **GRID)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=r"not that many points left; got 2; allowed: at most 1; .*--space"):
        extend(folder, trials=2)
    assert tree(tmp_path) == before
    extend(folder, trials=1)
    points = {(trial.architecture, trial.parameters["batch_size"]) for trial in folder.read().trials}
    assert len(points) == 4
    with pytest.raises(UsageError, match="at most 0"):
        extend(folder, trials=1)


def test_a_smaller_or_larger_grid_has_only_points_that_were_not_tried(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **(GRID | {"trials": 4}))
    with pytest.raises(UsageError, match="at most 2"):
        extend(folder, trials=3, space={"space": {"batch_size": [8, 16]}})
    extend(folder, trials=2, space={"space": {"batch_size": [8, 16]}})
    assert [trial.parameters["batch_size"] for trial in folder.read().trials[4:]] == [16, 16]


def test_a_grid_with_one_more_dimension_knows_the_points_that_had_its_default(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, **(GRID | {"trials": 4}))
    more = {"space": {"batch_size": [4, 8], "weight_decay": [0.0, 0.2]}}
    with pytest.raises(UsageError, match="at most 4"):
        extend(folder, trials=5, space=more)
    extend(folder, trials=4, space=more)
    assert {trial.parameters["weight_decay"] for trial in folder.read().trials[4:]} == {0.2}


def test_trials_of_another_space_lie_in_it(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, trials=6)
    narrow = {"space": {"learning_rate": {"log": [1e-4, 1e-3]}}}
    extend(folder, trials=4, space=narrow)
    rates = [trial.parameters["learning_rate"] for trial in folder.read().trials]
    assert all(1e-4 <= rate <= 1e-3 for rate in rates[6:]) and not all(1e-4 <= rate <= 1e-3 for rate in rates[:6])
    new_net = {"architectures": {"encoder_decoder": {"base_filters": [4, 8]}}}
    extend(folder, trials=3, space=new_net)
    latest = folder.read().trials[10:]
    assert {trial.architecture for trial in latest} == {"encoder_decoder"}
    assert all(1e-4 <= trial.parameters["learning_rate"] <= 1e-3 for trial in latest), "the narrower space still holds"
    extend(folder, trials=1)
    assert folder.read().trials[-1].architecture == "encoder_decoder"


def test_the_sampler_knows_what_lies_in_the_new_space(machine: Machine, tmp_path: Path) -> None:
    """The same new space for a sampler that knows and for one that does not: other proposals."""
    space = {"space": {"learning_rate": {"log": [1e-5, 1e-1]}}}
    good, bad = run(tmp_path, trials=6), run(tmp_path, trials=6, name="b")
    _forget(bad)
    for folder in (good, bad):
        extend(folder, trials=6, space=space)
    found = [[trial.parameters for trial in folder.read().trials[6:]] for folder in (good, bad)]
    assert found[0] != found[1]


def _forget(folder: SweepFolder) -> None:
    """Rewrite a ledger as if every trial had had the same score."""
    from results.ledger import Ledger

    events = events_of(folder)
    folder.ledger.unlink()
    with Ledger.create(folder.ledger) as ledger:
        for event in events:
            facts = dict(event.payload)
            if event.name == "finished":
                facts["metrics"] = {**facts["metrics"], "val_dice": 0.5}
            ledger.append(event.name, **facts)


def test_a_new_size_is_prepared_and_trained_on(machine: Machine, tmp_path: Path) -> None:
    folder = run(tmp_path, epochs="3, size: 32")
    extend(folder, trials=4, space={"space": {"size": [64], "learning_rate": {"log": [1e-4, 1e-3]}}})
    assert [spec.prepare.size for spec in machine.specs] == [(32,), (32, 64)]
    assert [trial.parameters["size"] for trial in folder.read().trials] == [32] * 4 + [64] * 4


def test_a_space_that_changes_a_stage_to_come_is_refused(machine: Machine, tmp_path: Path) -> None:
    stages = (
        "stages:\n  - {name: one, trials: 4}\n  - {name: two, from: best, trials: 2, space: {batch_size: [2, 4, 6]}}\n"
    )
    machine.epochs_to_live = 4
    with pytest.raises(Killed):
        run(tmp_path, more=stages)
    machine.epochs_to_live = None
    folder = SweepFolder(tmp_path / "runs" / "a")
    with pytest.raises(UsageError, match="has not come to its last stage"):
        extend(folder, trials=2, space={"space": {"batch_size": [8]}})
    extend(folder, trials=1)
    assert [trial.stage for trial in folder.read().trials] == ["one"] * 4 + ["two"] * 3
    extend(folder, trials=2, space={"space": {"batch_size": [8, 16]}})
    assert {trial.parameters["batch_size"] for trial in folder.read().trials[7:]} == {8, 16}
