"""A model's networks in further formats, and what the user is told of each file."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError, DataError
from liverseg.handover.description import Member, ModelDescription
from liverseg.handover.folder import ModelFolder, open_model, write_model
from liverseg.handover.networks import in_float32
from liverseg.preprocess.window import WindowParams
from sweeps.handover.export import ExportWish, export_model
from sweeps.handover.formats import ONNX, SAVED_MODEL, write_formats
from tests.liverseg.handover.livened import livened
from tests.liverseg.handover.models import small_network


def member(trial: str, **parameters) -> Member:
    config = TrainConfig(
        architecture="encoder_decoder", options={"base_filters": 4}, parameters={"size": 32, **parameters}
    )
    return Member(trial, config, 3, WindowParams("study", -45.0, 105.0, -45.0, 150.0), ())


def test_every_network_in_every_format(tmp_path):
    wide = (member("t0001-a"), livened("encoder_decoder"))
    narrow = (member("t0002-b", mixed_precision=True), livened("encoder_decoder", mixed_precision=True, seed=1))
    told: list[str] = []
    write_formats(tmp_path, [ONNX, SAVED_MODEL], [wide, narrow], "pad", told.append)

    files = ["onnx/t0001-a.onnx", "saved_model/t0001-a", "onnx/t0002-b.onnx", "saved_model/t0002-b"]
    assert [line.split()[0] for line in told] == [*files, "t0002-b"]
    assert all("within" in line for line in told[:-1])
    assert "trained in bfloat16" in told[-1] and "beyond" in told[-1]
    assert all((tmp_path / file).exists() for file in files)
    meta = onnxruntime.InferenceSession(tmp_path / "onnx/t0002-b.onnx").get_modelmeta().custom_metadata_map
    assert (meta["trial"], meta["trained_in"], meta["fit"]) == ("t0002-b", "bfloat16", "pad")


def exported(place: Path, *formats: str) -> ModelFolder:
    """A model whose network was built anew, as by another call of `export`."""
    found, arrays, network = small_network("t0000")
    described = ModelDescription("liver", ("liver", "tumour"), "pad", (found,))
    more = partial(write_formats, formats=formats, networks=[(found, network)], fit="pad", tell=lambda line: None)
    return write_model(place / "liver", described, {"t0000": arrays}, lambda folder: None, more)


def test_two_exports_of_one_network_are_one_model_and_its_id_stands_for_every_file(tmp_path):
    plain = [exported(tmp_path / place).id for place in ("a", "b")]
    models = [exported(tmp_path / place, ONNX, SAVED_MODEL) for place in ("c", "d")]
    assert plain[0] == plain[1] != models[0].id == models[1].id
    for name in ("onnx/t0000.onnx", "saved_model/t0000/saved_model.pb"):
        path = models[0].path / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DataError, match=f"{name} was changed"):
            open_model(models[0].path)
        path.write_bytes(content)
    assert open_model(models[0].path).id == models[0].id


def test_no_format_writes_nothing(tmp_path):
    write_formats(tmp_path, [], [(member("t0001-a"), None)], "pad", pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_told_before_any_scan_is_predicted(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    nothing: Any = None  # Neither the sweep nor the workers are looked at.
    with pytest.raises(ConfigError, match=r"pip install 'liversweep\[onnx\]'"):
        export_model(nothing, tmp_path / "MODEL", ExportWish(onnx=True), nothing, nothing)
    assert list(tmp_path.iterdir()) == []


def test_the_weights_stay_those_that_were_trained():
    narrow = livened("encoder_decoder", mixed_precision=True)
    before = narrow.get_weights()
    wide = in_float32(member("t0002-b", mixed_precision=True), narrow)
    wide.trainable_variables[0].assign_add(1.0 + wide.trainable_variables[0])
    assert all((a == b).all() for a, b in zip(before, narrow.get_weights(), strict=True))
