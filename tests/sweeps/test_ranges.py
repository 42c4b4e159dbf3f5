"""One range a parameter over stages, architectures and extensions."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sweeps.ranges import distinct, make_range
from sweeps.spec.dimension import Dimension

JSON = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)


def span(kind: Any, low: float, high: float, **more: Any) -> Dimension:
    return Dimension(name="x", kind=kind, low=low, high=high, **more)


def choice(*values: Any, fixed: bool = False) -> Dimension:
    return Dimension(name="x", kind="categorical", choices=values, fixed=fixed)


def test_a_range_is_kept_as_the_spec_gave_it() -> None:
    found = make_range([span("float", 1e-5, 1e-2, log=True)], [1e-3])
    assert (found.kind, found.low, found.high, found.log, found.sampled) == ("float", 1e-5, 1e-2, True, True)
    found = make_range([span("int", 32, 128, step=32)], [64])
    assert (found.kind, found.low, found.high, found.step) == ("int", 32, 128, 32)


def test_stages_and_extensions_widen_it() -> None:
    found = make_range([choice(1e-3, fixed=True), span("float", 1e-5, 1e-4, log=True)], [1e-3, 2e-5])
    assert (found.low, found.high, found.log, found.sampled) == (1e-5, 1e-3, True, True)
    assert make_range([span("int", 32, 128, step=32)], [50]).step is None
    assert make_range([choice(8, 16), choice(16, 32)], [8]).choices == (8, 16, 32)


def test_a_value_that_never_varies_is_no_parameter() -> None:
    assert not make_range([choice(64, fixed=True)], [64, 64]).sampled
    assert make_range([choice(64, fixed=True), choice(128, fixed=True)], [64, 128]).sampled


def test_without_a_spec_trials_tell() -> None:
    found = make_range([], [1e-5, 1e-2])
    assert (found.kind, found.low, found.high, found.log) == ("float", 1e-5, 1e-2, True)
    assert make_range([], [8, 16, 8]).choices == (8, 16)


def test_what_could_be_mistaken_is_text() -> None:
    found = make_range([], [True, 1, [2], None])
    assert found.choices == ("true", "1", "[2]", "null") and found.plain([2]) == "[2]"


@example([False, 0, 0.0])
@example([0, 0.0])
@given(st.lists(JSON | st.lists(JSON, max_size=2), min_size=1, max_size=6))
def test_every_value_lies_in_its_range_and_no_two_become_one(values: list[Any]) -> None:
    found = make_range([], values)
    plain = [found.plain(value) for value in values]
    if found.kind == "categorical":
        assert all(
            any(value is item or (type(value) is type(item) and value == item) for item in found.choices)
            or value in found.choices
            for value in plain
        )
        assert len(set(plain)) <= len(found.choices)
    else:
        assert all(found.low <= value <= found.high for value in plain)


def test_texts_that_look_alike_get_different_names() -> None:
    taken: dict[str, str] = {}
    names = [distinct(taken, text) for text in ("a\x00", "a\x01", "a\x00", "a")]
    assert names == ["a\ufffd", "a\ufffd (2)", "a\ufffd", "a"]
