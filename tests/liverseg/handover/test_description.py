"""What a model is, as JSON and back."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.config import TrainConfig
from liverseg.errors import ConfigError
from liverseg.handover.description import Member, ModelDescription, StoredArray, read_description
from liverseg.handover.postprocess import PostProcess
from liverseg.preprocess.window import WindowParams


def member(trial: str = "t0001-0a", **parameters: Any) -> Member:
    config = TrainConfig(
        architecture="unet",
        options={"base_filters": 8},
        parameters={"size": 64, **parameters},
        labels=("liver", "tumour"),
    )
    arrays = (StoredArray("w0000", "unet/kernel", (3, 3, 1, 8)), StoredArray("w0001", "unet/bias", (8,)))
    return Member(trial, config, 7, WindowParams("fingerprint", -20.0, 180.0, 90.0, 25.0), arrays)


DESCRIPTION = ModelDescription(
    name="liver-v1",
    labels=("liver", "tumour"),
    fit="crop",
    members=(member(), member("t0002-0b", learning_rate=0.01)),
    postprocess=PostProcess(True, False, 0.25),
    flips=True,
    choice={"sentence": "why"},
    familiar={"scans": 3},
    origin={"sweep": "lits", "cases": {"train": ["case-00000001"], "test": []}},
)


def test_what_is_written_reads_back_equal() -> None:
    document = json.loads(json.dumps(DESCRIPTION.as_json()))
    assert read_description(document, "x") == DESCRIPTION
    assert document["notice"] == "Research software, not for clinical use."
    assert document["members"][1]["weights"] == "weights/t0002-0b.npz" and document["members"][0]["input_px"] == 64


def test_the_cases_of_a_part_are_those_of_the_origin() -> None:
    assert DESCRIPTION.cases("train") == {"case-00000001"} and DESCRIPTION.cases("validation") == frozenset()
    assert replace(DESCRIPTION, origin={}).cases("train") == frozenset()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("members",), []),
        (("labels",), ["tumour"]),
        (("preprocess", "fit"), "stretch"),
        (("flips",), 1),
        (("postprocess", "minimum_lesion_ml"), -1),
        (("members", 0, "trial"), "../../etc/passwd"),
        (("members", 0, "window", "sd"), 0),
        (("members", 0, "window", "low_hu"), 500),
        (("members", 0, "parameters", "size"), 33),
        (("members", 0, "parameters", "colour"), 1),
        (("members", 0, "arrays", 0, "shape"), ["x"]),
        (("members", 0, "epoch"), None),
    ],
)
def test_nonsense_is_one_error_that_says_where(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(json.loads(json.dumps(DESCRIPTION.as_json())))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ConfigError):
        read_description(document, "model.json")


@pytest.mark.parametrize(
    "document", [None, [], {}, {"kind": "other"}, {"kind": "liversweep-model", "schema_version": 2}]
)
def test_other_documents_are_refused(document: Any) -> None:
    with pytest.raises(ConfigError, match=r"not the description of a model|of another version"):
        read_description(document, "model.json")


@given(st.sampled_from(sorted(DESCRIPTION.as_json())))
def test_no_key_may_be_missing(key: str) -> None:
    document = {name: value for name, value in DESCRIPTION.as_json().items() if name != key}
    if key in ("notice", "output", "output_steps", "combine"):
        assert read_description(document, "x") == DESCRIPTION  # for people
        return
    with pytest.raises(ConfigError):
        read_description(document, "x")


def test_a_model_from_before_there_were_steps_is_read() -> None:
    document = json.loads(json.dumps(DESCRIPTION.as_json()))
    del document["output_steps"], document["preprocess"]["steps"]
    assert read_description(document, "x") == DESCRIPTION
