from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.config import PARAMETERS
from liverseg.errors import ConfigError
from liverseg.models.specs import architecture, architecture_names
from sweeps.errors import UsageError
from sweeps.spec import Spec, spec_from_resolved, stages_of
from sweeps.spec.space import Space, space_hash, split_parameters, trials_of
from tests.sweeps.spec.texts import DOCUMENTED, SMALL, STAGED, load_text

BEST = {
    "architecture": "segnet",
    "parameters": {"base_filters": 16, "learning_rate": 1e-3, "batch_size": 8, "size": 128},
}


def spec_of(**search: Any) -> Spec:
    return spec_from_resolved(
        {"name": "a", "data": {"root": "/x"}, "search": {"architectures": {"unet": {}}, **search}}
    )


def test_spaces_are_conditional(tmp_path: Path) -> None:
    space = Space.from_spec(load_text(tmp_path, DOCUMENTED).spec)
    shared = ["learning_rate", "batch_size", "size", "window", "loss"]
    assert space.architectures == ("unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder")
    assert [dimension.name for dimension in space.for_architecture("unet")] == ["base_filters", *shared]
    assert [dimension.name for dimension in space.for_architecture("segnet")] == shared
    assert space.fixed_values("unet") == {}
    assert space.size("unet") is None


def test_an_architectures_own_values_win_over_shared_and_fixed_ones() -> None:
    spec = spec_from_resolved(
        {
            "name": "a",
            "data": {"root": "/x"},
            "search": {
                "space": {"batch_size": [4, 8]},
                "architectures": {"unet": {}, "segnet": {"batch_size": 2, "loss": ["ce", "dice"]}},
            },
            "train": {"loss": "focal"},
        }
    )
    space = Space.from_spec(spec)
    assert [dimension.name for dimension in space.for_architecture("unet")] == ["batch_size"]
    assert [dimension.name for dimension in space.for_architecture("segnet")] == ["loss"]
    assert space.fixed_values("unet") == {"size": 128, "loss": "focal"}
    assert space.fixed_values("segnet") == {"batch_size": 2, "size": 128}


def test_an_architecture_that_does_not_take_part() -> None:
    with pytest.raises(KeyError, match="segnet"):
        Space.from_spec(spec_of()).for_architecture("segnet")


def test_the_grid_lists_every_set_once_in_a_fixed_order() -> None:
    spec = spec_of(
        space={"loss": ["ce", "dice"], "batch_size": [8, 4]}, architectures={"unet": {"base_filters": [4, 8]}}
    )
    space = Space.from_spec(spec)
    points = list(space.grid_points("unet"))
    assert points == [
        {"base_filters": filters, "batch_size": batch, "size": 128, "loss": loss}
        for filters, batch, loss in itertools.product((4, 8), (8, 4), ("ce", "dice"))
    ]
    assert [list(point) for point in points] == [["base_filters", "batch_size", "size", "loss"]] * 8
    assert space.size("unet") == 8


def test_a_continuous_range_has_no_grid() -> None:
    space = Space.from_spec(spec_of(space={"learning_rate": {"log": [1e-4, 1e-2]}}))
    with pytest.raises(ValueError, match=r"unet.learning_rate is a range without steps: 0.0001 … 0.01, log"):
        list(space.grid_points("unet"))


def test_assembling_checks_what_a_sampler_chose() -> None:
    space = Space.from_spec(spec_of(space={"batch_size": [4, 8], "loss": "dice"}))
    assert space.assemble("unet", {"batch_size": 4}) == {"batch_size": 4, "size": 128, "loss": "dice"}
    with pytest.raises(ValueError, match=r"unet.batch_size takes 4 \| 8, got 5"):
        space.assemble("unet", {"batch_size": 5})
    with pytest.raises(ValueError, match=r"unet samples \['batch_size'\], got \[\]"):
        space.assemble("unet", {})
    with pytest.raises(ValueError, match="unet samples"):
        space.assemble("unet", {"batch_size": 4, "loss": "ce"})


def test_description_names_the_architecture_only_where_they_differ() -> None:
    architectures: dict[str, Any] = {"unet": {"base_filters": [4, 8]}, "segnet": {"loss": "dice"}}
    space = Space.from_spec(spec_of(space={"batch_size": [4, 8], "loss": ["ce", "dice"]}, architectures=architectures))
    assert space.describe() == {
        "unet.base_filters": "4 | 8",
        "batch_size": "4 | 8",
        "size": "128",
        "unet.loss": "ce | dice",
        "segnet.loss": "dice",
    }
    assert "size" not in space.describe(sampled_only=True)


