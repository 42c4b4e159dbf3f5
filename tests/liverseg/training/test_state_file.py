from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.errors import TrainingError
from liverseg.training.state_file import array_file, parse_state, render_state, verify_checkpoint

VALUES = {"epoch": 3, "losses": [0.1, 1e-7], "best": None, "case": "é"}
GROUPS = {"network": "a" * 64, "best": "0123456789abcdef" * 4}
CONTENT = render_state(VALUES, GROUPS)
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), PLAIN))
def test_values_come_back_as_they_were(values):
    state = parse_state(render_state(values, GROUPS))
    assert state.values == values and state.groups == GROUPS


def test_the_file_is_json_and_its_digest_is_that_of_its_bytes(tmp_path):
    import hashlib

    document = json.loads(CONTENT)
    assert set(document) == {"schema_version", "sha256", "values", "check"} and document["values"] == VALUES
    assert parse_state(CONTENT).digest == hashlib.sha256(CONTENT).hexdigest()


def accepted(content: bytes) -> bool:
    try:
        parse_state(content)
    except UNREADABLE:
        return False
    return True


def test_any_other_byte_anywhere_is_found():
    changed = (
        CONTENT[:position] + bytes([other]) + CONTENT[position + 1 :]
        for position in range(len(CONTENT))
        for other in range(256)
        if other != CONTENT[position]
    )
    assert accepted(CONTENT) and not any(map(accepted, changed))


def test_any_missing_end_or_beginning_is_found():
    for length in range(len(CONTENT)):
        assert not accepted(CONTENT[:length]) and not accepted(CONTENT[len(CONTENT) - length :]), length


@given(st.binary())
def test_garbage_is_never_a_state(content):
    with pytest.raises(UNREADABLE):
        parse_state(content)


@given(st.binary(min_size=1), st.integers(0, len(CONTENT)))
def test_something_put_in_between_is_found(more, position):
    with pytest.raises(UNREADABLE):
        parse_state(CONTENT[:position] + more + CONTENT[position:])


def test_a_seal_does_not_make_another_version_readable():
    old = b'{"schema_version":1,"sha256":{},"values":{}}'
    assert parse_state(old).values == {}
    for version in (b"2", b"3"):
        with pytest.raises(ValueError, match="version"):
            parse_state(old.replace(b"1", version))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"schema_version":1}'])
def test_what_is_no_state_is_one_clear_error(tmp_path, content):
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be used"):
        verify_checkpoint(tmp_path)


@pytest.mark.parametrize("groups", [{"../network": "0" * 64}, {"network": "0" * 63}, {"network": "../" + "0" * 61}])
def test_no_group_leads_out_of_the_folder(tmp_path, groups):
    with pytest.raises(ValueError, match="not a group"):
        array_file(tmp_path, *next(iter(groups.items())))
    (tmp_path / "state.json").write_bytes(render_state({}, groups))
    with pytest.raises(TrainingError, match="not a group"):
        verify_checkpoint(tmp_path)


def test_what_json_cannot_say_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        render_state({"loss": float("nan")}, {})


def test_positions_are_read_without_arrays_or_networks():
    code = "import sys, liverseg.training.position; print(*sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert not {"numpy", "keras", "tensorflow"} & set(done.stdout.split())
