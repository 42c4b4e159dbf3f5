"""A sweep on two real CT scans that differ in orientation, spacing, grid and phase: one to learn from, one to be scored on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from results.ledger import read_events
from tests.sweeps.cli_runs import liversweep

ROOT = Path(__file__).resolve().parents[2]
SCANS = Path(os.environ.get("LIVERSWEEP_REAL_CT", ROOT.parent / "shared" / "data" / "real-ct"))
SPEC = """\
name: two-scans
data: {root: SCANS, layout: lits, labels: [liver], split: {test: 0, validation: 0.5, seed: 2}}
search:
  trials: 2
  sampler: random
  space: {learning_rate: {log: [1.0e-3, 5.0e-3]}}
  architectures: {unet: {base_filters: 4}, encoder_decoder: {base_filters: 4}}
train: {epochs: 3, size: 64, batch_size: 8, loss: dice_ce, window: wide}
"""

pytestmark = [
    pytest.mark.real,
    pytest.mark.ray,
    pytest.mark.skipif(
        not SCANS.is_dir(), reason="the real scans are not here; name their folder in LIVERSWEEP_REAL_CT"
    ),
]


def test_a_sweep_on_two_real_scans(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("SCANS", str(SCANS)))
    result = liversweep("run", "spec.yaml", cwd=tmp_path)
    assert result.code == 0, result.err
    events = read_events(tmp_path / "runs" / "two-scans" / "ledger.jsonl")
    finished = [event for event in events if event.name == "finished"]
    assert len(finished) == 2
    for event in finished:
        payload, losses = event.payload, json.loads(event.history)["loss"]
        assert len(payload["cases"]) == 1
        assert payload["metrics"]["val_dice"] == payload["metrics"]["dice_liver_mean"]
        assert losses[-1] < losses[0]
    split = events[0].payload["split"]
    assert len(split["train"]) == len(split["validation"]) == 1 and split["test"] == []
