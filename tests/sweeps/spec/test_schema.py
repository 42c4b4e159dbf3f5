from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from liverseg.config import PARAMETERS
from liverseg.models.specs import architecture_names
from sweeps.spec import READY_MADE, json_schema, load_spec, ready_made
from tests.sweeps.spec.test_bad_input import MISTAKES
from tests.sweeps.spec.texts import DOCUMENTED, SMALL, STAGED, load_text


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def parse(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


GOOD = {"documented": DOCUMENTED, "small": SMALL, "staged": STAGED} | {
    name: ready_made(name) for name in (*READY_MADE, "template")
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_accepts_what_loads(validator: Draft202012Validator, text: str) -> None:
    assert list(validator.iter_errors(parse(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "keep: {best: all, last: 10, every: 5, min_free: 0}",
        "keep: {best: 1, min_free: 20GB}",
        "trial: {stall: off}",
        "trial: {stall: null}",
        "trial: {stall: 90s}",
    ],
)
def test_accepts_what_lifts_a_limit(validator: Draft202012Validator, tmp_path: Path, text: str) -> None:
    loaded = load_text(tmp_path, SMALL + text + "\n")
    assert list(validator.iter_errors(parse(SMALL + text))) == []
    assert list(validator.iter_errors(loaded.resolved())) == []


@pytest.mark.parametrize("name", READY_MADE)
def test_accepts_resolved_specs(validator: Draft202012Validator, name: str) -> None:
    assert list(validator.iter_errors(load_spec(name).resolved())) == []


# rules over several values, which a schema cannot state
BEYOND = (
    "data.split:",
    "grace_epochs:",
    "reduction_factor:",
    "the low bound",
    "fewer trials",
    "not prepared",
    "stands in search.space too",
    "a part of several GPUs",
)
# JSON has no NaN, counts 60.0 as whole, and its $ lets a line feed pass in Python
SPELLING = ("test: .nan", "trials: 60.0", 'name: "a\\n"')
IN_REACH = [
    mistake for mistake in MISTAKES if not any(words in mistake[2] for words in BEYOND) and mistake[1] not in SPELLING
]


@pytest.mark.parametrize(("old", "new", "message"), IN_REACH, ids=[new[:32] for _, new, _ in IN_REACH])
def test_refuses_what_does_not_load(validator: Draft202012Validator, old: str, new: str, message: str) -> None:
    assert not validator.is_valid(parse(DOCUMENTED.replace(old, new, 1)))


def test_names_every_parameter_and_architecture_with_a_description() -> None:
    schema = json_schema()
    space, architectures = schema["$defs"]["Space"], schema["$defs"]["Architectures"]["anyOf"][0]
    assert list(space["properties"]) == list(PARAMETERS)
    assert list(architectures["properties"]) == list(architecture_names())
    for name in PARAMETERS:
        assert PARAMETERS[name].doc in schema["$defs"][name]["description"]
    for section in ("DataSection", "SearchSection", "TrainSection", "TrialSection", "KeepSection"):
        fields = schema["$defs"][section]["properties"]
        described = [name for name, field in fields.items() if "description" in field or "$ref" in field]
        assert described == list(fields)
