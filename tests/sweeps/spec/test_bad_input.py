"""Every mistake gets one message: where, what, what was got, what is allowed; all mistakes are shown together."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sweeps.errors import Problem, SpecError
from sweeps.spec.validate import validate
from tests.sweeps.spec.texts import DOCUMENTED, SMALL, STAGED, problems_of

# what replaces what in the documented spec, and the message in full, after the file's name
MISTAKES = [
    (mistake["instead of"], mistake["write"], mistake["message"])
    for mistake in json.loads((Path(__file__).parent / "mistakes.json").read_text("utf-8"))
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[f"{new[:32]}" for _, new, _ in MISTAKES])
def test_one_mistake_one_message(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in DOCUMENTED
    problems = problems_of(tmp_path, DOCUMENTED.replace(old, new, 1))
    assert [str(problem) for problem in problems] == [f"{tmp_path}/sweep.yaml:{message}"]


def test_all_mistakes_are_found_together_and_sorted_by_line(tmp_path: Path) -> None:
    text = DOCUMENTED
    for old, new in [
        ("liver-archs", "liver/archs"),
        ("test: 0.2", "test: 0.85"),
        ("trials: 60", "trials: sixty"),
        ("sampler: tpe", "sampler: tpee"),
        ("1.0e-5", "0"),
        ("size: [64, 128]\n", "size: [64, 96]\n"),
        ("segnet", "segnt"),
        ("epochs: 20", "epochs: -1, learning_rate: 30, optimizer: addam"),
        ("2h", "soon"),
        ("kind: local", "kind: local, cpus: 0"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    problems = problems_of(tmp_path, text + "extra: 1\n", "search.seed=-1")
    assert [(problem.line, problem.path) for problem in problems] == [
        (1, "name"),
        (2, "data.split"),
        (5, "search.trials"),
        (8, "search.sampler"),
        (11, "search.space.learning_rate.log[0]"),
        (13, "search.space.size"),
        (20, "search.architectures.segnt"),
        (22, "train.epochs"),
        (22, "train.learning_rate"),
        (22, "train.optimizer"),
        (23, "trial.deadline"),
        (24, "cluster.cpus"),
        (25, "extra"),
        (None, "search.seed"),
    ]


def test_a_wrong_value_brings_no_follow_up_complaints(tmp_path: Path) -> None:
    text = DOCUMENTED.replace("sampler: tpe", "sampler: gird").replace("size: [64, 128], slices", "size: [60], slices")
    assert [problem.path for problem in problems_of(tmp_path, text)] == ["prepare.size[0]", "search.sampler"]


def test_a_spec_with_only_wrong_architectures_is_not_also_empty(tmp_path: Path) -> None:
    text = SMALL.replace("unet: {}", "unett: {}").replace("segnet: {}", "segnett: {}")
    paths = [problem.path for problem in problems_of(tmp_path, text)]
    assert paths == ["search.architectures.unett", "search.architectures.segnett"]


@pytest.mark.parametrize("value", ["{}", "[]", "3", "null"])
def test_a_spec_without_architectures(tmp_path: Path, value: str) -> None:
    (problem,) = problems_of(tmp_path, SMALL, f"search.architectures={value}")
    assert problem.what == "names no architecture"
    assert problem.next_step == "write for example `unet: {}`"


def test_the_column_points_at_the_value_or_at_the_key_that_is_wrong(tmp_path: Path) -> None:
    (value,) = problems_of(tmp_path, SMALL.replace("trials: 4", "trials: four"))
    (key,) = problems_of(tmp_path, SMALL.replace("trials: 4", "trails: 4"))
    assert (value.line, value.column) == (5, 11)
    assert (key.line, key.column) == (5, 3)


def test_mistakes_in_stages(tmp_path: Path) -> None:
    text = STAGED.replace("name: batches", "name: networks").replace("from: best", "from: last\n    objective: gflops")
    found = [(problem.line, problem.path, problem.what) for problem in problems_of(tmp_path, text)]
    assert found == [(12, "stages[2].from", "unknown start"), (13, "stages[2].objective", "unknown key")]
    text = STAGED.replace("name: batches", "name: networks").replace("    space: {batch_size: [4, 8, 16]}\n", "")
    found = [(problem.line, problem.path, problem.what) for problem in problems_of(tmp_path, text)]
    assert found == [
        (9, "stages[1]", "stage networks changes nothing"),
        (9, "stages[1].name", "two stages have one name"),
    ]


def test_a_stage_that_is_no_mapping(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, SMALL + "stages: [3]\n")
    assert (problem.path, problem.what, problem.allowed) == ("stages[0]", "wrong type", "a mapping")


def test_problems_are_values(tmp_path: Path) -> None:
    error = SpecError(problems_of(tmp_path, SMALL, "search.trials=0"))
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)
    assert again.exit_code == 2
    assert error.problems[0].as_dict() == {
        "file": "--set search.trials=0",
        "what": "impossible value",
        "line": None,
        "column": None,
        "path": "search.trials",
        "got": "0",
        "allowed": "at least 1",
        "next_step": None,
    }
    assert str(Problem(file="f", what="bad")) == "f: bad"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, item in items for below in _paths(item, (*path, key)))]


@pytest.mark.parametrize("text", [DOCUMENTED, STAGED], ids=["documented", "staged"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_stands_somewhere_is_read_or_explained(text: str, data: st.DataObject) -> None:
    values = copy.deepcopy(YAML(typ="safe", pure=True).load(text))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_paths(values)[1:]))
        target = values
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = data.draw(ANY)
    spec, faults = validate(values)
    assert (spec is None) == bool(faults)
    assert len({(fault.path, fault.what) for fault in faults}) == len(faults)
