"""Promises R7 and R8: whatever goes wrong inside a trial, really, costs that trial only, and is said and counted."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from results.fold import fold
from results.ledger import read_events
from results.ledger_line import Event
from results.ranking import best_trials
from results.records import Sweep, TrialRecord
from sweeps.search.plan import Proposal
from tests.crash.processes import FAKE_COMMAND, Driver, events_of, no_process_left, sweep_of
from tests.sweeps.cli_runs import liversweep
from tests.sweeps.fakes import make_driver
from tests.sweeps.faults import fault_code
from tests.sweeps.search.test_driver import SPACE, stage

pytestmark = [pytest.mark.crash]

# Those that take long stand apart, so that others run beside them.
KINDS = {
    "freeze": "timeout",
    "raise": "crash",
    "interrupt": "crash",
    "hang": "timeout",
    "exit": "crash",
    "os_exit": "crash",
    "busy": "timeout",
    "kill": "crash",
    "memory_error": "oom",
    "stuck": "timeout",
    "memory": "oom",
    "text": "invalid",
    "missing": "invalid",
    "nan_loss": "nan",
}
WITHOUT_A_SCORE = ("nan", "inf")
NO_FAULT = (0.0, 0.5, 0.6)
STALL_S, DEADLINE_S, MARGIN_S = 3.0, 4.0, 5.0

SPEC = """\
name: fake
data: {{root: {root}, split: {{test: 0, validation: 0.4}}}}
search:
  sampler: grid
  space: {{weight_decay: {codes}}}
  architectures: {{unet: {{base_filters: 4}}}}
