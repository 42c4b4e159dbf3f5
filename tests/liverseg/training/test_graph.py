from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.config import PARAMETERS, TrainConfig
from liverseg.training.graph import graph_of

DECIDE = {"batch_size", "size", "loss", "optimizer", "mixed_precision", "xla"}


def values(name: str) -> st.SearchStrategy[Any]:
    parameter = PARAMETERS[name]
    if parameter.kind == "choice":
        return st.sampled_from(parameter.choices)
    if parameter.kind == "bool":
        return st.booleans()
    assert parameter.low is not None and parameter.high is not None
    if parameter.kind == "int":
        step = parameter.step or 1
        return st.integers(int(parameter.low) // step, int(parameter.high) // step).map(lambda number: number * step)
    return st.floats(parameter.low, parameter.high)


def config(parameters: dict[str, Any], **fields: Any) -> TrainConfig:
    return TrainConfig(**{"architecture": "segnet", **fields}, parameters=parameters)


@given(
    st.fixed_dictionaries({name: values(name) for name in PARAMETERS}), st.sampled_from(sorted(PARAMETERS)), st.data()
)
def test_only_what_is_traced_decides(parameters, name, data):
    other = {**parameters, name: data.draw(values(name))}
    same = graph_of(config(parameters)) == graph_of(config(other))
    if name == "weight_decay":
        assert same == (parameters["optimizer"] == "adam" or (parameters[name] > 0) == (other[name] > 0))
    elif name == "optimizer" and parameters[name] == other[name]:
        assert same
    else:
        assert same == (name not in DECIDE or parameters[name] == other[name])


@pytest.mark.parametrize("change", [{"architecture": "unet"}, {"options": {"base_filters": 8}}, {"labels": ("liver",)}])
def test_another_network_is_another_graph(change):
    assert graph_of(config({})) != graph_of(config({}, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 3},
        {"epochs": 3},
        {"updates": 5},
        {"early_stopping": 2},
        {"deadline_s": 9.0},
        {"options": {"base_filters": 64}},
    ],
)
def test_seed_lengths_and_defaults_that_are_written_out_do_not_count(change):
    assert graph_of(config({})) == graph_of(config({}, **change))