class TestStages:
    def test_a_later_stage_is_fixed_at_the_best_except_for_its_own_space(self, tmp_path: Path) -> None:
        space = Space.from_spec(load_text(tmp_path, STAGED).spec, "batches", BEST)
        assert space.architectures == ("segnet",)
        assert [dimension.name for dimension in space.for_architecture("segnet")] == ["batch_size"]
        assert space.fixed_values("segnet") == {"base_filters": 16, "learning_rate": 1e-3, "size": 128}
        assert len(list(space.grid_points("segnet"))) == trials_of(load_text(tmp_path, STAGED).spec, "batches") == 3

    def test_the_best_parameters_win_over_train(self, tmp_path: Path) -> None:
        spec = load_text(tmp_path, STAGED).spec
        best = {
            "architecture": "segnet",
            "parameters": {"base_filters": 8, "learning_rate": 0.5, "batch_size": 4, "size": 128},
        }
        assert Space.from_spec(spec, "rates", best).fixed_values("segnet")["batch_size"] == 4

    def test_before_the_best_is_known_all_architectures_remain(self, tmp_path: Path) -> None:
        space = Space.from_spec(load_text(tmp_path, STAGED).spec, "batches")
        assert space.architectures == ("unet", "segnet")
        assert space.fixed_values("unet") == {"base_filters": 8, "learning_rate": 1e-3, "size": 128}

    def test_another_architecture_takes_shared_parameters_but_not_options(self, tmp_path: Path) -> None:
        loaded = load_text(
            tmp_path, STAGED, "stages.rates.architectures={unet: {}, encoder_decoder: {base_filters: [4, 8]}}"
        )
        space = Space.from_spec(loaded.spec, "rates", BEST)
        assert space.architectures == ("unet", "encoder_decoder")
        assert space.fixed_values("unet") == {"base_filters": 8, "batch_size": 8, "size": 128}
        assert [dimension.name for dimension in space.for_architecture("encoder_decoder")] == [
            "base_filters",
            "learning_rate",
        ]

    def test_the_first_stage_ignores_a_base(self, tmp_path: Path) -> None:
        spec = load_text(tmp_path, STAGED).spec
        assert Space.from_spec(spec, "networks", BEST) == Space.from_spec(spec)
        assert trials_of(spec) == 3

    def test_the_first_stage_adds_to_the_shared_space(self, tmp_path: Path) -> None:
        loaded = load_text(
            tmp_path, STAGED, "search.space={loss: [ce, dice], window: liver}", "stages.networks.space={loss: focal}"
        )
        space = Space.from_spec(loaded.spec)
        assert space.fixed_values("unet")["loss"] == "focal"
        assert space.fixed_values("unet")["window"] == "liver"

    def test_an_unknown_stage_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no such stage; got 'x'; allowed: networks \| batches \| rates"):
            Space.from_spec(load_text(tmp_path, STAGED).spec, "x")

    def test_a_spec_without_stages_is_one(self, tmp_path: Path) -> None:
        assert [stage.name for stage in stages_of(load_text(tmp_path, SMALL).spec)] == ["search"]


def test_a_flat_set_is_parted_into_options_and_parameters() -> None:
    assert split_parameters("unet", {"base_filters": 8, "loss": "ce"}) == ({"base_filters": 8}, {"loss": "ce"})
    with pytest.raises(ConfigError, match="unknown parameter; got depth"):
        split_parameters("unet", {"depth": 3})


def values_of(parameter: Any) -> st.SearchStrategy[Any]:
    """YAML values that one parameter accepts: fixed, lists and ranges with an end."""
    if parameter.kind == "choice":
        one = st.sampled_from(parameter.choices)
    elif parameter.kind == "bool":
        one = st.booleans()
    elif parameter.kind == "int":
        step = parameter.step or 1
        one = st.integers(int(parameter.low) // step + 1, int(parameter.high) // step).map(lambda count: count * step)
    else:
        one = st.floats(parameter.low, parameter.high)
    return one | st.lists(one, min_size=1, max_size=3, unique=True)


SPACES = st.fixed_dictionaries({}, optional={name: values_of(parameter) for name, parameter in PARAMETERS.items()})
ARCHITECTURES = st.dictionaries(
    st.sampled_from(architecture_names()).flatmap(st.just), st.just({}), min_size=1, max_size=3
).flatmap(
    lambda names: st.fixed_dictionaries(
        {
            name: st.fixed_dictionaries(
                {}, optional={option.name: values_of(option) for option in architecture(name).options}
            )
            for name in names
        }
    )
)


@settings(max_examples=60, deadline=None)
@given(space=SPACES, architectures=ARCHITECTURES, data=st.data())
def test_any_spec_gives_a_space_that_is_consistent(space: Any, architectures: Any, data: st.DataObject) -> None:
    spec = spec_of(space=space, architectures=architectures)
    built = Space.from_spec(spec)
    turned = spec_of(space=dict(reversed(space.items())), architectures=dict(reversed(architectures.items())))
    assert set(built.architectures) == set(architectures)
    assert built.fingerprint() == Space.from_spec(turned).fingerprint()
    assert space_hash(spec) == space_hash(turned)
    for name in built.architectures:
        size = built.size(name)
        assert size is not None
        first = list(itertools.islice(built.grid_points(name), 50))
        assert len(first) == min(size, 50)
        assert len({tuple(point.items()) for point in first}) == len(first)
        point = data.draw(st.sampled_from(first))
        sampled = {key: point[key] for key in point if key not in built.fixed_values(name)}
        assert built.assemble(name, sampled) == point
        options, parameters = split_parameters(name, point)
        assert architecture(name).check_options(options) == ()
        assert all(PARAMETERS[key].accepts(value) for key, value in parameters.items())


@settings(max_examples=30, deadline=None)
@given(space=SPACES, other=SPACES)
def test_different_spaces_have_different_fingerprints(space: Any, other: Any) -> None:
    one, two = Space.from_spec(spec_of(space=space)), Space.from_spec(spec_of(space=other))
    assert (one.fingerprint() == two.fingerprint()) == (one == two)
