"""A network as a graph of ONNX.

tf2onnx is shown the network as a function of the slices *and of its weights*, which become the graph's constants
afterwards. Converting a network with its weights inside takes some 50 times their memory, 7 GB for the study's U-Net,
for the converter copies the graph before each of its passes. This way it is less than 1 GB, and a quarter of the time.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np

from liverseg.errors import ConfigError
from liverseg.handover.description import NOTICE
from liverseg.handover.onnx_names import canonical

OPSET = 17
"""Read by ONNX Runtime from 1.12 on (2022)."""
INPUT, OUTPUT, BATCH = "slice", "logits", "batch"
_NEEDED = ("onnx", "onnxruntime", "tf2onnx")
_FOLDED = frozenset(("Transpose", "Reshape", "Squeeze", "Unsqueeze"))
"""What the converter does to a weight before it is used; with constant weights it can be done beforehand."""


def require_onnx() -> None:
    """Refuse to begin what would end in `write_onnx` without its packages.

    Raises:
        ConfigError: one is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise _not_installed(", ".join(missing))


def onnx_bytes(network: Any, about: Mapping[str, str]) -> bytes:
    """The network in inference as an ONNX file: `slice` (batch, s, s, 1) to `logits` (batch, s, s, classes).

    Args:
        network: a Keras model on TensorFlow.
        about: goes into the metadata.

    Raises:
        ConfigError: a package is missing.
        Exception: whatever tf2onnx and onnx raise where they cannot convert.
    """
    helper, checker = needed("onnx.helper"), needed("onnx.checker")
    model, values = _converted(network)
    _bind(model.graph, values)
    _calm(model)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    helper.set_model_props(model, dict(about))
    model.doc_string = about.get("notice", NOTICE)
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _converted(network: Any) -> tuple[Any, dict[str, Any]]:
    """The graph with weights among its inputs, and their values by the names of these inputs."""
    import tensorflow as tf

    trainable, others = network.trainable_variables, network.non_trainable_variables
    variables = {f"{index:04d}/{each.path}": each for index, each in enumerate((*trainable, *others))}
    slices = tf.TensorSpec((None, *network.inputs[0].shape[1:]), tf.float32, name=INPUT)
    weights = [tf.TensorSpec(each.shape, each.dtype, name=name) for name, each in variables.items()]

    def logits(slices: Any, *weights: Any) -> dict[str, Any]:
        own, rest = list(weights[: len(trainable)]), list(weights[len(trainable) :])
        return {OUTPUT: network.stateless_call(own, rest, slices, training=False)[0]}

    signature = [slices, *weights]
    function = tf.function(logits, input_signature=signature, autograph=False)
    model, _ = needed("tf2onnx.convert").from_function(function, signature, opset=OPSET)
    names = [value.name for value in model.graph.input if value.name != INPUT]
    return model, {name: np.asarray(variables[name]) for name in names}


def _bind(graph: Any, values: Mapping[str, Any]) -> None:
    """Make constants of inputs, and of what is computed from constants alone by moving numbers about; canonical names."""
    numpy_helper = needed("onnx.numpy_helper")
    known = {**{each.name: numpy_helper.to_array(each) for each in graph.initializer}, **values}
    called = {name: name for name in values}
    left = []
    for node in graph.node:
        if node.op_type in _FOLDED and all(name in known for name in node.input):
            known[node.output[0]] = _done(node, [known[name] for name in node.input])
            weights = [called[name] for name in node.input if name in called]
            if weights:
                called[node.output[0]] = weights[0]
        else:
            left.append(node)
    inputs = [value for value in graph.input if value.name == INPUT]
    results = [value.name for value in graph.output]
    nodes, constants = canonical(left, fixed=(INPUT, *results), outputs=results, constants=known, called=called)
    for field, kept in (("node", nodes), ("input", inputs), ("initializer", []), ("value_info", [])):
        graph.ClearField(field)
        getattr(graph, field).extend(kept)
    for name in sorted(constants):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(known[constants[name]]), name))


def _calm(model: Any) -> None:
    """Nothing of the converter's own state, and its lists in one order."""
    model.graph.name = "network"
    model.graph.ClearField("doc_string")
    versions = sorted(model.opset_import, key=lambda item: str(item.domain))
    model.ClearField("opset_import")
    model.opset_import.extend(versions)


def _done(node: Any, arguments: list[Any]) -> Any:
    evaluator = needed("onnx.reference").ReferenceEvaluator(node)
    return evaluator.run(None, dict(zip(node.input, arguments, strict=True)))[0]


def needed(module: str) -> Any:
    """A module of the extra `onnx`.

    Raises:
        ConfigError: it is not installed, or does not load.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _not_installed(f"{module}: {error}") from error


def _not_installed(got: str) -> ConfigError:
    return ConfigError(
        "ONNX export needs packages that are not installed",
        got=f"missing: {got}",
        next_step="pip install 'liversweep[onnx]', or export without --onnx",
    )
