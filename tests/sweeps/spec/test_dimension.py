from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.config import PARAMETERS
from sweeps.spec.dimension import Dimension
from sweeps.spec.faults import Fault
from sweeps.spec.values import read_dimension


def read(name: str, raw: Any) -> Dimension:
    dimension, faults = read_dimension(PARAMETERS[name], raw)
    assert not faults
    assert dimension is not None
    return dimension


def faults_of(name: str, raw: Any) -> list[Fault]:
    dimension, faults = read_dimension(PARAMETERS[name], raw)
    assert dimension is None
    return faults


def test_a_value_is_fixed() -> None:
    dimension = read("learning_rate", 1)
    assert (dimension.fixed, dimension.value, dimension.size) == (True, 1.0, 1)
    assert type(dimension.value) is float
    assert dimension.describe() == "1"


def test_a_list_is_a_choice_of_values_of_the_right_type() -> None:
    assert read("learning_rate", [1, 0.1]).choices == (1.0, 0.1)
    assert read("loss", {"choice": ["ce", "dice"]}) == read("loss", ["ce", "dice"])
    assert read("mixed_precision", [True, False]).describe() == "true | false"


@pytest.mark.parametrize(
    ("name", "raw", "kind", "log", "size", "words"),
    [
        ("learning_rate", {"log": [1e-5, 1e-2]}, "float", True, None, "1e-05 … 0.01, log"),
        ("weight_decay", {"uniform": [0, 1]}, "float", False, None, "0 … 1"),
        ("weight_decay", {"uniform": [0, 1], "step": 0.25}, "float", False, 5, "0 … 1, step 0.25"),
        ("batch_size", {"int": [4, 8]}, "int", False, 5, "4 … 8"),
        ("batch_size", {"int": [4, 8], "step": 2}, "int", False, 3, "4 … 8, step 2"),
        ("batch_size", {"log": [4, 64]}, "int", True, 61, "4 … 64, log"),
        ("size", {"int": [64, 128]}, "int", False, 3, "64 … 128, step 32"),
    ],
)
def test_ranges(name: str, raw: Any, kind: str, log: bool, size: int | None, words: str) -> None:
    dimension = read(name, raw)
    assert (dimension.kind, dimension.log, dimension.size, dimension.describe()) == (kind, log, size, words)
    assert dimension.enumerable == (size is not None and not log)


@pytest.mark.parametrize(
    ("name", "raw", "path", "what"),
    [
        ("learning_rate", None, (), "impossible value"),
        ("learning_rate", True, (), "impossible value"),
        ("learning_rate", float("nan"), (), "impossible value"),
        ("learning_rate", "fast", (), "impossible value"),
        ("learning_rate", [1e-3, "fast"], (1,), "impossible value"),
        ("learning_rate", [1, 1.0], (1,), "given twice in the list"),
        ("learning_rate", {}, (), "not one range"),
        ("learning_rate", {"step": 1}, (), "not one range"),
        ("learning_rate", {"log": [1e-3, 1e-2], "uniform": [1e-3, 1e-2]}, (), "not one range"),
        ("learning_rate", {"log": [1e-3, 1e-2], "base": 10}, (), "not one range"),
        ("learning_rate", {"log": [1e-3]}, ("log",), "not the two bounds of a range"),
        ("learning_rate", {"log": [1e-3, float("inf")]}, ("log",), "not the two bounds of a range"),
        ("learning_rate", {"log": [1e-3, 1e-3]}, ("log",), "the low bound must be below the high one"),
        ("learning_rate", {"log": [1e-3, 1e-2], "step": 1e-3}, ("step",), "a logarithmic range has no step"),
        ("learning_rate", {"int": [1, 2]}, ("int",), "learning_rate takes numbers with decimals"),
        ("weight_decay", {"log": [0.0, 0.1]}, ("log", 0), "a logarithmic range starts above 0"),
        ("weight_decay", {"uniform": [0.0, 0.1], "step": 0.03}, ("step",), "the step does not divide the range"),
        ("weight_decay", {"uniform": [0.0, 0.1], "step": 0}, ("step",), "impossible step"),
        ("batch_size", {"uniform": [1, 2]}, ("uniform",), "batch_size takes whole numbers"),
        ("batch_size", {"int": [1, 2.5]}, ("int", 1), "a bound is impossible"),
        ("batch_size", {"int": [0, 9999]}, ("int", 0), "a bound is impossible"),
        ("batch_size", {"int": [1, 9], "step": 0.5}, ("step",), "impossible step"),
        ("batch_size", {"int": [1, 9], "step": 3}, ("step",), "the step does not divide the range"),
        ("size", {"log": [64, 128]}, (), "size goes in steps of 32"),
        ("size", {"int": [64, 128], "step": 16}, ("step",), "impossible step"),
        ("loss", {"choice": "ce"}, ("choice",), "not a list"),
        ("loss", {"choice": ["ce"], "step": 1}, ("step",), "a choice has no step"),
        ("loss", {"log": [1, 2]}, (), "loss has no range"),
        ("mixed_precision", 1, (), "impossible value"),
    ],
)
def test_what_cannot_work(name: str, raw: Any, path: tuple[Any, ...], what: str) -> None:
    first = faults_of(name, raw)[0]
    assert (first.path, first.what) == (path, what)


