"""Networks in other formats: the same logits, names and a free batch; or one clear error, and nothing left behind."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError
from liverseg.handover import exports
from liverseg.handover.agreement import fixed_slices, logits_of
from liverseg.handover.description import NOTICE, Member
from liverseg.handover.exports import about_member, write_onnx, write_saved_model
from liverseg.handover.networks import in_float32
from liverseg.handover.onnx_graph import require_onnx
from liverseg.models import ARCHITECTURES
from liverseg.models.keras_blocks import KerasBlocks
from liverseg.preprocess.arrays import stored_from_hu
from liverseg.preprocess.window import WindowParams, apply_window
from tests.liverseg.handover.livened import livened
from tests.liverseg.models import plugged_network

WRITERS = pytest.mark.parametrize("write", [write_onnx, write_saved_model])
SHAPE = (32, 32, 1)


@pytest.fixture(scope="module")
def small():
    image = keras.Input(SHAPE)
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", bias_initializer="ones")(image))


def member(**parameters) -> Member:
    config = TrainConfig(architecture="unet", options={"base_filters": 4}, parameters={"size": 32, **parameters})
    return Member("t0001-abc", config, 3, WindowParams("study", -45.0, 105.0, -45.0, 150.0), ())


def traces() -> tuple[object, ...]:
    """What converters are known to leave behind in a process."""
    root = logging.getLogger()
    levels = [logging.getLogger(name).level for name in ("tensorflow", "tf2onnx", "absl")]
    return ("object" in vars(np), tuple(root.handlers), root.level, *levels, os.environ.get("TF_CPP_MIN_LOG_LEVEL"))


@pytest.mark.parametrize("architecture", [spec.name for spec in ARCHITECTURES])
def test_both_formats_give_the_logits_of_every_architecture(architecture, tmp_path, capfd):
    network, before = livened(architecture), traces()
    slices = fixed_slices(2, SHAPE)  # Neither of the batches that were compared when it was written.
    wanted = logits_of(network, slices)
    found = [write_onnx(network, tmp_path / "a.onnx"), write_saved_model(network, tmp_path / "a")]

    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    from_onnx = session.run(["logits"], {"slice": slices})[0]
    loaded = tf.saved_model.load(tmp_path / "a")
    from_saved = loaded.signatures["serving_default"](slice=tf.constant(slices))["logits"].numpy()
    for each, got in zip(found, (from_onnx, from_saved), strict=True):
        assert each.holds and each.difference < each.allowed / 4
        assert got.shape == (2, 32, 32, 3) and got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=0, atol=each.allowed)
    assert np.array_equal(logits_of(network, slices), wanted)
    assert traces() == before
    assert "tf2onnx" not in (said := "".join(capfd.readouterr())) and "Assets written" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.onnx"]


@WRITERS
def test_layers_that_no_built_in_network_has(tmp_path, write):
    blocks, image = KerasBlocks(seed=1, precision="float32"), keras.Input(SHAPE)
    dropped = keras.layers.Dropout(0.5, seed=1)(blocks.upsample(blocks.max_pool(image, name="pool"), name="up"))
    network = keras.Model(image, plugged_network.assemble(blocks, dropped, classes=2, width=4))
    assert write(network, tmp_path / "a").holds


@pytest.mark.parametrize("architecture", ["unet", "unet_resnet18"])
def test_weights_lie_in_the_file_once_as_they_are_used(architecture, tmp_path):
    network = livened(architecture)
    write_onnx(network, tmp_path / "a.onnx")
    graph = onnx.load(tmp_path / "a.onnx").graph
    constants = {each.name for each in graph.initializer}
    assert [value.name for value in graph.input] == ["slice"]
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "BatchNormalization"):
            assert set(node.input[1:]) <= constants
    stored = sum(np.prod(each.dims) for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT)
    assert stored == network.count_params()


def test_the_file_says_what_goes_in_and_what_comes_out(small, tmp_path):
    about = about_member(member(), "pad")
    write_onnx(small, tmp_path / "a.onnx", about)
    write_saved_model(small, tmp_path / "a", about)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    (slot,), (out,), meta = session.get_inputs(), session.get_outputs(), session.get_modelmeta()
    assert (slot.name, slot.shape, slot.type) == ("slice", ["batch", 32, 32, 1], "tensor(float)")
    assert (out.name, out.shape, out.type) == ("logits", ["batch", 32, 32, 3], "tensor(float)")
    assert meta.custom_metadata_map == about == json.loads((tmp_path / "a/assets.extra/about.json").read_text())
    assert about["notice"] == meta.description == NOTICE
    assert "background, liver, tumour" in about["output"] and about["trained_in"] == "float32"
    assert about_member(member(mixed_precision=True), "pad")["trained_in"] == "bfloat16"


def test_intensities_are_told_as_the_network_gets_them():
    told = about_member(member(), "pad")["intensity"]
    formula, _, numbers = told.partition(" with ")
    hu = np.array([-1024.0, -45.0, 0.0, 59.5, 105.0, 3000.0])
    names = dict(item.split(" = ") for item in numbers.split(", "))
    values = {"clip": np.clip, "HU": hu, **{name: float(number) for name, number in names.items()}}
    wanted = apply_window(stored_from_hu(hu), member().window)[..., 0]
    np.testing.assert_allclose(eval(formula, {}, values), wanted, rtol=0, atol=1e-6)


@WRITERS
def test_nothing_of_this_machine_is_written(small, tmp_path, write):
    write(small, tmp_path / "a")
    files = [path for path in (tmp_path, *tmp_path.rglob("*")) if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert os.fsencode(Path.cwd()) not in content and os.fsencode(tmp_path) not in content
        assert b"liverseg" not in content


def times(network, factor):
    other = keras.models.clone_model(network)
    other.set_weights([weight * np.float32(factor) for weight in network.get_weights()])
    return other


def of_one_slice(network):
    image = keras.Input(SHAPE)
    return keras.Model(image, keras.layers.Lambda(lambda logits: logits[:1])(network(image)))


@WRITERS
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda network: times(network, 1.001), id="a thousandth"),
        pytest.param(lambda network: times(network, np.nan), id="nan"),
        pytest.param(of_one_slice, id="one slice only"),
    ],
)
def test_a_file_with_other_logits_is_refused_and_removed(small, tmp_path, monkeypatch, write, change):
    other, to_bytes, save = change(small), exports.onnx_bytes, exports._save_traced
    monkeypatch.setattr(exports, "onnx_bytes", lambda network, about: to_bytes(other, about))
    monkeypatch.setattr(exports, "_save_traced", lambda network, folder: save(other, folder))
    before = traces()
    with pytest.raises(ConfigError, match="other logits than the network, so it was not written") as caught:
        write(small, tmp_path / "a")
    assert "beyond" in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [] and traces() == before


@WRITERS
@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (RuntimeError("no such operation\nat some place"), ConfigError),
        (OSError(28, "No space left on device"), OSError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["converter", "disk", "ctrl-c"],
)
def test_nothing_is_left_when_it_breaks(small, tmp_path, monkeypatch, write, raised, expected):
    def broken(network, program):
        raise raised

    monkeypatch.setattr(exports, "agreement", broken)
    before = traces()
    with pytest.raises(expected) as caught:
        write(small, tmp_path / "a")
    assert expected is not ConfigError or "RuntimeError: no such operation" in str(caught.value)
    assert list(tmp_path.iterdir()) == [] and traces() == before


@WRITERS
def test_what_is_there_is_kept(small, tmp_path, write):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(ConfigError, match="something in the model's place"):
        write(small, tmp_path / "a")
    assert (tmp_path / "a").read_text() == "mine"


@WRITERS
def test_what_appears_meanwhile_is_kept(small, tmp_path, monkeypatch, write):
    honest = exports.agreement

    def slowly(network, program):
        (tmp_path / "a").write_text("mine")
        return honest(network, program)

    monkeypatch.setattr(exports, "agreement", slowly)
    with pytest.raises(ConfigError, match="something in the model's place"):
        write(small, tmp_path / "a")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "tf2onnx"])
def test_a_missing_package_is_named_with_the_extra(small, tmp_path, monkeypatch, missing):
    honest = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else honest(name))
    for begin in (require_onnx, lambda: write_onnx(small, tmp_path / "a.onnx")):
        with pytest.raises(ConfigError, match=rf"missing: {missing}[^a-z]") as caught:
            begin()
        assert "pip install 'liversweep[onnx]'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    write_saved_model(small, tmp_path / "a")


def test_a_package_that_does_not_load_is_named_too(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx.convert", None)
    with pytest.raises(ConfigError, match=r"pip install 'liversweep\[onnx\]'"):
        write_onnx(small, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_in_bfloat16_is_exported_once_it_computes_in_float32(tmp_path):
    narrow = livened("unet", mixed_precision=True)
    for write in (write_onnx, write_saved_model):
        with pytest.raises(ConfigError, match="got bfloat16"):
            write(narrow, tmp_path / "a")
    wide = in_float32(member(mixed_precision=True), narrow)
    assert all(np.array_equal(a, b) for a, b in zip(wide.get_weights(), narrow.get_weights(), strict=True))
    assert write_saved_model(wide, tmp_path / "a").holds


def test_a_network_in_float32_is_taken_as_it_is(small):
    assert in_float32(member(), small) is small
