"""What Ray Tune keeps of trials that have ended, with a real Ray and the fake trainer."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.config import LocalConfig, Slots
from cluster.local import local_ray
from results.ledger import Ledger, read_events
from results.sweep_parts import Objective
from sweeps.executor.ended import KEPT, Ended
from sweeps.folder import SweepFolder
from sweeps.search.driver import Driver
from sweeps.search.standing import Standing
from sweeps.spec.space import Dimension, Space
from tests.sweeps.executor.attempts import setting
from tests.sweeps.fakes import Recorder
from tests.sweeps.faults import fault_code
from tests.sweeps.search.test_driver import RATE, stage

SLOTS, TRIALS = 2, 24
SETS = ("_trials", "_live_trials", "_stopped_trials", "_failed_trials", "_trials_to_cache", "_trial_metadata")


class Fake:
    """A trial or a controller of Tune's, as far as it is looked at."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def trial(name: str, finished: bool = True) -> Fake:
    return Fake(trial_id=name, is_finished=lambda: finished)


def controller(*trials: Fake) -> Fake:
    sets = {name: set(trials) for name in (*SETS, "_staged_trials", "_resetting_trials") if name != "_trials"}
    names = {item.trial_id: "{}" for item in trials}
    held = Fake(**sets | {"_trials": list(trials), "_trial_metadata": names, "unstaged": []})
    held._unstage_trial_with_resources = lambda item: held._staged_trials.remove(item)
    return held


def test_all_but_the_last_that_ended_are_forgotten() -> None:
    trials = [trial(name) for name in ("a", "b", "c")]
    held, ended = controller(*trials), Ended()
    for item in trials:
        ended.add(held, item)
    assert ended.forget() == ["a", "b"]
    assert held._trials == [trials[2]] and set(held._trial_metadata) == {"c"}
    rest = {name: value for name, value in vars(held).items() if isinstance(value, set)}
    assert rest == {name: {trials[2]} for name in rest}
    assert ended.forget() == []


def test_one_that_tune_has_not_done_with_stays() -> None:
    trials = [trial("a", finished=False), trial("b")]
    held, ended = controller(*trials), Ended()
    for item in trials:
        ended.add(held, item)
    assert ended.forget() == [] and held._trials == trials


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A sweep of trials that end in every way; what Tune held after every turn, and what was left on disk."""
    root = tmp_path_factory.mktemp("sweep")
    config = LocalConfig(cpus=SLOTS, object_store_bytes=80 * 2**20)
    with local_ray(config, environment={"PYTHONPATH": str(Path.cwd())}), pytest.MonkeyPatch.context() as patch:
        session = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).parent
        held = watched(patch)
        folder = sweep(root)
        yield {
            "held": held,
            "folder": folder,
            "tune": list((folder.tune / "run-001").glob("t[0-9]*")),
            "session": list(session.rglob("t[0-9][0-9][0-9][0-9]-*")),
        }


def watched(patch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """Sizes of Tune's collections after every turn."""
    rows: list[dict[str, int]] = []
    known: list[Any] = []
    alive: list[weakref.ref[Any]] = []
    theirs_add, theirs_forget = Ended.add, Ended.forget

    def add(self: Ended, tune_controller: Any, ended: Any) -> None:
        known[:] = [tune_controller]
        alive.append(weakref.ref(ended))
        theirs_add(self, tune_controller, ended)

    def forget(self: Ended) -> list[str]:
        gone = theirs_forget(self)
        rows.extend({name: len(getattr(item, name)) for name in SETS} for item in known)
        if rows and len(rows) % 16 == 0:
            gc.collect()
            rows[-1]["alive"] = sum(item() is not None for item in alive)
        return gone

    patch.setattr(Ended, "add", add)
    patch.setattr(Ended, "forget", forget)
    return rows


def sweep(root: Path) -> SweepFolder:
    from sweeps.executor.tuner import run_trials
    from sweeps.executor.watch import Watch

    folder = SweepFolder(root / "a")
    folder.file("trials").mkdir(parents=True)
    faults = tuple(fault_code(name) for name in ("raise", "nan_loss"))
    fault = Dimension(name="weight_decay", kind="categorical", choices=(0.0, *faults, 0.0, 0.0))
    space = Space("search", (("unet", (RATE, fault)),))
    chosen = stage(space, sampler="random", trials=TRIALS, epochs=2, scheduler={"kind": "asha"})
    standing = Standing([chosen], (Objective("val_dice", "maximize"),), 2)
    with Ledger.create(folder.ledger) as ledger:
        driver = Driver(folder, ledger, standing, SLOTS, Recorder())
        watch = Watch(folder.file("trials"), None, None)
        run_trials(driver, setting(folder.path), Slots(SLOTS, 1, 0), watch, lambda: None)
        driver.close()
    return folder


def test_tune_never_holds_more_than_runs_and_the_last_that_ended(seen: dict[str, Any]) -> None:
    assert len(seen["held"]) > TRIALS and any("alive" in row for row in seen["held"][TRIALS:])
    for row in seen["held"]:
        assert max(row.values()) <= SLOTS + KEPT, row


def test_every_trial_ended_all_the_same(seen: dict[str, Any]) -> None:
    names = [event.name for event in read_events(seen["folder"].ledger)]
    ends = {name: names.count(name) for name in ("finished", "pruned", "failed")}
    assert sum(ends.values()) == TRIALS and all(ends.values()), ends


def test_tune_leaves_no_folder_for_each_trial(seen: dict[str, Any]) -> None:
    """None of the driver's, and none of a worker's that was let go: at most that of one that Ray killed as it went."""
    assert len(seen["session"]) <= SLOTS, seen["session"]
    assert not [path for path in seen["session"] if "driver_artifacts" in path.parts]
    assert len(seen["tune"]) <= 2 * SLOTS, seen["tune"]


def test_the_ledger_has_a_few_events_for_each_trial(seen: dict[str, Any]) -> None:
    events = read_events(seen["folder"].ledger)
    assert len(events) <= 5 * TRIALS + 1, "suggested, started, two checkpoints at most, its end"


def test_a_trial_leaves_a_few_files(seen: dict[str, Any]) -> None:
    files = {path.name: sum(1 for item in path.rglob("*") if item.is_file()) for path in trial_folders(seen)}
    assert len(files) == TRIALS and max(files.values()) <= 14, files


def trial_folders(seen: dict[str, Any]) -> list[Path]:
    return sorted(seen["folder"].file("trials").iterdir())
