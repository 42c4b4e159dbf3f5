"""Commands that need no Ray, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from sweeps.spec import load_spec
from tests.sweeps.cli_runs import liversweep
from tests.sweeps.test_bad_input import scans

STUDY_PARAMETERS = {
    "unet": 34_512_323,
    "unet_resnet18": 20_788_995,
    "unet_resnet50": 30_908_291,
    "segnet": 32_628_547,
    "encoder_decoder": 1_758_467,
}


def test_architectures_are_listed_with_what_they_cost(tmp_path: Path) -> None:
    document = json.loads(liversweep("architectures", "--json", cwd=tmp_path).out)
    assert {row["name"]: row["parameters"] for row in document["architectures"]} == STUDY_PARAMETERS
    assert all(row["gflops"] > 1 and row["options"] for row in document["architectures"])
    table = liversweep("architectures", "--size", "64", cwd=tmp_path)
    assert table.code == 0 and "34,512,323" in table.out and "GFLOPs at 64" in table.out


def test_a_size_that_cannot_be_is_refused(tmp_path: Path) -> None:
    result = liversweep("architectures", "--size", "100", cwd=tmp_path)
    assert result.code == 2 and "multiple of 32" in result.err and "96 or 128" in result.err


@pytest.mark.parametrize("name", ["quickstart", "study"])
def test_ready_made_specs_check_out_and_fit_the_schema(tmp_path: Path, name: str) -> None:
    result = liversweep("spec", "check", name, "--json", cwd=tmp_path)
    assert result.code == 0, result.err
    schema = json.loads(liversweep("spec", "schema", cwd=tmp_path).out)
    jsonschema.Draft202012Validator(schema).validate(json.loads(result.out))
    words = liversweep("spec", "check", name, cwd=tmp_path)
    assert words.code == 0 and "fine" in words.out


def test_a_started_spec_loads_and_is_never_written_over(tmp_path: Path) -> None:
    scans(tmp_path / "scans", 3)
    assert liversweep("spec", "init", "mine.yaml", "--data", "scans", cwd=tmp_path).code == 0
    assert load_spec(str(tmp_path / "mine.yaml")).spec.data.root == str((tmp_path / "scans").resolve())
    again = liversweep("spec", "init", "mine.yaml", cwd=tmp_path)
    assert again.code == 2 and "Traceback" not in again.err


def test_data_check_lists_facts_as_json(tmp_path: Path) -> None:
    scans(tmp_path / "scans", 2)
    document = json.loads(liversweep("data", "check", "scans", "--json", cwd=tmp_path).out)
    case = document["cases"][0]["case"]
    assert document["facts"]["cases"] == 2 and document["facts"]["slices"] == 16
    assert case["labels"] == [0, 1, 2] and case["liver_ml"] == pytest.approx(20 * 20 * 4 * 16 / 1000)
    assert case["tumour_ml"] == pytest.approx(5 * 5 * 2 * 16 / 1000)


def test_phantom_scans_are_kept_when_they_are_there_already(tmp_path: Path) -> None:
    made = liversweep("data", "phantom", "phantom", "--cases", "1", cwd=tmp_path)
    assert made.code == 0, made.err
    assert "already" in liversweep("data", "phantom", "phantom", "--cases", "1", "--exist-ok", cwd=tmp_path).err
    refused = liversweep("data", "phantom", "phantom", "--cases", "1", cwd=tmp_path)
    assert refused.code == 2 and "Traceback" not in refused.err


def test_no_sweep_yet_is_said_kindly(tmp_path: Path) -> None:
    assert "run quickstart" in liversweep("list", cwd=tmp_path).err
    assert liversweep("show", cwd=tmp_path).code == 2


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    result = liversweep("rnu", cwd=tmp_path)
    assert result.code == 2 and "Traceback" not in result.err