def test_every_bad_item_is_found() -> None:
    assert [fault.path for fault in faults_of("batch_size", [0, 8, "x", 8])] == [(0,), (2,), (3,)]


def test_membership_knows_types_and_steps() -> None:
    assert read("batch_size", {"int": [4, 8], "step": 2}).contains(6)
    assert not read("batch_size", {"int": [4, 8], "step": 2}).contains(5)
    assert not read("batch_size", {"int": [4, 8]}).contains(5.0)
    assert not read("learning_rate", {"log": [1e-3, 1e-1]}).contains(True)
    assert not read("learning_rate", {"log": [1e-3, 1e-1]}).contains(float("nan"))
    assert read("mixed_precision", [True]).contains(True)
    assert not read("mixed_precision", [True]).contains(1)


NUMBERS = st.sampled_from([name for name, parameter in PARAMETERS.items() if parameter.kind in ("int", "float")])


@st.composite
def ranges(draw: st.DrawFn) -> Dimension:
    parameter = PARAMETERS[draw(NUMBERS)]
    assert parameter.low is not None and parameter.high is not None
    if parameter.kind == "int":
        step = parameter.step or draw(st.integers(1, 5))
        low = draw(st.integers(int(parameter.low) // step + 1, int(parameter.high) // step - 2)) * step
        count = draw(st.integers(1, (int(parameter.high) - low) // step))
        return read(parameter.name, {"int": [low, low + count * step], "step": step})
    low_f = draw(st.floats(parameter.low, parameter.high / 2))
    high_f = draw(st.floats(low_f * 1.01 + 1e-6, parameter.high))
    raw: dict[str, Any] = {"uniform": [low_f, high_f]}
    if draw(st.booleans()):
        raw["step"] = (high_f - low_f) / draw(st.integers(1, 20))
    return read(parameter.name, raw)


@given(ranges())
def test_what_is_written_reads_back_the_same(dimension: Dimension) -> None:
    assert read(dimension.name, dimension.as_plain()) == dimension


@given(ranges())
def test_points_lie_inside_and_are_as_many_as_the_size_says(dimension: Dimension) -> None:
    if not dimension.enumerable:
        assert dimension.size is None
        return
    points = dimension.points()
    assert len(set(points)) == len(points) == dimension.size
    assert (points[0], points[-1]) == pytest.approx(dimension.bounds)
    if dimension.kind == "int":
        assert all(dimension.contains(point) for point in points)
