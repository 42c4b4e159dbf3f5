"""The end of a trial: its best epoch is scored in full, once, and again if it was stopped while doing so."""

from __future__ import annotations

import errno
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from liverseg.inference.overlays import OverlayBook
from liverseg.preprocess.arrays import CaseSpan, PlaneMap
from results.overlays import read_predictions
from sweeps.executor.session import TrialSession
from sweeps.trial_files import FINAL, LATEST, OVERLAYS, STOP
from tests.liverseg.metrics.cases import reference_of, score_of
from tests.sweeps.executor.attempts import UID, attempt, payload, record, setting
from tests.sweeps.fake_trainer import FakeRun

HERE = "tests.sweeps.executor.test_full_scores"


class Scoring(FakeRun):
    """A trainer whose scans can be scored in full: the liver was found, the tumour was not."""

    beats = 0

    def score_best(self, beat: Any, on_volume: Any) -> Any:
        from liverseg.metrics import full_score

        truth, predicted = [[[1, 1, 2]]], [[[1, 1, 1]]]
        for _ in range(3):
            type(self).beats += 1
            beat()
        case = score_of(truth, predicted, "case-a")
        plane = PlaneMap((1, 3), (1, 3), 0, 0, 3)
        on_volume(CaseSpan("case-a", "case-a", 0, 1, plane, reference_of(truth)), reference_of(predicted))
        return (full_score(case, reference_of(truth), reference_of(predicted)),)


class StoppedWhileScoring(Scoring):
    """Somebody asks to stop while it scores, the first time."""

    folder: Path
    asked = False

    def score_best(self, beat: Any, on_volume: Any) -> Any:
        if not type(self).asked:
            type(self).asked = True
            (self.folder / STOP).touch()
        return super().score_best(beat, on_volume)


def cases_of(sweep: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(sweep / "trials" / UID / "cases.parquet").to_pylist()
    return rows


def test_the_final_record_and_the_cases_carry_all_scores(tmp_path: Path) -> None:
    Scoring.beats = 0
    results = attempt(tmp_path, payload(), trainer=f"{HERE}:Scoring")
    assert results[-1]["done"] and results[-1]["last"] and Scoring.beats == 3, "once, not after every epoch"
    final, latest = record(tmp_path, FINAL), record(tmp_path, LATEST)
    assert final is not None and latest is not None
    assert final["metrics"]["hd95_liver_mean"] == 0.0 and final["metrics"]["hd95_tumour_failures"] == 1
    row = dict(zip(final["scores"]["columns"], final["scores"]["rows"][0], strict=True))
    assert (row["hd95_tumour"], row["nsd_liver"]) == ("inf", 1.0)
    assert final["cases"] == latest["cases"]
    assert final["best_epoch"] == latest["best_epoch"] and final["weights"] == latest["weights"]
    assert "scores" not in latest
    assert cases_of(tmp_path)[0]["hd95_tumour"] == math.inf


def test_a_stop_while_scoring_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.executor.pulse.LOOK_S", 0.0)
    StoppedWhileScoring.folder, StoppedWhileScoring.asked = tmp_path, False
    results = attempt(tmp_path, payload(), trainer=f"{HERE}:StoppedWhileScoring")
    assert results[-1]["stopped"] and results[-1]["epoch"] == 3
    assert record(tmp_path, FINAL) is None
    (tmp_path / STOP).unlink()
    again = attempt(tmp_path, payload(attempt=2), trainer=f"{HERE}:StoppedWhileScoring")
    assert [result["epoch"] for result in again] == [3], "no epoch is trained again"
    final = record(tmp_path, FINAL)
    assert final is not None and final["metrics"]["hd95_liver_mean"] == 0.0


def test_the_labels_are_kept_to_be_looked_at(tmp_path: Path) -> None:
    attempt(tmp_path, payload(), trainer=f"{HERE}:Scoring")
    found = read_predictions(tmp_path / "trials" / UID / OVERLAYS, ["case-a"])["case-a"]
    assert found.labels.tolist() == [[[1, 1, 1]]] and found.unseen_ml == 0.0


def test_a_disk_that_is_full_then_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(book: OverlayBook, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(OverlayBook, "write", full)
        results = attempt(tmp_path, payload(), trainer=f"{HERE}:Scoring")
    assert results[-1]["disk_full"] and record(tmp_path, FINAL) is None
    again = attempt(tmp_path, payload(attempt=2), trainer=f"{HERE}:Scoring")
    assert [result["epoch"] for result in again] == [3], "no epoch is trained again"
    assert record(tmp_path, FINAL) is not None and (tmp_path / "trials" / UID / OVERLAYS).is_file()


def test_an_attempt_from_the_beginning_keeps_no_labels_of_an_earlier_one(tmp_path: Path) -> None:
    attempt(tmp_path, payload(), trainer=f"{HERE}:Scoring")
    TrialSession(payload(attempt=2), setting(tmp_path, trainer=f"{HERE}:Scoring")).step()
    assert not (tmp_path / "trials" / UID / OVERLAYS).exists()


def test_a_trainer_that_cannot_score_in_full_keeps_what_it_has(tmp_path: Path) -> None:
    attempt(tmp_path)
    final = record(tmp_path, FINAL)
    assert final is not None and "scores" not in final
