"""What a resume finds in the folders of open trials, whatever moment the driver died at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from liverseg.config import TrainConfig
from results.sweep_parts import Objective
from sweeps import trial_files
from sweeps.folder import SweepFolder
from sweeps.search.plan import Proposal, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.reconcile import Adoption, Findings, reconcile
from sweeps.search.standing import Standing
from sweeps.search.states import newest_state
from sweeps.spec.space import Space
from tests.sweeps.fake_trainer import FakeRun
from tests.sweeps.fakes import record
from tests.sweeps.search.test_driver import RATE, plan
from tests.sweeps.trees import tree

SPACE = Space("search", (("unet", (RATE,)),))
ASHA = {"kind": "asha", "grace_epochs": 1, "reduction_factor": 2}
EPOCHS = 4


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "sweep")


@pytest.fixture
def search() -> Standing:
    chosen = plan(sampler="random", scheduler=ASHA, trials=6)
    return Standing([Stage("search", 6, lambda best: Proposer(SPACE, chosen))], [Objective("val_dice")], EPOCHS)


def opened(search: Standing, *told: float) -> Proposal:
    """A trial that the ledger knows as begun, with these epochs, and that waits in the queue."""
    proposal = search.suggest()
    assert proposal is not None
    search.suggested(proposal)
    search.started(proposal.uid, 1)
    for epoch, value in enumerate(told, start=1):
        search.report(proposal.uid, epoch, value)
    search.requeue(proposal.uid)
    return proposal


def trained(folder: SweepFolder, proposal: Proposal, epochs: int, slot: int = 0, batches: int = 0) -> FakeRun:
    """The state of a trial after so many epochs (and batches), with the record of the last whole one."""
    parameters = {"learning_rate": proposal.parameters["learning_rate"]}
    run = FakeRun(TrainConfig(architecture="unet", parameters=parameters, epochs=EPOCHS), None, None)
    for _ in range(epochs):
        run.run_epoch()
    if batches:
        with pytest.raises(InterruptedError):
            run.run_epoch(_after(run.updates + batches))
    run.save(folder.trial(proposal.uid) / "state" / str(slot))
    if epochs:
        trial_files.write_record(folder.trial(proposal.uid), trial_files.LATEST, run.final_record())
    return run


def _after(updates: int) -> Any:
    def stop(done: int) -> None:
        if done == updates:
            raise InterruptedError

    return stop


def write(folder: SweepFolder, proposal: Proposal, name: str, values: dict[str, Any]) -> None:
    trial_files.write_record(folder.trial(proposal.uid), name, values)


def test_a_trial_that_left_nothing_starts_from_nothing(search: Standing, folder: SweepFolder) -> None:
    first, second = opened(search), opened(search)
    found = reconcile(search, folder)
    assert found.queued == (first.uid, second.uid) and not found.continued and not found.adopted
    assert (found.new, found.work, found.idle) == (4, 6, False)


def test_a_trial_that_ended_unnoticed_is_adopted_with_its_own_record(search: Standing, folder: SweepFolder) -> None:
    finished, failed, both = opened(search), opened(search), opened(search)
    write(folder, finished, trial_files.FINAL, record([0.1, 0.5]))
    trial_files.write_failure(folder.trial(failed.uid), "oom", "too much", epochs=1, seconds=2.0)
    write(folder, both, trial_files.FINAL, record([0.1, 0.5]))
    trial_files.write_failure(folder.trial(both.uid), "data", "could not say so", epochs=2, seconds=2.0)
    found = reconcile(search, folder)
    assert [(item.uid, item.state) for item in found.adopted] == [
        (finished.uid, "finished"),
        (failed.uid, "failed"),
        (both.uid, "failed"),
    ]
    assert found.adopted[0].record["metrics"] == {"val_dice": 0.5} and found.adopted[1].record["kind"] == "oom"
    assert found.kept == {"finished": 1, "pruned": 0, "failed": 2} and not found.queued
    assert set(search.open) == {finished.uid, failed.uid, both.uid}, "the driver ends them, not the search for them"


def test_a_state_is_where_the_trial_goes_on_and_its_epochs_are_told(search: Standing, folder: SweepFolder) -> None:
    proposal = opened(search, 0.1)
    run = trained(folder, proposal, 3)
    found = reconcile(search, folder)
    assert found.continued == ((proposal.uid, "epoch 3"),) and not found.queued
    trial = search.open[proposal.uid]
    assert trial.reports == [0.1, *(item.val_dice for item in run.history[1:])]
    assert trial.epochs == 3 and len(trial.unwritten) == 3


def test_a_state_within_an_epoch_says_so(search: Standing, folder: SweepFolder) -> None:
    proposal = opened(search)
    trained(folder, proposal, 1, batches=2)
    assert reconcile(search, folder).continued == ((proposal.uid, "within epoch 2"),)
    assert search.open[proposal.uid].epochs == 1


def test_the_newest_whole_state_counts(search: Standing, folder: SweepFolder) -> None:
    proposal = opened(search)
    trained(folder, proposal, 2, slot=1)
    trained(folder, proposal, 3, slot=0)
    assert reconcile(search, folder).continued == ((proposal.uid, "epoch 3"),)
    state = next(path for path in (folder.trial(proposal.uid) / "state" / "0").iterdir() if path.suffix == ".json")
    state.write_bytes(state.read_bytes()[:-10])
    assert reconcile(search, folder).continued == ((proposal.uid, "epoch 2"),)
    assert newest_state(folder.path, proposal.uid).path == f"trials/{proposal.uid}/state/1"


def test_nothing_whole_means_from_the_beginning(search: Standing, folder: SweepFolder) -> None:
    proposal = opened(search)
    trained(folder, proposal, 2)
    for path in (folder.trial(proposal.uid) / "state" / "0").iterdir():
        path.write_bytes(b"")
    assert reconcile(search, folder).queued == (proposal.uid,)


def test_a_trial_that_the_pruner_ends_after_its_last_epoch_is_adopted_there(
    search: Standing, folder: SweepFolder
) -> None:
    good = opened(search, 5.0)
    bad = opened(search)
    trained(folder, bad, 1)
    found = reconcile(search, folder)
    assert found.queued == (good.uid,), "its state is gone, and it was not hopeless"
    assert [(item.uid, item.state) for item in found.adopted] == [(bad.uid, "pruned")]
    assert found.adopted[0].record["stop_reason"] == "pruned after epoch 1"


def test_nor_is_it_pruned_by_a_record_of_another_epoch(search: Standing, folder: SweepFolder) -> None:
    opened(search, 5.0)
    bad = opened(search)
    run = trained(folder, bad, 1)
    write(folder, bad, trial_files.LATEST, run.final_record() | {"epochs": 2})
    assert reconcile(search, folder).continued == ((bad.uid, "epoch 1"),)


def test_a_trial_that_has_no_epoch_left_is_not_pruned(search: Standing, folder: SweepFolder) -> None:
    opened(search, 5.0, 5.0, 5.0, 5.0)
    last = opened(search)
    trained(folder, last, EPOCHS)
    found = reconcile(search, folder)
    assert search.open[last.uid].stop_early, "the pruner would, or this shows nothing"
    assert not found.adopted and found.continued == ((last.uid, f"epoch {EPOCHS}"),)


def test_a_retry_is_not_ended_by_the_records_of_its_failure(search: Standing, folder: SweepFolder) -> None:
    proposal = opened(search)
    trained(folder, proposal, 2)
    trial_files.write_failure(folder.trial(proposal.uid), "timeout", "too slow", epochs=2, seconds=2.0)
    search.end(proposal.uid, "failed")
    search.retry(proposal.uid)
    found = reconcile(search, folder)
    assert not found.adopted and found.continued == ((proposal.uid, "epoch 2"),)
    search.started(proposal.uid, 2)
    search.requeue(proposal.uid)
    assert reconcile(search, folder).adopted[0].state == "failed", "the second attempt failed too"


def test_a_trial_that_continues_another_tells_the_search_nothing(search: Standing, folder: SweepFolder) -> None:
    parent = opened(search)
    search.end(parent.uid, "finished", [0.5])
    search.extend(0, 8, [parent.uid], None)
    child = opened(search)
    assert child.continues == parent.uid
    trained(folder, child, 3)
    found = reconcile(search, folder)
    assert found.continued == ((child.uid, "epoch 3"),) and search.open[child.uid].reports == []
    assert found.longer == 0 and found.new == 5


def test_looking_writes_nothing(search: Standing, folder: SweepFolder) -> None:
    for _ in range(3):
        proposal = opened(search)
        trained(folder, proposal, 2)
    write(folder, proposal, trial_files.FINAL, record([0.1, 0.5]))
    before = tree(folder.path)
    reconcile(search, folder)
    assert tree(folder.path) == before


def test_a_score_that_is_no_number_is_not_told_to_the_pruner(search: Standing, folder: SweepFolder) -> None:
    opened(search, 5.0)
    proposal = opened(search)
    run = trained(folder, proposal, 1)
    broken = run.history[0]
    run.history = (type(broken)(**{**broken.as_dict(), "val_dice": math.nan, "metrics": {"val_dice": None}}),)
    run.save(folder.trial(proposal.uid) / "state" / "0")
    assert reconcile(search, folder).continued == ((proposal.uid, "epoch 1"),)
    assert math.isnan(search.open[proposal.uid].reports[0])


def test_the_line_says_what_will_be_done() -> None:
    ends = {"finished": 3, "pruned": 0, "failed": 1}
    found = Findings(
        kept=ends,
        adopted=(Adoption("t1", "failed", {}),),
        continued=tuple((f"t{number}", f"epoch {number}") for number in range(2, 8)),
        queued=("t8",),
        new=5,
        longer=2,
    )
    assert found.line() == (
        "4 kept (3 finished, 1 failed; 1 of them ended unnoticed), 6 continued (t2 from epoch 2, t3 from epoch 3, "
        "t4 from epoch 4, t5 from epoch 5 and 2 more), 1 queued, 5 new (2 of them longer trainings)"
    )
    assert Findings(kept={}).line() == "0 kept, 0 continued, 0 queued, 0 new" and Findings(kept={}).idle
