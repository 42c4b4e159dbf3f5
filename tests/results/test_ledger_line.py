"""One line of the ledger: what is put into it is read from it, and nothing else is taken for a line."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.ledger_line import ENVELOPE, decode, encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


payloads = st.dictionaries(st.text(max_size=8).filter(lambda key: key not in ENVELOPE), json_values, max_size=5)


def plain(value: Any) -> Any:
    """What a value is after a journey through the ledger: NaN and infinities are None, surrogates replaced."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(payload=payloads)
def test_a_line_gives_back_its_payload(payload: dict[str, Any]) -> None:
    line = encode(1, "2026-01-01T00:00:00.000Z", "finished", payload)
    event = decode(line[:-1], 1, "x")
    last = {"scores": event.scores, "history": event.history}
    assert dict(event.payload) | {name: json.loads(text) for name, text in last.items() if text} == plain(payload)
    assert line.isascii()
    assert line.count(b"\n") == 1


def test_the_checksum_is_that_of_the_line_without_it() -> None:
    line = encode(4, "t", "started", {"uid": "t0", "attempt": 1})
    record = json.loads(line)
    crc = record.pop("crc")
    assert crc == f"{zlib.crc32(json.dumps(record, separators=(',', ':')).encode()):08x}"


nested = st.recursive(
    st.sampled_from([1, ', "scores":1', ',"history":2', ', "history":', "}"]),
    lambda inner: st.dictionaries(st.sampled_from(["a", "scores", "history", ', "scores"']), inner, max_size=3),
    max_leaves=6,
)


@given(payload=st.dictionaries(st.sampled_from(["uid", "scores", "history", "metrics"]), nested))
def test_no_member_further_in_and_no_text_is_taken_for_the_last_ones(payload: dict[str, Any]) -> None:
    event = decode(encode(1, "t", "finished", payload)[:-1], 1, "x")
    last = {"scores": event.scores, "history": event.history}
    assert dict(event.payload) | {name: json.loads(text) for name, text in last.items() if text} == payload


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, np.nan]), [1.0, None]),
        ((1, 2), [1, 2]),
        (Path("a/b"), "a/b"),
        (-math.inf, None),
        ({"b", "a"}, ["a", "b"]),
    ],
)
def test_values_become_plain_json(value: Any, expected: Any) -> None:
    assert decode(encode(1, "t", "e", {"x": value})[:-1], 1, "x").payload == {"x": expected}
