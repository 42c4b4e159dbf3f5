"""Nonsense under a right checksum, wherever it stands: one `LedgerError`, or a value that every reader can live with."""

from __future__ import annotations

import copy
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.errors import LedgerError
from results.fold import fold
from results.ledger import read_events
from results.ledger_line import ENVELOPE
from results.records import Sweep
from results.reports import report_format
from results.reports.document import build_document
from tests.promises.commands import refusal, said
from tests.results.ledger_factory import (
    FakeLedger,
    finished_payload,
    scored_in_full,
    suggested_payload,
    sweep_payload,
    uid_of,
)

Path_ = tuple[Any, ...]


def _rich() -> list[dict[str, Any]]:
    """A ledger in which every kind of event is."""
    rng, ledger = np.random.default_rng(0), FakeLedger()
    ledger.add("sweep", **sweep_payload(3, 3, parents=[{"name": "old", "trials": 1}], spec={"train": {"epochs": 4}}))
    ledger.add("inherited", source="old", state="finished", values=[0.5], **suggested_payload(0, "unet", rng))
    for number in range(3):
        uid = uid_of(number)
        ledger.add("suggested", **suggested_payload(number, ("unet", "segnet")[number % 2], rng, epochs=4))
        ledger.add("started", uid=uid, attempt=1, epoch=0)
        ledger.add("queued", uid=uid)
        ledger.add("started", uid=uid, attempt=2, epoch=0)
        ledger.add("checkpoint", uid=uid, epoch=2, path="trials/a/state", sha256="ab", values=[0.1, 0.2])
        if number == 2:
            ledger.add("failed", uid=uid, kind="oom", message="no room", epochs=3, seconds=4.0, values=[0.1])
            continue
        payload = scored_in_full(finished_payload(uid, "unet", rng, cases=3, epochs=4), rng)
        weights = {"epoch": 2, "path": "trials/a/best", "sha256": "aa"}
        ledger.add("finished", **payload, weights=weights, values=[0.3, 0.4])
        ledger.add("released", uid=uid, what=["state"])
    ledger.add("extended", trials=5, epochs=6, longer=[], space={"a": 1}, note="more")
    ledger.add("resumed", run=2)
    ledger.add("closed", reason="finished")
    return [json.loads(line) for line in ledger.lines]


RICH = _rich()


def _paths(value: Any, path: Path_ = ()) -> list[Path_]:
    inner = value.items() if isinstance(value, dict) else list(enumerate(value))[:2] if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in _paths(item, (*path, key)))]


PLACES = [
    (i, path)
    for i, record in enumerate(RICH)
    for path in _paths({key: value for key, value in record.items() if key not in ENVELOPE})[1:]
]


def _line(record: dict[str, Any]) -> bytes:
    """As the writer would, but for anything at all."""
    last = [(name, record[name]) for name in ("scores", "history") if name in record]
    head = {key: value for key, value in record.items() if key not in ("crc", "scores", "history")}
    body = json.dumps(head, separators=(",", ":")).encode()[:-1]
    body += b"".join(b', "%s":%s' % (name.encode(), json.dumps(value).encode()) for name, value in last)
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(b"}", zlib.crc32(body)))


LINES = [_line(record) for record in RICH]


def changed(place: int, path: Path_, value: Any) -> bytes:
    """The ledger with one value replaced."""
    record = copy.deepcopy(RICH[place])
    inner: Any = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return b"".join([*LINES[:place], _line(record), *LINES[place + 1 :]])


def at(event: str, *path: Any) -> tuple[int, Path_]:
    """Where the first event of that name is, and a path in it."""
    return next(i for i, record in enumerate(RICH) if record["event"] == event), path


def read(folder: Path, ledger: bytes) -> Sweep:
    """Everything that readers parse, parsed."""
    (folder / "ledger.jsonl").write_bytes(ledger)
    sweep = fold(read_events(folder / "ledger.jsonl"))
    for trial in sweep.trials:
        trial.epoch_values("val_dice")
        assert len(trial.case_scores) == len(trial.cases)
    return sweep


