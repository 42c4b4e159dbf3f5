"""A trained network in formats that need neither liversweep nor Keras: ONNX, and TensorFlow's SavedModel.

Both take `slice`, float32 (batch, s, s, 1) with any number of slices, and give `logits`, float32 (batch, s, s, classes).
What is written is read again from the disk and must give the network's own logits before it gets its name.

Neither goes through `keras.Model.export`, which names the output `output_0`, traces twice and leaves `numpy.object`
behind, and whose ONNX conversion takes 50 times the memory of the weights.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from liverseg.errors import ConfigError
from liverseg.handover.agreement import Agreement, Program, Slices, agreement
from liverseg.handover.description import FRAME, NOTICE, Member
from liverseg.handover.onnx_graph import INPUT, OUTPUT, needed, onnx_bytes, require_onnx
from liverseg.handover.saved_names import calm
from liverseg.training.atomic import sync

ABOUT = Path("assets.extra") / "about.json"
"""Where TensorFlow leaves room for what it does not read itself."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


def about_member(member: Member, fit: str) -> dict[str, str]:
    """What somebody who has nothing but the exported file needs to know, as `key: text`.

    Args:
        member: whose network it is.
        fit: how slices were brought into the square, see `PrepareConfig.fit`.
    """
    window, side, labels = member.window, member.size_px, ("background", *member.config.labels)
    return {
        "notice": NOTICE,
        "trial": member.trial,
        "architecture": member.config.architecture,
        "trained_in": "bfloat16" if member.config.get("mixed_precision") else "float32",
        "input": f"{INPUT}: float32 (batch, {side}, {side}, 1), one axial slice each",
        "intensity": f"(clip(HU, low, high) - mean) / sd with low = {window.low_hu!r}, high = {window.high_hu!r}, "
        f"mean = {window.mean!r}, sd = {window.sd!r}",
        "fit": fit,
        "frame": FRAME,
        "output": f"{OUTPUT}: float32 (batch, {side}, {side}, {len(labels)}); channels are {', '.join(labels)}; no softmax",
        "more": "resampling, further networks, mirrored slices and post-processing are described in model.json",
    }


def write_onnx(network: Any, path: Path, about: Mapping[str, str] = _NOTHING) -> Agreement:
    """Write a network as ONNX, read it again and compare it.

    Args:
        network: a Keras model in 32 bits, one input (s, s, 1); see `liverseg.handover.networks.in_float32`.
        path: the file to make.
        about: goes into the file's metadata.

    Returns:
        How far the logits of ONNX Runtime are from the network's.

    Raises:
        ConfigError: there is something in that place; onnx, onnxruntime or tf2onnx is not installed; the network
            computes in fewer bits, cannot be converted, or gives other logits once it is. Nothing is left behind.
        OSError: the disk is full or cannot be written; likewise.
    """
    _check_network(network, path)
    require_onnx()
    with _undisturbed(), _aside(path) as aside:
        with _explained("ONNX", path):
            content = onnx_bytes(network, about)
        aside.write_bytes(content)
        with _explained("ONNX", path):
            found = agreement(network, _onnx_program(aside))
        _check_same(found, "ONNX", path)
    return found


def write_saved_model(network: Any, path: Path, about: Mapping[str, str] = _NOTHING) -> Agreement:
    """Write a network as a TensorFlow SavedModel, read it again and compare it.

    Args:
        network: as `write_onnx`.
        path: the folder to make.
        about: goes into `assets.extra/about.json`.

    Returns:
        How far the logits of the signature `serving_default` are from the network's.

    Raises:
        ConfigError, OSError: as `write_onnx`.
    """
    _check_network(network, path)
    with _undisturbed(), _aside(path) as aside:
        with _explained("SavedModel", path):
            _save_traced(network, aside)
        if about:
            (aside / ABOUT.parent).mkdir(exist_ok=True)
            (aside / ABOUT).write_text(json.dumps(dict(about), indent=1) + "\n", encoding="utf-8")
        with _explained("SavedModel", path):
            found = agreement(network, _saved_program(aside))
        _check_same(found, "SavedModel", path)
    return found


def _onnx_program(path: Path) -> Program:
    import tensorflow as tf

    runtime = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Left to itself it takes every core that it sees, and complains where it may not have them.
    options.intra_op_num_threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(slices: Slices) -> Slices:
        return np.asarray(session.run([OUTPUT], {INPUT: slices})[0])

    return logits


def _save_traced(network: Any, folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    # The module owns the variables; the network itself would bring its layers, by the names of classes that a reader
    # does not have.
    module.weights = [variable.value for variable in network.variables]
    signature = tf.TensorSpec((None, *network.inputs[0].shape[1:]), tf.float32, name=INPUT)
    module.serve = tf.function(
        lambda slices: {OUTPUT: network(slices, training=False)}, input_signature=[signature], autograph=False
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    calm(folder)


def _saved_program(folder: Path) -> Program:
    import tensorflow as tf

    with tf.device("CPU:0"):
        loaded = tf.saved_model.load(str(folder))

    def logits(slices: Slices) -> Slices:
        with tf.device("CPU:0"):
            return np.asarray(loaded.signatures["serving_default"](**{INPUT: tf.constant(slices)})[OUTPUT])

    return logits


def _check_network(network: Any, path: Path) -> None:
    import keras

    from liverseg.handover.folder import check_free

    check_free(path)
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            "networks are converted through TensorFlow",
            where="KERAS_BACKEND",
            got=keras.backend.backend(),
            allowed="tensorflow",
        )
    widths = sorted({str(layer.compute_dtype) for layer in network.layers} - {"float32"})
    if widths:
        raise ConfigError(
            "only networks that compute in float32 are exported to other formats",
            where=str(path),
            got=", ".join(widths),
            allowed="float32",
            next_step="build the network again with mixed_precision false and give it the same weights",
        )


def _check_same(found: Agreement, format_name: str, path: Path) -> None:
    if not found.holds:
        raise ConfigError(
            f"the {format_name} export gives other logits than the network, so it was not written",
            where=str(path),
            got=found.in_words(),
            next_step="export without this format",
        )


@contextmanager
def _explained(format_name: str, path: Path) -> Iterator[None]:
    """Converters and runtimes raise whatever they like."""
    try:
        yield
    except (ConfigError, OSError, MemoryError):
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0][:300]
        raise ConfigError(
            f"the network cannot be exported as {format_name}",
            where=str(path),
            got=f"{type(error).__name__}: {first}",
            next_step="export without this format, or with the versions of the packages that liversweep was locked with",
        ) from error


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A path beside `path` that becomes it, flushed to the disk, when the block ends well, and is removed otherwise."""
    from liverseg.handover.folder import check_free

    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        yield aside
        for each in (aside, *aside.rglob("*")):
            sync(each)
        check_free(path)
        aside.rename(path)
        sync(path.parent)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Nothing is logged below an error, and the process is left as it was.

    tf2onnx gives the root logger a handler and the environment a level when it is imported.
    """
    import tensorflow as tf

    root, variable = logging.getLogger(), "TF_CPP_MIN_LOG_LEVEL"
    handlers, before = list(root.handlers), os.environ.get(variable)
    talkers = [root, tf.get_logger(), *map(logging.getLogger, ("tf2onnx", "absl"))]
    levels = [talker.level for talker in talkers]
    try:
        for talker in talkers[1:]:
            talker.setLevel(logging.ERROR)
        yield
    finally:
        root.handlers[:] = handlers
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)
        _put_back(variable, before)


def _put_back(variable: str, before: str | None) -> None:
    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before
