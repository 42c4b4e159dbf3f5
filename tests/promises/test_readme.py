"""The table of promises names tests that are there, and leaves no promise out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROWS = [
    line for line in (Path(__file__).parent / "README.md").read_text("utf-8").splitlines() if line.startswith("| ")
][1:]


def test_every_promise_has_a_row_and_every_test_named_is_there() -> None:
    promised = [f"R{n}" for n in range(1, 15)] + [f"N{n}" for n in range(1, 6)] + [f"S{n}" for n in range(1, 9)]
    assert [row.split("|")[1].strip() for row in ROWS] == promised
    named = [match for row in ROWS for match in re.findall(r"`([\w/]+\.py)::(\w+)`", row)]
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (TESTS / path).read_text("utf-8")]
    assert len(named) > 50 and missing == []
