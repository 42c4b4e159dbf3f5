"""What may change between two runs of a sweep, and what would make it another experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.adjust import FREE_KEYS, FREE_SECTIONS, adjusted, experiment, taken_over
from sweeps.creation import portable
from sweeps.errors import SpecError, UsageError
from sweeps.spec import spec_from_resolved
from tests.sweeps.in_process import spec_of


@pytest.fixture
def resolved(tmp_path: Path) -> dict[str, Any]:
    plain = spec_of(tmp_path, more="trial: {deadline: 2h}\ncluster: {cpus: 2}").resolved()
    return dict(json.loads(json.dumps(plain)))


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("trial.deadline=4h", "trial", "deadline", "4h"),
        ("trial.stall=off", "trial", "stall", "off"),
        ("keep.best=all", "keep", "best", "all"),
        ("cluster.cpus=1", "cluster", "cpus", 1),
        ("data.root=/elsewhere", "data", "root", "/elsewhere"),
        (' data.root = "a b"', "data", "root", "a b"),
        ("prepare.cache=off", "prepare", "cache", "off"),
        ("data.license=CC BY 4.0", "data", "license", "CC BY 4.0"),
    ],
)
def test_machine_limits_and_places_may_change(
    resolved: dict[str, Any], text: str, section: str, key: str, value: Any
) -> None:
    before = json.dumps(resolved)
    changed = adjusted(resolved, [text])
    assert changed[section][key] == value
    assert json.dumps(resolved) == before, "what was given stays as it was"
    assert experiment(changed) == experiment(resolved)


@pytest.mark.parametrize(
    "text",
    [
        "search.trials=5",
        "search.space.learning_rate=0.1",
        "train.epochs=9",
        "data.split.seed=8",
        "data=x",
        "prepare.size=[32]",
        "name=b",
        "stages.0.trials=3",
        "trials.deadline=1h",
        "",
    ],
)
def test_the_experiment_may_not(resolved: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match="another experiment") as caught:
        adjusted(resolved, [text])
    assert "trial.…" in str(caught.value) and "data.root" in str(caught.value) and "extend" in str(caught.value)


@pytest.mark.parametrize("text", ["trial.deadline", "trial..deadline=1", "trial.deadline=[", "keep.best.least=1"])
def test_what_cannot_be_read_is_a_problem_of_the_option(resolved: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError, match="--set"):
        adjusted(resolved, [text])


def test_settings_are_laid_over_in_their_order(resolved: dict[str, Any]) -> None:
    assert adjusted(resolved, ["trial.cpus=2", "trial.cpus=3"])["trial"]["cpus"] == 3
    assert adjusted({**resolved, "cluster": None}, ["cluster.cpus=3"])["cluster"] == {"cpus": 3}


def test_the_experiment_is_all_but_machine_limits_places_and_name(resolved: dict[str, Any]) -> None:
    kept = experiment(resolved)
    assert set(resolved) - set(kept) == {*FREE_SECTIONS, "name"}
    assert set(resolved["data"]) - set(kept["data"]) == {"root", "reviews", "reviews_until", "license"}
    assert set(resolved["prepare"]) - set(kept["prepare"]) == {"cache", "stream"}
    assert kept == experiment(portable(resolved)), "as the ledger keeps it"


def test_a_sweep_from_before_there_was_a_licence_is_the_same_experiment(resolved: dict[str, Any]) -> None:
    older = {**resolved, "data": {key: value for key, value in resolved["data"].items() if key != "license"}}
    present = adjusted(older, ["data.license=CC0"])
    assert experiment(present) == experiment(older) == experiment(resolved)
    assert spec_from_resolved(taken_over(portable(older), older)).data.license is None
    assert spec_from_resolved(taken_over(portable(older), present)).data.license == "CC0"


@pytest.mark.parametrize("damage", [{"data": None}, {"data": "scans"}, {"prepare": []}, {}])
def test_a_mapping_that_is_no_spec_is_another_experiment(resolved: dict[str, Any], damage: dict[str, Any]) -> None:
    other = {**resolved, **damage} if damage else {}
    assert experiment(other) != experiment(resolved)


def test_a_ledgers_experiment_runs_under_the_present_limits_and_places(resolved: dict[str, Any]) -> None:
    kept = portable(resolved)
    present = adjusted(resolved, ["trial.deadline=4h", "data.root=/elsewhere", "keep.best=all", "prepare.cache=off"])
    plain = taken_over(kept, {**present, "name": "renamed", "train": {"epochs": 99}})
    assert plain["data"]["root"] == "/elsewhere" and plain["prepare"]["cache"] == "off"
    assert plain["cluster"] == resolved["cluster"] and plain["train"] == kept["train"] and plain["name"] == "a"
    spec = spec_from_resolved(plain)
    assert spec.trial.deadline_s == 4 * 3600 and spec.keep.best is None
    assert "root" not in kept["data"], "the ledger's own mapping stays as it was"


def test_what_the_present_does_not_say_stays_as_the_ledger_has_it(resolved: dict[str, Any]) -> None:
    kept = portable(resolved)
    plain = taken_over(kept, kept)
    assert plain == kept and plain is not kept
    assert not any(key in plain.get(section, {}) for section, key in (text.split(".") for text in FREE_KEYS[:1]))
