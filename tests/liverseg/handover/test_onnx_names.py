"""The same graph is the same bytes, whatever its nodes were called and in which order they came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from liverseg.handover.onnx_names import canonical

SLICE = np.arange(6, dtype=np.float32).reshape(2, 3)


def info(name: str, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, SLICE.shape)


def branch(name: str, word: str, outer: str, weight: float) -> Any:
    inner = numpy_helper.from_array(np.float32([weight]), f"{word}_inner")
    node = helper.make_node("Mul", [outer, f"{word}_inner"], [f"{word}_{name}"], name=f"{word}_{name}")
    return helper.make_graph([node], f"{word}_{name}", [], [info(f"{word}_{name}")], [inner])


def example(word: str) -> tuple[list[Any], dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Nodes, constants and names for readers, with everything that a converter names beginning with a word of its own."""
    one, again, weight, flag = (f"{word}_{name}" for name in ("one", "again", "weight", "flag"))
    nodes = [
        helper.make_node("Add", ["slice", one], [f"{word}_a"], name=f"{word}_add__7"),
        helper.make_node("Mul", [f"{word}_a", weight], [f"{word}_b"], name=f"{word}_mul"),
        helper.make_node("Sub", [f"{word}_b", again], [f"{word}_c"], doc_string=word),
        helper.make_node(
            "If",
            [flag],
            [f"{word}_d"],
            else_branch=branch("no", word, f"{word}_c", 3.0),
            then_branch=branch("yes", word, f"{word}_a", 5.0),
        ),
        helper.make_node("Add", [f"{word}_d", f"{word}_c"], ["logits"]),
        helper.make_node("Neg", [f"{word}_a"], [f"{word}_unused"]),
    ]
    constants = {one: np.float32([1]), again: np.float32([1]), weight: np.float32([2]), flag: np.array(False)}
    return nodes, constants, {weight: "0001/down1/kernel"}


def model(nodes: Sequence[Any], constants: dict[str, np.ndarray[Any, Any]]) -> Any:
    tensors = [numpy_helper.from_array(value, name) for name, value in sorted(constants.items())]
    graph = helper.make_graph(list(nodes), "g", [info("slice")], [info("logits")], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def calm(word: str, order: random.Random | None = None) -> Any:
    nodes, constants, called = example(word)
    if order is not None:
        order.shuffle(nodes)
        constants = dict(order.sample(sorted(constants.items()), len(constants)))
    ordered, kept = canonical(nodes, fixed=("slice", "logits"), outputs=["logits"], constants=constants, called=called)
    return model(ordered, {new: constants[old] for new, old in kept.items()})


def result(made: Any) -> Any:
    return ReferenceEvaluator(made).run(None, {"slice": SLICE})[0]


@settings(max_examples=30, deadline=None)
@given(st.from_regex(r"[a-z]{1,4}_[0-9]{1,3}", fullmatch=True), st.randoms(use_true_random=False))
def test_names_and_order_of_the_converter_leave_no_trace(word: str, order: random.Random) -> None:
    assert calm(word, order).SerializeToString() == calm("first").SerializeToString()


def test_it_computes_the_same_in_an_order_that_can_be_run() -> None:
    nodes, constants, _ = example("x")
    made = calm("x")
    onnx.checker.check_model(made)
    np.testing.assert_array_equal(result(made), result(model(nodes, constants)))
    assert [node.op_type for node in made.graph.node] == ["Add", "Mul", "Sub", "If", "Add"], "what nobody needs goes"


def test_equal_constants_are_one_and_weights_keep_the_name_for_readers() -> None:
    made = calm("x")
    assert sorted(each.name for each in made.graph.initializer) == [
        "0001/down1/kernel",
        "constant_0000",
        "constant_0001",
    ]
    assert b"x_" not in made.SerializeToString(), "nothing is called as the converter called it"


def test_weights_that_hold_the_same_stay_apart() -> None:
    nodes = [helper.make_node("Add", ["slice", "w"], ["m"]), helper.make_node("Mul", ["m", "v"], ["logits"])]
    constants = {"w": np.float32([1]), "v": np.float32([1])}
    called = {"w": "bias", "v": "bias"}
    _, kept = canonical(nodes, fixed=("slice", "logits"), outputs=["logits"], constants=constants, called=called)
    assert kept == {"bias": "w", "bias/2": "v"}


@pytest.mark.parametrize("value", [np.float32([2]), np.float64([1]), np.float32([[1]])])
def test_other_numbers_types_and_shapes_are_other_graphs(value: np.ndarray[Any, Any]) -> None:
    nodes, constants, called = example("x")
    _, kept = canonical(
        nodes, fixed=("slice", "logits"), outputs=["logits"], constants=constants | {"x_again": value}, called=called
    )
    assert len(kept) == 4
