"""Ledgers of older versions stay readable, and a newer driver can go on with them."""

from __future__ import annotations

from pathlib import Path

from results.fold import fold
from results.ledger import Ledger, read_events
from results.reports import FORMATS
from results.reports.document import build_document
from tests.results.ledger_factory import uid_of

LEDGERS = Path(__file__).parent / "ledgers"


def test_a_ledger_from_before_there_was_a_resume() -> None:
    sweep = fold(read_events(LEDGERS / "before_resume.jsonl"))
    assert [trial.state for trial in sweep.trials] == ["finished", "pruned", "failed", "stopped"]
    record = sweep.sweep
    assert (record.runs, record.extended, record.parents, record.inherited) == (1, (), (), ())
    assert (record.spec, record.code, record.cases, record.case_facts) == ({}, {}, {}, {})
    assert record.closed == "interrupted"
    assert all(trial.planned_epochs == 0 and trial.values == () and not trial.continues for trial in sweep.trials)
    first, _, failed, stopped = sweep.trials
    assert first.epoch_values("val_dice") == tuple(first.history["val_dice"])
    assert (failed.failure, failed.message) == ("oom", "out of memory")
    for trial, epoch in ((first, 2), (stopped, 1)):
        assert trial.checkpoint is None, "best weights are no state to continue from"
        assert trial.weights is not None
        assert trial.weights.epoch == epoch
    document = build_document(sweep)
    assert all(text for item in FORMATS for text in item.render(document).values())
    said = {section.key: " ".join(section.text) for section in document.sections}
    assert "The ledger does not tell the slice thickness" in said["strata"]
    assert "how large the tumours are" in said["strata"]


def test_it_can_be_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes((LEDGERS / "before_resume.jsonl").read_bytes())
    with Ledger.open(path) as ledger:
        ledger.append("resumed", run=2)
        ledger.append("started", uid=uid_of(3), attempt=2, epoch=0)
        ledger.append("checkpoint", uid=uid_of(3), epoch=1, path="p/state/0", sha256="0", values=[0.5])
    sweep = fold(read_events(path))
    trial = sweep.trial(uid_of(3))
    assert sweep.sweep.runs == 2
    assert (trial.state, trial.values, trial.attempts) == ("running", (0.5,), 2)
    assert trial.checkpoint is not None
