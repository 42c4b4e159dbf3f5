"""Nodes of an ONNX graph in canonical order and under canonical names, so that a network is the same bytes in every process.

tf2onnx numbers what it makes by counters that go on through the life of a process, and merges what is equal in the order of
such names. Here nodes come in the order in which they are met on the way from the results back to the inputs, and are called
by their operation and their place in it; constants that hold the same numbers are one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

Constants = Mapping[str, npt.NDArray[Any]]


def canonical(
    nodes: Sequence[Any],
    *,
    fixed: Collection[str],
    outputs: Sequence[str],
    constants: Constants,
    called: Mapping[str, str],
) -> tuple[list[Any], dict[str, str]]:
    """Order and rename nodes; they are changed in place, and compute what they did.

    Args:
        nodes: in the form of their protocol buffers, in any order.
        fixed: names that stay: of the graph's inputs and outputs.
        outputs: the results, in order. Nodes that none of them needs are dropped.
        constants: what is known of names that no node makes.
        called: names for readers, of constants by their present name; the others get a number.

    Returns:
        The nodes, and of every constant that they read its new name, with the present one of what it holds.
    """
    ordered = _in_order(nodes, outputs)
    names = {name: name for name in fixed}
    kept: dict[str, str] = {}
    same: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    for name in read_by(ordered):
        if name not in constants or name in names:
            continue
        if name in called:
            names[name] = _unused(called[name], {*kept, *fixed})
        else:
            value = constants[name]
            number = _unused(f"constant_{len(same):04d}", {*kept, *fixed})
            names[name] = same.setdefault((value.dtype.str, value.shape, value.tobytes()), number)
        kept.setdefault(names[name], name)
    _rename(ordered, names, "")
    return ordered, kept


def read_by(nodes: Iterable[Any]) -> Iterator[str]:
    """Names that nodes, and the branches and loops inside them, read."""
    for node in nodes:
        yield from node.input
        for inner in _inside(node):
            yield from read_by(inner.node)
            yield from (value.name for value in inner.output)


def _inside(node: Any) -> list[Any]:
    """The graphs of branches and loops."""
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _in_order(nodes: Iterable[Any], outputs: Sequence[str]) -> list[Any]:
    """Nodes that the outputs need, each behind those that it needs itself, those of its first input first."""
    makers = {name: node for node in nodes for name in node.output if name}
    ordered: dict[str, Any] = {}
    stack = [(makers[name], False) for name in reversed(outputs) if name in makers]
    while stack:
        node, ready = stack.pop()
        key = next(filter(None, node.output))
        if key in ordered:
            continue
        if ready:
            _replace(node, "attribute", sorted(node.attribute, key=lambda attribute: str(attribute.name)))
            ordered[key] = node
            continue
        needs = [makers[name] for name in read_by([node]) if name in makers]
        stack += [(node, True), *((each, False) for each in reversed(needs))]
    return list(ordered.values())


def _rename(nodes: Iterable[Any], names: dict[str, str], inside: str) -> None:
    """Name nodes and what they make; `names` takes the new names of all that they make."""
    for index, node in enumerate(nodes):
        place = f"{inside}{node.op_type}_{index:04d}"
        for position, graph in enumerate(_inside(node)):
            _rename_inside(graph, dict(names), f"{place}/{position}/")
        node.name = place
        node.ClearField("doc_string")
        for position, name in enumerate(node.output):
            if name:
                names.setdefault(name, f"{place}:{position}")
        _replace(node, "input", [names.get(name, name) for name in node.input])
        _replace(node, "output", [names.get(name, name) for name in node.output])


def _rename_inside(graph: Any, names: dict[str, str], inside: str) -> None:
    """The same for a branch or the body of a loop, whose own names nobody outside sees."""
    for kind, values in (("input", graph.input), ("constant", graph.initializer)):
        for index, value in enumerate(values):
            names[value.name] = f"{inside}{kind}_{index:04d}"
            value.name = names[value.name]
    _rename(graph.node, names, inside)
    for value in graph.output:
        value.name = names.get(value.name, value.name)
    graph.ClearField("value_info")
    graph.name = inside


def _unused(name: str, taken: Collection[str]) -> str:
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}/{count}"
    return found


def _replace(message: Any, field: str, items: list[Any]) -> None:
    """Put items in the place of a repeated field's, among which they may be."""
    message.ClearField(field)
    getattr(message, field).extend(items)
