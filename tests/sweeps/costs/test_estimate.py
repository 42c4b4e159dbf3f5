from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.config import Slots
from sweeps.costs import estimate as module
from sweeps.costs.estimate import Estimate, estimate
from sweeps.costs.fit import Room
from sweeps.costs.needs import ESTIMATE_ERROR
from sweeps.costs.step import PROBE_BATCH
from tests.sweeps.spec.texts import load_text

STEP = {
    "step_s": 0.4,
    "predict_s": 0.1,
    "start_s": 3.0,
    "process_mb": 400.0,
    "kept_mb": 30.0,
    "step_mb": 200.0,
    "device": "CPU",
}
TWO = Slots(2, 1, 0)
SPEC = """\
name: small
data: {root: scans}
search:
  trials: 5
  space: {optimizer: [sgd, adam]}
  architectures: {unet: {base_filters: [8, 16]}, encoder_decoder: {base_filters: 8}}
train: {epochs: 10, size: 32}
trial: {cpus: 1}
cluster: {kind: local, cpus: 2}
keep: {best: 2}
"""
STAGES = """\
stages:
  - name: networks
  - {name: rates, from: best, trials: 4, space: {learning_rate: [0.1, 0.01, 0.001, 0.0001]}}
"""


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Steps are not run but stand here; the names of the architectures that were asked for."""
    names: list[str] = []

    def probe(spec: Any, name: str, setting: Any) -> dict[str, Any]:
        names.append(name)
        return dict(STEP)

    monkeypatch.setattr(module, "measured_step", probe)
    return names


def cohort() -> Any:
    return SimpleNamespace(
        slices=lambda part: {"train": 400, "validation": 80, "test": 90}[part], part=lambda part: range(7), folds=1
    )


def of(folder: Path, text: str = SPEC, *overrides: str, room: Room | None = None) -> Estimate:
    return estimate(load_text(folder, text, *overrides).spec, cohort(), 1000, cache_bytes=77, slots=TWO, room=room)


def test_trials_are_shared_and_time_follows_from_one_step(tmp_path: Path, measured: list[str]) -> None:
    found = of(tmp_path)
    assert measured == ["unet", "encoder_decoder"]
    assert [(row.name, row.trials) for row in found.architectures] == [("unet", 3), ("encoder_decoder", 2)]
    assert (found.trials, found.slots, found.store_bytes) == (5, 2, 1000)
    # ten epochs of 100 training and 20 validation batches; one network has one setting only
    assert found.architectures[1].seconds_per_trial == pytest.approx(3 + 10 * (0.4 * 100 + 0.1 * 20))
    assert found.seconds == pytest.approx(
        sum((row.seconds_per_trial or 0) * row.trials for row in found.architectures) / 2
    )


def test_the_disk_holds_the_largest_setting_of_the_best_and_of_each_architecture(tmp_path: Path) -> None:
    found = of(tmp_path)
    unet, other = (row.parameters[1] for row in found.architectures)
    assert found.disk.weights_bytes == pytest.approx(4 * (2 * unet + other), abs=3 * 10**5)
    # adam is among the choices: the network, two moments and the best weights
    assert found.disk.states_bytes == pytest.approx(16 * (2 * unet + other), abs=10**6)
    assert found.disk.cache_bytes == 77


def test_with_one_moment_a_state_is_smaller(tmp_path: Path) -> None:
    sgd = of(tmp_path, SPEC, "search.space.optimizer=sgd").disk
    assert of(tmp_path).disk.states_bytes - sgd.states_bytes == sgd.weights_bytes - 3 * 80_000


def test_a_joint_search_may_give_every_trial_to_the_largest(tmp_path: Path) -> None:
    unet = of(tmp_path).architectures[0].parameters[1]
    joint = of(tmp_path, SPEC, "keep.best=4", "search.per_architecture=joint").disk
    shared = of(tmp_path, SPEC, "keep.best=4").disk
    assert joint.weights_bytes - shared.weights_bytes == pytest.approx(4 * unet, abs=10**5)


def test_a_later_stage_may_give_every_trial_to_the_largest(tmp_path: Path) -> None:
    unet = of(tmp_path).architectures[0].parameters[1]
    found = of(tmp_path, SPEC + STAGES, "keep.best=6").disk
    more = of(tmp_path, SPEC + STAGES, "keep.best=7").disk
    assert more.weights_bytes - found.weights_bytes == 4 * unet + 80_000


def test_a_later_stage_has_the_values_that_the_first_may_choose(tmp_path: Path) -> None:
    one, two = of(tmp_path).architectures, of(tmp_path, SPEC + STAGES).architectures
    assert [row.parameters for row in one] == [row.parameters for row in two]
    named = of(tmp_path, SPEC + STAGES, "stages.rates.architectures={unet: {base_filters: 4}}").architectures[0]
    assert named.parameters[0] < one[0].parameters[0] and named.parameters[1] == one[0].parameters[1]


def test_the_estimate_is_json(tmp_path: Path) -> None:
    document = json.loads(json.dumps(of(tmp_path).as_dict(), allow_nan=False))
    assert document["schema_version"] == 2
    parts = ("weights_bytes", "states_bytes", "running_bytes", "records_bytes")
    assert document["disk"]["total_bytes"] == sum(document["disk"][part] for part in parts)


def test_an_architecture_that_cannot_be_measured_still_takes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of(tmp_path).disk
    monkeypatch.setattr(module, "measured_step", lambda *_: {"error": "out of memory"})
    found = of(tmp_path)
    assert found.seconds is None and found.architectures[0].problem == "out of memory" and found.disk == before


def test_repetitions_cost_time_and_disk_and_only_the_weights_of_the_selected_stay(tmp_path: Path) -> None:
    once, often = of(tmp_path), of(tmp_path, SPEC, "data.split.folds=3", "train.seeds=2")
    assert [row.replicates for row in often.architectures] == [5] * len(often.architectures)
    assert [row.trials for row in often.architectures] == [row.trials for row in once.architectures]
    assert often.seconds > once.seconds and often.disk.weights_bytes > once.disk.weights_bytes  # type: ignore[operator]
    assert often.disk.states_bytes == once.disk.states_bytes, "no training goes on from a repetition"
    all_of_them = of(tmp_path, SPEC, "train.seeds=2", "search.replicate=all")
    assert [row.replicates for row in all_of_them.architectures] == [row.trials for row in once.architectures]


LARGE = "search.space={batch_size: [4, 8, 32], size: [32, 64]}"
"""Six combinations of `encoder_decoder`, the largest 32 times what was measured."""


def with_room(folder: Path, memory_mb: float, *overrides: str) -> Estimate:
    return of(
        folder, SPEC, LARGE, "train={epochs: 10}", *overrides, room=Room(memory_mb, "trial.memory", "give {gb}GB")
    )


def test_memory_is_that_of_the_process_the_weights_and_the_largest_batch(tmp_path: Path) -> None:
    row = of(tmp_path, SPEC, LARGE, "train={epochs: 10}").architectures[1]
    assert (
        row.memory_mb == pytest.approx(400 + 30 + 200 * 32 / PROBE_BATCH + 8e-6 * row.parameters[1]) and row.fit is None
    )


def test_what_cannot_fit_is_listed_and_counted(tmp_path: Path) -> None:
    found = with_room(tmp_path, 1300.0)
    row = found.architectures[1]
    assert row.fit is not None and (row.fit.combinations, row.fit.unfit) == (6, 1) and not found.hopeless
    assert found.misfits[1].startswith(
        "encoder_decoder: batch_size 32, size 64, base_filters 8 needs about 2.0 GB, a trial has 1.3 GB (trial.memory): 1 of 6"
    )
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert document["misfits"] == list(found.misfits) and document["room"]["memory_mb"] == 1300.0
    assert document["architectures"][1]["fit"]["edges"] == [{"batch_size": 32, "size": 64, "base_filters": 8}]
    assert with_room(tmp_path, 10_000.0).misfits == ()


def test_an_estimate_within_its_error_of_the_limit_is_no_reason_to_reject(tmp_path: Path) -> None:
    most = of(tmp_path, SPEC, LARGE, "train={epochs: 10}").architectures[1].memory_mb or 0.0
    assert len(with_room(tmp_path, most / (1 + ESTIMATE_ERROR) + 0.1).misfits) == 1, "unet is a little larger"
    assert len(with_room(tmp_path, most / (1 + ESTIMATE_ERROR) - 0.1).misfits) == 2


def test_an_architecture_of_which_nothing_fits_is_named(tmp_path: Path) -> None:
    assert with_room(tmp_path, 300.0).hopeless == ("unet", "encoder_decoder")
    assert "none of 6 combinations fits" in with_room(tmp_path, 300.0).misfits[1]


def test_each_way_of_computing_is_measured_on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bool, bool, int]] = []

    def probe(spec: Any, name: str, setting: Any) -> dict[str, Any]:
        mixed, xla = (setting.get(key, False) for key in ("mixed_precision", "xla"))
        asked.append((mixed, xla, setting["size"]))
        return STEP | {"step_mb": 100.0 if mixed else 200.0, "step_s": 0.2 if xla else 0.4}

    monkeypatch.setattr(module, "measured_step", probe)
    space = "search.space={mixed_precision: [true, false], xla: [false, true], size: [32, 64]}"
    found = of(tmp_path, SPEC, space, "search.architectures={encoder_decoder: {base_filters: 8}}", "train={epochs: 1}")
    assert sorted(asked) == [(mixed, xla, 64) for mixed in (False, True) for xla in (False, True)]
    (row,) = found.architectures
    assert row.memory_mb == pytest.approx(400 + 30 + 200 * 16 / PROBE_BATCH, abs=2), (
        "the larger of the two, not the first"
    )
    once = of(
        tmp_path, SPEC, "search.architectures={encoder_decoder: {base_filters: 8}}", "train={epochs: 1, size: 64}"
    )
    assert (row.seconds_per_trial or 0) < (once.architectures[0].seconds_per_trial or 0)


def test_trials_on_gpus_have_their_arrays_there(tmp_path: Path) -> None:
    found = of(tmp_path, SPEC, "trial.gpus=0.5", room=Room(30.0, "half a card", "{gpus}", 4000.0))
    row = found.architectures[1]
    assert row.memory_mb == pytest.approx(400.0, abs=2) and row.gpu_memory_mb == pytest.approx(
        30 + 200 * 16 / PROBE_BATCH
    )
    assert found.hopeless and "raise trial.gpus to" in found.misfits[1]


def test_no_more_trials_are_counted_than_there_are_parameter_sets(tmp_path: Path) -> None:
    """Four sets of `unet` and two of `encoder_decoder`."""
    for asked, counts in ((5, (3, 2)), (6, (4, 2)), (9, (4, 2))):
        found = of(tmp_path, SPEC.replace("trials: 5", f"trials: {asked}"))
        assert tuple(row.trials for row in found.architectures) == counts and found.trials == sum(counts)
