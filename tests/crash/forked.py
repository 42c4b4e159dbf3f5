"""A sweep that is killed again and again: every driver is a forked process that SIGKILLs itself inside a system call.

`python -m tests.crash.forked FOLDER KILLS SEED` runs sweeps one after another, each once whole and once cut to pieces,
until so many drivers have died, and prints what was lost as JSON. The trainer is fake, everything else is what a sweep
uses: driver, ledger, trial session, states, reconciliation.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results.fold import fold
from results.ledger import Ledger, read_events
from results.sweep_parts import Objective
from sweeps.executor.session import TrialSession
from sweeps.executor.setting import TrialSetting
from sweeps.folder import SweepFolder
from sweeps.search.driver import DONE, WAIT, Driver
from sweeps.search.plan import Proposal, SearchPlan, Stage
from sweeps.search.proposer import Proposer
from sweeps.search.reconcile import reconcile
from sweeps.search.replay import replay
from sweeps.search.retention import Retention
from sweeps.search.standing import Standing
from sweeps.spec.space import Dimension, Space
from tests.sweeps.fake_trainer import FAKE

TRIALS, EPOCHS = 6, 4
OBJECTIVES = (Objective("val_dice", "maximize"),)
RATE = Dimension(name="learning_rate", kind="float", low=1e-5, high=1e-2, log=True)
SPACE = Space("search", (("unet", (RATE,)), ("segnet", (RATE,))))


class Quiet:
    def event(self, name: str, uid: str, fields: Any) -> None:
        return None


def stage(seed: int) -> Stage:
    plan = SearchPlan(
        stage="search",
        trials=TRIALS,
        per_architecture="equal",
        sampler="tpe",
        scheduler={"kind": "asha", "grace_epochs": 1, "reduction_factor": 2},
        directions=("maximize",),
        epochs=EPOCHS,
        seed=seed,
        trial_seed=42,
    )
    return Stage("search", TRIALS, lambda best: Proposer(SPACE, plan))


def sweep_event() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": "forked",
        "objective": [{"metric": "val_dice", "direction": "maximize"}],
        "architectures": ["unet", "segnet"],
        "trials": TRIALS,
        "stages": ["search"],
    }


def drive(path: Path, seed: int, slots: int) -> None:
    """Begin a sweep or go on with it, to its end."""
    folder = SweepFolder(path)
    os.environ["FAKE_LOG"] = str(path.with_suffix(".log"))
    if not folder.ledger.exists() or not read_events(folder.ledger):
        folder.ledger.unlink(missing_ok=True)
        with Ledger.create(folder.ledger) as ledger:
            ledger.append("sweep", **sweep_event())
    events = read_events(folder.ledger)
    standing = replay(events, Standing([stage(seed)], OBJECTIVES, EPOCHS), lambda space: stage(seed))
    findings = reconcile(standing, folder)
    if findings.idle:
        return
    with Ledger.open(folder.ledger) as ledger:
        ledger.append("resumed", run=fold(events).sweep.runs + 1)
        driver = Driver(folder, ledger, standing, slots, Quiet(), retention=Retention(1, OBJECTIVES))
        driver.take_up(findings.adopted)
        setting = TrialSetting(
            sweep_folder=str(path), labels=("liver", "tumour"), threads=1, trainer=FAKE, stall_s=None
        )
        _execute(driver, setting)
        driver.close()


def _execute(driver: Driver, setting: TrialSetting) -> None:
    sessions: dict[str, TrialSession] = {}
    while True:
        proposal = driver.next()
        if isinstance(proposal, Proposal):
            driver.started(proposal.uid)
            sessions[proposal.uid] = TrialSession(driver.launch(proposal.uid).payload(), setting)
            continue
        if proposal == DONE and not sessions:
            return
        assert proposal in (WAIT, DONE)
        for uid, session in list(sessions.items()):
            result = session.step()
            if driver.epoch(uid, result) or result["done"]:
                driver.ended(uid)
                session.close()
                del sessions[uid]


_write = os.write


def die_at(call: int, rng: random.Random) -> None:
    """Make the `call`-th write, sync, rename or removal of this process its last: writes are cut short at any byte."""
    left = [call]

    def deadly(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] > 0:
                return real(*arguments, **options)
            if name == "write":
                _write(arguments[0], bytes(arguments[1])[: rng.randrange(len(arguments[1]) + 1)])
            elif rng.random() < 0.5:
                real(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("a killed process went on")

        return wrapped

    for name in ("write", "fsync", "replace", "rename", "unlink", "rmdir", "ftruncate"):
        setattr(os, name, deadly(name, getattr(os, name)))


def forked(path: Path, seed: int, slots: int, call: int, rng: random.Random) -> bool:
    """Drive the sweep in a child; whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            if call:
                die_at(call, rng)
            drive(path, seed, slots)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(70)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the driver failed instead of being killed"
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def ends(path: Path) -> dict[str, tuple[Any, ...]]:
    """How every trial ended."""
    return {
        event.payload["uid"]: (event.name, event.payload["epochs"], event.payload["metrics"]["val_dice"])
        for event in read_events(path / "ledger.jsonl")
        if event.name in ("finished", "pruned")
    }


