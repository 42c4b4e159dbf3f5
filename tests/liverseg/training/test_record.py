from __future__ import annotations

import csv
import json
import math

import pyarrow.parquet as pq

from liverseg.training import record as module
from liverseg.training.record import (
    EpochRecord,
    append_history,
    history_columns,
    plain,
    trim_history,
    write_cases,
    write_history,
)
from sweeps.spec.catalogue import METRICS
from tests.liverseg.metrics.cases import score_of


def record(epoch: int, val_dice: float = 0.5) -> EpochRecord:
    metrics = {"dice_liver_mean": val_dice, "dice_tumour_mean": math.nan, "n_patients": 2}
    return EpochRecord(epoch, 4 * epoch, 0.25, val_dice, 1e-4, 2.0, 1.5, 3.0, metrics)


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_record_survives_json_with_undefined_numbers():
    text = json.dumps(record(1, math.nan).as_dict(), allow_nan=False)
    back = EpochRecord.from_dict(json.loads(text))
    assert math.isnan(back.val_dice) and math.isnan(back.metrics["dice_tumour_mean"])
    assert (back.epoch, back.loss, back.metrics["n_patients"]) == (1, 0.25, 2)


def test_plain_enters_mappings_and_sequences():
    assert plain({"a": [math.inf, (1, math.nan)], "b": "text"}) == {"a": [None, [1, None]], "b": "text"}


def test_history_grows_by_a_row_an_epoch(tmp_path):
    for epoch in (1, 2, 3):
        append_history(tmp_path / "history.csv", record(epoch))
    written = rows(tmp_path / "history.csv")
    assert [row["epoch"] for row in written] == ["1", "2", "3"]
    assert written[0]["schema_version"] == "1" and written[0]["dice_tumour_mean"] == ""
    assert float(written[2]["val_dice"]) == 0.5


def test_a_resumed_training_overwrites_what_came_after_its_checkpoint(tmp_path):
    path = tmp_path / "history.csv"
    for epoch in (1, 2, 3):
        append_history(path, record(epoch, 0.1))
    append_history(path, record(2, 0.9))
    assert [(row["epoch"], row["val_dice"]) for row in rows(path)] == [("1", "0.1"), ("2", "0.9")]


def test_rows_after_an_epoch_can_be_dropped(tmp_path):
    path = tmp_path / "history.csv"
    for epoch in (1, 2):
        append_history(path, record(epoch))
    shorter = path.read_bytes()
    append_history(path, record(3))
    trim_history(path, 2)
    assert path.read_bytes() == shorter
    trim_history(path, 0)
    assert rows(path) == [] and path.read_text().startswith("schema_version,epoch,")


def test_nothing_is_written_when_there_is_nothing_to_drop(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    trim_history(path, 0)
    assert not path.exists()
    append_history(path, record(1))
    monkeypatch.setattr(module, "write_text", None)
    trim_history(path, 1)
    trim_history(path, 7)


def test_a_whole_history_is_written_over_a_damaged_one(tmp_path):
    path, other = tmp_path / "history.csv", tmp_path / "other.csv"
    for epoch in (1, 2):
        append_history(other, record(epoch))
    path.write_bytes(b"epoch\n\x00")
    write_history(path, [record(1), record(2)])
    assert path.read_bytes() == other.read_bytes()


def test_columns_of_the_learning_curve():
    columns = history_columns([record(1), record(2, math.nan)])
    assert columns["epoch"] == [1, 2] and columns["val_dice"] == [0.5, None]
    assert columns["dice_liver_mean"] == [0.5, None] and columns["dice_global_tumour"] == [None, None]


def test_every_objective_that_changes_from_epoch_to_epoch_is_in_the_learning_curve():
    of_the_network = {"parameters", "gflops"}
    named = {"s_per_epoch": "seconds"}
    assert {named.get(metric, metric) for metric in METRICS.keys() - of_the_network} <= history_columns([]).keys()


def test_cases_are_a_parquet_table_with_a_version(tmp_path):
    scores = [score_of([[[1, 2]]], [[[1, 1]]], "case-a"), score_of([[[1, 0]]], [[[1, 2]]], "case-b")]
    write_cases(tmp_path / "cases.parquet", scores)
    table = pq.read_table(tmp_path / "cases.parquet")
    assert table.schema.metadata[b"schema_version"] == b"1"
    assert table.column("uid").to_pylist() == ["case-a", "case-b"]
    assert table.column("dice_tumour").to_pylist() == [0.0, 0.0]
    assert [path.name for path in tmp_path.iterdir()] == ["cases.parquet"]
