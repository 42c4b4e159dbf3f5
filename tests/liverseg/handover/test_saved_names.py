"""Functions of a SavedModel get numbers of their own, everywhere that they are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from liverseg.handover.saved_names import calm, numbered_anew, replace_texts


def written(folder: Path, start: int, reverse: bool) -> bytes:
    """A SavedModel of three functions as TensorFlow would write it once its counter stands at `start`; calmed."""
    model = saved_model_pb2.SavedModel()
    graph = model.meta_graphs.add()
    names = [f"__inference_serve_{start}", f"__inference_serve_{start + 95}", f"__inference__traced_save_{start + 900}"]
    for index in reversed(range(3)) if reverse else range(3):
        function = graph.graph_def.library.function.add()
        function.signature.name = names[index]
        function.arg_attr[4].attr["_user_specified_name"].s = str(start + 4).encode()
        function.arg_attr[0].attr["_user_specified_name"].s = b"slice"
        function.arg_attr[7].attr["other"].i = 3
    node = graph.graph_def.node.add(name="call_2", op="StatefulPartitionedCall")
    node.attr["f"].func.name = names[1]
    node.attr["text"].s = names[0].encode()
    node.attr["several"].list.s.extend([b"other", names[2].encode()])
    objects = graph.object_graph_def
    objects.concrete_functions[names[0]].bound_inputs.append(3)
    objects.concrete_functions[names[1]].bound_inputs.append(5)
    objects.nodes.add().function.concrete_functions.append(names[1])
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    (folder / "fingerprint.pb").write_bytes(bytes([start % 256]))
    calm(folder)
    assert [path.name for path in folder.iterdir()] == ["saved_model.pb"]
    return (folder / "saved_model.pb").read_bytes()


def test_the_counter_and_the_order_leave_no_trace(tmp_path: Path) -> None:
    first = written(tmp_path / "a", 7, False)
    # From one digit to several: names of text would change their order.
    assert first == written(tmp_path / "b", 95, True) == written(tmp_path / "c", 20451, False)
    model = saved_model_pb2.SavedModel.FromString(first)
    (graph,) = model.meta_graphs
    names = [function.signature.name for function in graph.graph_def.library.function]
    assert names == ["__inference__traced_save_0", "__inference_serve_0", "__inference_serve_1"]
    attributes = graph.graph_def.node[0].attr
    assert graph.graph_def.node[0].name == "call_2" and attributes["f"].func.name == names[2]
    assert attributes["text"].s == names[1].encode() and list(attributes["several"].list.s)[1] == names[0].encode()
    concrete = graph.object_graph_def.concrete_functions
    assert {name: list(concrete[name].bound_inputs) for name in concrete} == {names[1]: [3], names[2]: [5]}
    assert list(graph.object_graph_def.nodes[0].function.concrete_functions) == [names[2]]
    arguments = graph.graph_def.library.function[0].arg_attr
    assert (arguments[0].attr["_user_specified_name"].s, arguments[4].attr["_user_specified_name"].s) == (
        b"slice",
        b"4",
    )
    assert list(arguments[7].attr) == ["other"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {}),
        (["plain", "f_x"], {}),
        (["f_30", "f_4", "g_30"], {"f_4": "f_0", "f_30": "f_1", "g_30": "g_0"}),
        (["f_1", "f_0"], {"f_0": "f_0", "f_1": "f_1"}),
        (["f_2_9", "f_2_10", "f_9"], {"f_2_9": "f_2_0", "f_2_10": "f_2_1", "f_9": "f_0"}),
    ],
)
def test_numbers_follow_the_counter(names: list[str], expected: dict[str, str]) -> None:
    assert numbered_anew(names) == expected


def test_keys_that_change_places_lose_nothing() -> None:
    graph = saved_model_pb2.SavedModel().meta_graphs.add()
    for key in ("a", "b", "c"):
        graph.signature_def[key].method_name = f"of {key}"
        graph.object_graph_def.concrete_functions[key].bound_inputs.append(ord(key))
    replace_texts(graph, {"a": "b", "b": "a", "of c": "of nothing"})
    found = {key: graph.signature_def[key].method_name for key in graph.signature_def}
    assert found == {"a": "of b", "b": "of a", "c": "of nothing"}
    inputs = {key: list(value.bound_inputs) for key, value in graph.object_graph_def.concrete_functions.items()}
    assert inputs == {"a": [98], "b": [97], "c": [99]}