def finished_on_disk(path: Path) -> dict[str, bytes]:
    return {file.parent.name: file.read_bytes() for file in (path / "trials").glob("*/final.json")}


def torture(root: Path, kills: int, seed: int) -> dict[str, int]:
    """Sweeps until `kills` drivers have died; what came of it."""
    rng = random.Random(seed)
    figures: Counter[str] = Counter()
    while figures["kills"] < kills:
        number = figures["sweeps"]
        slots = 1 + number % 2
        whole, cut = root / f"whole-{number}", root / f"cut-{number}"
        for path in (whole, cut):
            path.mkdir()
        forked(whole, number, slots, 0, rng)
        finals: dict[str, bytes] = {}
        while forked(cut, number, slots, rng.randint(1, 160), rng):
            figures["kills"] += 1
            finals |= finished_on_disk(cut)
        figures["sweeps"] += 1
        _account(figures, whole, cut, slots, finals)
    return dict(figures)


def _account(figures: Counter[str], whole: Path, cut: Path, slots: int, finals: dict[str, bytes]) -> None:
    sweep = fold(read_events(cut / "ledger.jsonl"))
    figures["trials"] += len(sweep.trials)
    figures["missing_or_extra"] += abs(len(sweep.trials) - TRIALS)
    figures["not_ended"] += sum(trial.state not in ("finished", "pruned") for trial in sweep.trials)
    figures["finished_lost_or_changed"] += sum(finished_on_disk(cut).get(uid) != text for uid, text in finals.items())
    figures["finished_run_again"] += _started_after_their_end(cut)
    if slots == 1:
        figures["compared_with_uncut"] += 1
        different = ends(whole) != ends(cut)
        figures["different_from_uncut"] += different
        if different:
            sys.stderr.write(f"{cut}\n{ends(whole)}\n{ends(cut)}\n")
    epochs = Counter(cut.with_suffix(".log").read_text().splitlines())
    figures["epochs"] += len(epochs)
    figures["epochs_run_twice"] += sum(count - 1 for count in epochs.values())
    figures["most_runs_of_an_epoch"] = max(figures["most_runs_of_an_epoch"], *epochs.values())
    figures["attempts"] += sum(event.name == "started" for event in read_events(cut / "ledger.jsonl"))


def _started_after_their_end(path: Path) -> int:
    """Trials that were started although they had finished."""
    events = read_events(path / "ledger.jsonl")
    ended = {event.payload["uid"]: event.seq for event in events if event.name in ("finished", "pruned")}
    return sum(event.name == "started" and event.seq > ended.get(event.payload["uid"], event.seq) for event in events)


def import_everything(root: Path) -> None:
    """Once, before the first fork, rather than in every child, which takes most of its time: by a sweep that is not looked at."""
    rehearsal = root / "rehearsal"
    rehearsal.mkdir()
    drive(rehearsal, 0, 1)
    assert threading.active_count() == 1, "a thread would be lost in the children"


if __name__ == "__main__":
    import_everything(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(torture(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))) + "\n")
