"""One trial as `show --trial` prints it: plain values, whatever was scored."""

from __future__ import annotations

import json

from sweeps.cli.show import trial_document
from sweeps.trial_files import finite
from tests.results.opened_ledger import opened_sweep


def test_a_trial_that_was_scored_on_test_patients_is_one_json_document() -> None:
    trial = next(trial for trial in opened_sweep(times=2).trials if trial.tests)
    document = json.loads(json.dumps(finite(trial_document(trial)), allow_nan=False))
    assert document["uid"] == trial.uid and len(document["tests"]) == 2
    for told, score in zip(document["tests"], trial.tests, strict=True):
        assert len(told["case_scores"]) == len(score.cases) == len(told["cases"]) and "scores_json" not in told
        assert told["case_scores"][0].keys() == score.case_scores[0].keys()