train: {{epochs: {epochs}, size: 32, learning_rate: 1.0e-3}}
trial: {trial}
cluster: {{cpus: 2}}
"""


@dataclass(frozen=True)
class Run:
    """A sweep that has ended, in `folder`."""

    folder: Path
    code: int
    output: str
    errors: str

    @property
    def sweep(self) -> Sweep:
        return sweep_of(self.folder)

    def trial(self, fault: str) -> TrialRecord:
        """The trial with a fault."""
        return next(trial for trial in self.sweep.trials if trial.parameters["weight_decay"] == fault_code(fault))


def run(folder: Path, faults: tuple[str, ...], trial: str, epochs: int = 2, **environment: str) -> Run:
    """One trial for each fault and three healthy ones, two at a time."""
    codes = [NO_FAULT[0], *map(fault_code, faults), *NO_FAULT[1:]]
    spec = SPEC.format(root=folder, codes=json.dumps(codes), epochs=epochs, trial=trial)
    (folder / "spec.yaml").write_text(spec)
    driver = Driver(FAKE_COMMAND, ["run", "spec.yaml", "--plain", "--json"], folder, environment)
    code = driver.wait()
    assert no_process_left(folder)
    return Run(folder, code, driver.output.read_text(), driver.text)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A sweep with every fault once; those that strike within an epoch do so the first time only."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "once").mkdir()
    limits = f"{{deadline: 60s, stall: {STALL_S:g}s, memory: 400MB}}"
    environment = {"FAKE_ONCE": str(folder / "once"), "FAKE_ALLOCATE_MB": "800"}
    return run(folder, (*KINDS, *WITHOUT_A_SCORE), limits, **environment)


@pytest.mark.ray
def test_r07_every_fault_costs_its_own_trial_only(faulty: Run) -> None:
    assert faulty.code == 3, faulty.errors
    sweep = faulty.sweep
    assert len(sweep.trials) == sweep.sweep.trials == len(KINDS) + len(WITHOUT_A_SCORE) + len(NO_FAULT)
    assert {fault: faulty.trial(fault).failure for fault in KINDS} == KINDS
    good = [trial for trial in sweep.trials if trial.parameters["weight_decay"] in NO_FAULT]
    assert [(trial.state, trial.epochs, trial.attempts) for trial in good] == [("finished", 2, 1)] * 3
    ends = Counter(
        event.payload["uid"] for event in events_of(faulty.folder) if event.name in ("finished", "pruned", "failed")
    )
    assert ends == Counter(trial.uid for trial in sweep.trials)
    assert sweep.sweep.closed == "finished"


@pytest.mark.ray
def test_r07_a_failure_has_one_readable_line(faulty: Run) -> None:
    for fault in KINDS:
        message = faulty.trial(fault).message
        assert len(message) > 10 and message == " ".join(message.split()), fault
        assert "Traceback" not in message and f"failed: {KINDS[fault]}, {message}" in faulty.errors, fault
    assert "allowed: 0.40 GB" in faulty.trial("memory").message
    assert "trial.stall" in faulty.trial("stuck").message
    assert "val_dice" in faulty.trial("missing").message and "'good'" in faulty.trial("text").message
    # The stacks of what hung, and the traceback of what raised, are in the trial's log and nowhere else.
    for fault, sign in (("hang", "fake_trainer.py"), ("stuck", "_stuck"), ("raise", "a fault\nof two lines")):
        log = faulty.folder / "runs/fake/trials" / faulty.trial(fault).uid / "log.txt"
        assert sign in log.read_text(), fault
    assert "Traceback" not in faulty.errors


@pytest.mark.ray
def test_r07_a_score_that_is_no_number_never_counts_as_a_success(faulty: Run) -> None:
    ended_early = faulty.trial("nan_loss")
    assert (ended_early.state, ended_early.epochs, ended_early.planned_epochs) == ("failed", 1, 2)
    # A validation set may have no patient with a tumour: the trial is none the worse for it, and none the better.
    for fault in WITHOUT_A_SCORE:
        trial = faulty.trial(fault)
        assert trial.state == "finished" and trial.metrics["val_dice"] != trial.metrics["val_dice"]
    ranked = best_trials(faulty.sweep)
    assert {trial.parameters["weight_decay"] for trial in ranked} == set(NO_FAULT)


@pytest.mark.ray
def test_r07_reports_count_failures_by_kind_and_say_what_to_do(faulty: Run) -> None:
    counts = Counter(KINDS.values())
    document = json.loads(faulty.output)
    report = faulty.folder / "runs/fake/report"
    assert document == json.loads((report / "report.json").read_text())
    groups = {group["kind"]: group for group in document["failure_groups"]}
    assert {kind: group["count"] for kind, group in groups.items()} == counts
    assert all(group["advice"] and group["example"] for group in groups.values())
    assert groups["timeout"]["again"] == "liversweep retry fake --kind timeout" and not groups["nan"]["again"]
    assert Counter(failure["kind"] for failure in document["failures"]) == counts
    assert [row["trial"] for row in document["trials"] if row["rank"] == 1] == [best_trials(faulty.sweep)[0].uid]
    shown = liversweep("show", "fake", cwd=faulty.folder)
    assert shown.code == 0 and shown.err == ""
    texts = {"show": shown.out} | {
        name: (report / name).read_text() for name in ("report.md", "report.html", "failures.csv")
    }
    for name, text in texts.items():
        plain = " ".join(text.replace("\\", "").split())
        assert "raise trial.memory" in plain and "liversweep retry fake --kind crash" in plain, name
        assert name == "failures.csv" or all(f"{kind} {count}" in plain for kind, count in counts.items()), name
    rows = [line.split(",")[:3] for line in texts["failures.csv"].splitlines()[1:]]
    assert {kind: int(count) for kind, _, count in rows} == counts


@pytest.mark.ray
@pytest.mark.parametrize("fault", ["hang", "busy", "stuck", "freeze"])
def test_r08_a_trial_that_stands_still_is_ended(faulty: Run, fault: str) -> None:
    trial, events = faulty.trial(fault), events_of(faulty.folder)
    assert lasted_s(events, trial.uid) < STALL_S + MARGIN_S
    assert STALL_S <= trial.seconds < STALL_S + MARGIN_S


@pytest.mark.ray
def test_r08_others_go_on_while_a_trial_stands_still(faulty: Run) -> None:
    """Some trial ends beside each of them, unless the other slot is held by another one that stands still."""
    events = events_of(faulty.folder)
    ends = [event.seq for event in events if event.name in ("finished", "failed")]
    spans = [
        [seq_of(events, name, faulty.trial(fault).uid) for name in ("started", "failed")]
        for fault in ("hang", "busy", "stuck", "freeze")
    ]
    for began, ended in spans:
        beside = any(began < seq < ended for seq in ends)
        assert beside or sum(began < other_ended and other_began < ended for other_began, other_ended in spans) > 1


@pytest.mark.ray
def test_r08_no_trial_outlives_its_deadline(tmp_path: Path) -> None:
    faults = ("hang", "busy", "stuck", "freeze", "slow")
    limits = f"{{deadline: {DEADLINE_S:g}s, stall: off}}"
    late = run(tmp_path, faults, limits, epochs=3, FAKE_PAUSE_S="0.06")
    assert late.code == 3, late.errors
    events = events_of(tmp_path)
    for fault in faults:
        trial = late.trial(fault)
        assert (trial.state, trial.failure) == ("failed", "timeout"), fault
        assert "trial.deadline" in trial.message, fault
        assert DEADLINE_S <= lasted_s(events, trial.uid) < DEADLINE_S + MARGIN_S, fault
    good = [trial.state for trial in late.sweep.trials if trial.parameters["weight_decay"] in NO_FAULT]
    assert good == ["finished"] * 3
    # What a slow trial has done by then is kept, for another attempt with a later deadline.
    assert any((tmp_path / "runs/fake/trials" / late.trial("slow").uid / "state").iterdir())
    assert "Traceback" not in late.errors


@pytest.mark.ray
def test_r07_failed_trials_are_tried_again_by_kind(faulty: Run, tmp_path: Path) -> None:
    shutil.copytree(faulty.folder / "runs", tmp_path / "runs")
    before = {trial.uid: trial for trial in faulty.sweep.trials}
    environment = {"FAKE_ONCE": str(faulty.folder / "once")}
    driver = Driver(FAKE_COMMAND, ["retry", "fake", "--kind", "timeout,crash", "--plain"], tmp_path, environment)
    assert driver.wait() == 3, driver.text
    after = {trial.uid: trial for trial in sweep_of(tmp_path).trials}
    assert list(after) == list(before)
    for uid, trial in after.items():
        old = before[uid]
        assert (trial.parameters, trial.seed, trial.number) == (old.parameters, old.seed, old.number)
        if old.failure in ("timeout", "crash"):
            assert (trial.state, trial.attempts, trial.message) == ("finished", 2, "")
        else:
            assert (trial.state, trial.attempts, trial.failure) == (old.state, 1, old.failure)
            assert trial.metrics.keys() == old.metrics.keys() and trial.ended == old.ended
    assert no_process_left(tmp_path) and "Traceback" not in driver.text
    ledger = (tmp_path / "runs/fake/ledger.jsonl").read_bytes()
    none = liversweep("retry", "fake", "--kind", "timeout", cwd=tmp_path)
    assert none.code == 2 and "got timeout; allowed: invalid, nan, oom" in none.err
    assert (tmp_path / "runs/fake/ledger.jsonl").read_bytes() == ledger


def test_r07_a_trial_that_no_worker_began_goes_to_another_one(tmp_path: Path) -> None:
    driver = make_driver(tmp_path, [stage(SPACE, trials=1)])
    first = driver.next()
    assert isinstance(first, Proposal)
    driver.ended(first.uid, error="a worker that was used up", blameless="its worker was used up")
    assert driver.next() == first and driver.launch(first.uid).attempt == 1
    driver.started(first.uid)
    driver.ended(first.uid, error="its machine is gone", blameless="node lost")
    assert driver.next() == first and driver.launch(first.uid).attempt == 2
    sweep = fold([SWEEP, *read_events(driver.folder.ledger)])
    assert (sweep.trials[0].state, sweep.trials[0].attempts) == ("queued", 1)


SWEEP_FACTS: dict[str, Any] = {
    "schema_version": 1,
    "name": "sweep",
    "objective": [{"metric": "val_dice", "direction": "maximize"}],
    "architectures": ["unet", "segnet"],
    "trials": 1,
}
SWEEP = Event(0, "2026-01-01T00:00:00.000Z", "sweep", SWEEP_FACTS)


def seq_of(events: list[Event], name: str, uid: str) -> int:
    return next(event.seq for event in events if event.name == name and event.payload["uid"] == uid)


def lasted_s(events: list[Event], uid: str) -> float:
    """From a trial's start to its failure, by the driver's clock."""
    times = [
        datetime.fromisoformat(event.time)
        for event in events
        if event.payload.get("uid") == uid and event.name in ("started", "failed")
    ]
    return (times[-1] - times[0]).total_seconds()