BIG = (2**63, -(2**63) - 1, 10**400)
NONSENSE = (
    *(None, True, -1, 0, *BIG, 1e300, -1e300, 1.5, float("nan"), "", "x", "inf", "\x00", "9" * 5000),
    *([], [1], [[]], [None], ["x", {}], [[["x"]]], {}, {"a": 1}, {"": None}, {"a": {"b": []}}),
)
nonsense = st.one_of(
    st.sampled_from(NONSENSE),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=4,
    ),
)


def test_the_ledger_itself_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, b"".join(LINES)).trials) == 3


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=nonsense)
def test_any_nonsense_is_one_error_or_can_be_read(tmp_path: Path, place: tuple[int, Path_], value: Any) -> None:
    try:
        read(tmp_path, changed(*place, value))
    except LedgerError as error:
        assert len(str(error)) < 1000


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=nonsense)
def test_what_can_be_read_can_be_reported(tmp_path: Path, place: tuple[int, Path_], value: Any) -> None:
    try:
        document = build_document(read(tmp_path, changed(*place, value)))
    except LedgerError:
        return
    for name in ("screen", "markdown", "json", "csv"):
        assert report_format(name).render(document)


@pytest.mark.parametrize(
    ("place", "value", "said_of_it"),
    [
        (at("finished", "history"), ["no", "mapping"], "`history` is no object"),
        (at("finished", "scores"), 7, "`scores` is no object"),
        (at("finished", "updates"), 2**63, "`finished` event"),
        (at("finished", "updates"), 2**60, "`updates` is beyond all bounds"),
        (at("finished", "epochs"), 10**10, "`epochs` is beyond all bounds"),
        (at("finished", "best_epoch"), 10**10, "`best_epoch` is beyond all bounds"),
        (at("finished", "cases", 0, 0), ["a"], "not text"),
        (at("checkpoint", "epoch"), 10**10, "an epoch beyond all bounds"),
        (at("started", "epoch"), 10**10, "`epoch` is beyond all bounds"),
        (at("suggested", "number"), -1, "`number` is negative"),
        (at("suggested", "parameters", "size"), 10**400, "too many digits"),
        (at("sweep", "labels"), [["liver"]], "is no text"),
        (at("sweep", "architectures"), "unet", "is no list"),
        (at("finished", "metrics", "val_dice"), "high", "is no number"),
    ],
)
def test_nonsense_is_refused_with_its_line(
    tmp_path: Path, place: tuple[int, Path_], value: Any, said_of_it: str
) -> None:
    with pytest.raises(LedgerError, match=f"line {place[0] + 1}") as caught:
        read(tmp_path, changed(*place, value))
    assert said_of_it in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("history", "val_dice"), None),
        (("history", "epoch", 0), 10**10),
        (("history", "epoch", 0), 0),
        (("history", "epoch"), [1]),
        (("history", "loss", 0), "low"),
        (("scores", "columns"), 5),
        (("scores", "rows"), []),
        (("scores", "rows", 0), [1.0]),
        (("scores", "rows", 0, 0), "-inf"),
    ],
)
def test_what_is_parsed_late_is_refused_with_its_trial(tmp_path: Path, path: Path_, value: Any) -> None:
    with pytest.raises(LedgerError, match=f"trial {uid_of(0)}"):
        read(tmp_path, changed(*at("finished", *path), value))


def test_show_says_it_in_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    for place, value in (
        (at("finished", "history"), [1]),
        (at("finished", "updates"), 2**63),
        (at("checkpoint", "epoch"), 10**10),
        (at("finished", "scores", "rows"), 3),
    ):
        (folder / "ledger.jsonl").write_bytes(changed(*place, value))
        told = refusal(said("show", "a", cwd=tmp_path))
        assert told.count("error") == 1 and (f"line {place[0] + 1}" in told or f"trial {uid_of(0)}" in told)
