"""From a spec to the search's stages, and what an extension makes of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from results.ledger_line import Event
from results.sweep_parts import Objective
from sweeps.errors import SpecError, SweepError, UsageError
from sweeps.search.plan import Best
from sweeps.spec import Spec, spec_from_resolved
from sweeps.spec.space import Space
from sweeps.stages import (
    build_stages,
    build_standing,
    check_grids,
    extended_spec,
    space_stages,
    spec_after,
    total_trials,
)
from tests.sweeps.in_process import spec_of

STAGES = """\
stages:
  - {name: first, trials: 4}
  - {name: batch, from: best, sampler: grid, space: {batch_size: [4, 8, 16]}}
"""
GRID = {"sampler": "grid", "space": "{batch_size: [4, 8]}", "trials": 4}


def extended(trials: int = 0, **facts: Any) -> Event:
    return Event(2, "", "extended", {"trials": trials, **facts})


def choices(spec: Spec, name: str = "unet") -> dict[str, Any]:
    space = Space.from_spec(spec, build_stages(spec)[-1].name)
    return {item.name: item.as_plain() for item in space.for_architecture(name)}


def test_stages_have_the_trials_of_the_spec_and_a_grid_all_its_points(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, more=STAGES)
    assert [(stage.name, stage.trials) for stage in build_stages(spec)] == [("first", 4), ("batch", 3)]
    assert total_trials(spec) == 7
    assert build_standing(spec).left == 7 and build_standing(spec).course.epochs == 3
    assert build_standing(spec).objectives == (Objective("val_dice", "maximize"),)


def test_every_stage_has_seeds_of_its_own(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, more=STAGES)
    best = Best("t0", "unet", {"learning_rate": 1e-3, "base_filters": 4}, 0.5)
    seeds = {stage.open(best).plan.seed for stage in build_stages(spec)}
    assert len(seeds) == 2


def test_a_later_stage_varies_the_best_trial_and_cannot_begin_without_one(tmp_path: Path) -> None:
    second = build_stages(spec_of(tmp_path, more=STAGES))[1]
    proposer = second.open(Best("t0", "segnet", {"learning_rate": 2e-3, "base_filters": 4}, 0.5))
    proposals = [proposer.ask(number) for number in range(3)]
    assert [item.parameters["batch_size"] for item in proposals] == [4, 8, 16]
    assert {(item.architecture, item.parameters["learning_rate"]) for item in proposals} == {("segnet", 2e-3)}
    with pytest.raises(SweepError, match="no trial of the stages before has a score"):
        second.open(None)


def test_another_space_takes_the_place_of_the_old_one_and_its_sizes_are_prepared_too(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, space="{learning_rate: {log: [1.0e-5, 1.0e-2]}, size: [32, 64]}")
    wider = extended_spec(spec, {"space": {"batch_size": [4, 8], "size": [64, 96]}})
    assert choices(wider) == {"batch_size": [4, 8], "size": [64, 96]}
    assert wider.prepare.size == (32, 64, 96), "trials of the old space may still have to be run"
    assert Space.from_spec(wider).architectures == ("unet", "segnet")
    assert choices(spec)["size"] == [32, 64], "the spec that was given stays as it was"
    assert spec_from_resolved(wider.resolved()) == wider


def test_the_new_space_counts_also_where_train_fixed_the_parameter(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, epochs="3, size: 32, weight_decay: 0.01")
    wider = extended_spec(spec, {"space": {"size": [32, 64]}})
    assert choices(wider) == {"size": [32, 64]} and wider.prepare.size == (32, 64)
    assert {item.name: item.value for item in wider.train.fixed} == {"weight_decay": 0.01}


def test_other_architectures_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    wider = extended_spec(spec_of(tmp_path), {"architectures": {"encoder_decoder": {"base_filters": [4, 8]}}})
    space = Space.from_spec(wider)
    assert space.architectures == ("encoder_decoder",)
    assert {item.name for item in space.for_architecture("encoder_decoder")} == {"base_filters", "learning_rate"}


def test_only_the_last_stage_is_given_another_space(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, more=STAGES)
    wider = extended_spec(spec, {"space": {"batch_size": [32, 64], "size": [96]}})
    assert Space.from_spec(wider, "first") == Space.from_spec(spec, "first")
    assert choices(wider)["batch_size"] == [32, 64] and set(wider.prepare.size) == {96, *spec.prepare.size}


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"space": {"learning_rat": [0.1]}}, "learning_rat"),
        ({"space": {"learning_rate": {"log": [1.0, 0.1]}}}, "learning_rate"),
        ({"architectures": {"unett": {}}}, "unett"),
        ({"architectures": {}}, "architectures"),
        ({"architectures": None}, "architectures"),
        ({"architectures": {"unet": {"base_filters": "many"}}}, "base_filters"),
    ],
)
def test_what_is_no_space_is_a_problem_of_the_file(tmp_path: Path, space: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        extended_spec(spec_of(tmp_path), space, "wider.yaml")
    assert "wider.yaml" in str(caught.value) and words in str(caught.value)


def test_a_smaller_grid_and_more_architectures_need_no_more_trials_than_are_added(tmp_path: Path) -> None:
    grid = extended_spec(spec_of(tmp_path, **GRID), {"space": {"batch_size": [2]}})
    assert total_trials(grid) == 2, "one point an architecture"
    more = {name: {"base_filters": 4} for name in ("unet", "segnet", "encoder_decoder")}
    few = extended_spec(spec_of(tmp_path, trials=2), {"architectures": more})
    assert build_stages(few)[0].open(None).plan.trials == 3
    many = extended_spec(spec_of(tmp_path, trials=5), {"architectures": more})
    assert build_stages(many)[0].open(None).plan.trials == 5, "samplers stay tuned as they were"


def test_extensions_add_up(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    only_sizes, only_nets = {"space": {"size": [32, 64]}}, {"architectures": {"segnet": {"base_filters": 8}}}
    events = [
        Event(1, "", "sweep", {}),
        extended(4, epochs=9),
        extended(5, space=only_sizes),
        extended(6, space=only_nets),
        extended(7),
    ]
    after = spec_after(spec, events)
    assert after.train.epochs == 9 and Space.from_spec(after).architectures == ("segnet",)
    assert choices(after, "segnet") == {"size": [32, 64]}
    opened = space_stages(spec)
    opened(only_sizes)
    assert opened(only_nets).open(None).space == Space.from_spec(after), "the search has the space that the spec says"


@pytest.mark.parametrize(("added", "allowed"), [(1, None), (2, None), (3, "at most 2"), (50, "at most 2")])
def test_a_grid_has_an_end(tmp_path: Path, added: int, allowed: str | None) -> None:
    spec = spec_of(tmp_path, **(GRID | {"space": "{batch_size: [4, 8, 16]}"}))
    standing = build_standing(spec)
    standing.extend(added, None, (), None)
    if allowed is None:
        check_grids(spec, standing, added)
        return
    with pytest.raises(UsageError, match="has not that many points left") as caught:
        check_grids(spec, standing, added)
    assert caught.value.allowed == allowed and "--space" in str(caught.value)


def test_the_grid_of_a_stage_to_come_has_an_end_too(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, more=STAGES)
    standing = build_standing(spec)
    check_grids(spec, standing, 0)
    standing.extend(1, None, (), None)
    with pytest.raises(UsageError, match=r"stage batch.*at most 0"):
        check_grids(spec, standing, 1)


def test_a_search_without_a_grid_has_no_end(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    standing = build_standing(spec)
    standing.extend(10_000, None, (), None)
    check_grids(spec, standing, 10_000)
