"""Every mistake gets one message that says where, what, what was got and what is allowed; all mistakes are shown together."""

from __future__ import annotations

import copy
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

# what replaces what in the documented spec, and the message in full
MISTAKES = [
    ("name: liver-archs", "name: a/b", "1: name: impossible name; got 'a/b'; allowed: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit; the name becomes a folder: leave out slashes and spaces"),
    ("name: liver-archs", "name: ..", "1: name: impossible name; got '..'; allowed: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit"),
    ("name: liver-archs", "name: 2024", "1: name: impossible name; got 2024; allowed: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit; put quotes around it: \"2024\""),
    ("name: liver-archs", 'name: "a\\n"', "1: name: impossible name; got 'a\\n'; allowed: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit; the name becomes a folder: leave out slashes and spaces"),
    ("name: liver-archs\n", "", "1: name: is required; add the line name: …"),
    ("root: ~/lits, ", "", "2: data.root: is required; add the line root: …"),
    ("layout: lits", "layout: list", "2: data.layout: unknown layout; got 'list'; allowed: auto | lits | msd | nnunet | pairs; did you mean 'lits'?"),
    ("test: 0.2", "test: 0.95", "2: data.split.test: impossible value; got 0.95; allowed: at most 0.9"),
    ("test: 0.2", "test: .nan", "2: data.split.test: impossible value; got nan; allowed: a finite number"),
    ("test: 0.2", "test: 0.9", "2: data.split: no patients are left to train on; got test 0.9 + validation 0.2; allowed: a sum below 1"),
    ("validation: 0.2", "validation: 0", "2: data.split.validation: impossible value; got 0; allowed: more than 0"),
    ("folds: 1", "folds: 5", "2: data.split.folds: more than one fold is not available in this version; got 5; allowed: 1; write 1 or leave the line out"),
    ("seeds: 1", "seeds: 3", "22: train.seeds: more than one seed is not available in this version; got 3; allowed: 1; write 1 or leave the line out"),
    ("seeds: 1", "seeds: true", "22: train.seeds: impossible value; got true; allowed: 1; write 1 or leave the line out"),
    ("[64, 128], slices", "[64, 100], slices", "3: prepare.size[1]: impossible size; got 100; allowed: whole number from 32 to 1024, multiple of 32"),
    ("[64, 128], slices", "[], slices", "3: prepare.size: an empty list; allowed: one size or a list of sizes"),
    ("slices: liver", "slices: livers", "3: prepare.slices: unknown choice of slices; got 'livers'; allowed: all | body | liver; did you mean 'liver'?"),
    ("trials: 60", "trials: 0", "5: search.trials: impossible value; got 0; allowed: at least 1"),
    ("trials: 60", "trials: 60.0", "5: search.trials: wrong type; got 60.0; allowed: a whole number"),
    ("trials: 60", "trials: true", "5: search.trials: wrong type; got true; allowed: a whole number"),
    ("trials: 60", "trials: '60'", "5: search.trials: wrong type; got '60'; allowed: a whole number"),
    ("trials: 60", "trails: 60", "5: search.trails: unknown key; got 'trails'; allowed: trials | per_architecture | objective | sampler | scheduler | seed | space | architectures; did you mean 'trials'?"),
    ("trials: 60", "epochs: 60", "5: search.epochs: unknown key; got 'epochs'; allowed: trials | per_architecture | objective | sampler | scheduler | seed | space | architectures; write it under train"),
    ("trials: 60", "trials: 4", "5: search.trials: fewer trials than architectures (5); got 4; allowed: at least 5; raise trials, name fewer architectures, or write per_architecture: joint"),
    ("per_architecture: equal ", "per_architecture: fair ", "6: search.per_architecture: unknown budget; got 'fair'; allowed: equal | equal_updates | joint"),
    ("objective: val_dice", "objective: dice", "7: search.objective: unknown metric; got 'dice'; allowed: val_dice | dice_liver_mean | dice_tumour_mean | dice_global_liver | dice_global_tumour | parameters | gflops | s_per_epoch; did you mean 'val_dice'?"),
    ("objective: val_dice", "objective: [val_dice, 3]", "7: search.objective[1]: metric must be a word; got 3; allowed: val_dice | dice_liver_mean | dice_tumour_mean | dice_global_liver | dice_global_tumour | parameters | gflops | s_per_epoch"),
    ("objective: val_dice", "objective: [gflops, gflops]", "7: search.objective: a metric is given twice; got ['gflops', 'gflops']; name each once"),
    ("sampler: tpe ", "sampler: tpee ", "8: search.sampler: unknown sampler; got 'tpee'; allowed: tpe | random | grid | cmaes | gp | nsga2 | qmc; did you mean 'tpe'?"),
    ("scheduler: asha", "scheduler: [asha]", "9: search.scheduler: wrong type; got ['asha']; allowed: a mapping"),
    ("scheduler: asha", "scheduler: {kind: asha, grace_epochs: 30}", "9: search.scheduler.grace_epochs: no trial could be ended; got 30; allowed: at most train.epochs, 20"),
    ("scheduler: asha", "scheduler: {kind: none, grace_epochs: 3}", "9: search.scheduler.grace_epochs: scheduler none has no grace_epochs; leave the line out"),
    ("scheduler: asha", "scheduler: {kind: median, reduction_factor: 3}", "9: search.scheduler.reduction_factor: scheduler median has no reduction_factor; leave the line out"),
    ("scheduler: asha", "scheduler: {grace_epochs: 3}", "9: search.scheduler.kind: is required; add the line kind: …"),
    ("[1.0e-5, 1.0e-2]", "[1.0e-2, 1.0e-5]", "11: search.space.learning_rate.log: the low bound must be below the high one; got [0.01, 1e-05]; swap them: [1e-05, 0.01]"),
    ("[1.0e-5, 1.0e-2]", "[0, 1.0e-2]", "11: search.space.learning_rate.log[0]: a bound is impossible; got 0; allowed: number from 1e-08 to 10"),
    ("{log: [1.0e-5, 1.0e-2]}", "{log: 3}", "11: search.space.learning_rate.log: not the two bounds of a range; got 3; allowed: log: [low, high]"),
    ("{log: [1.0e-5, 1.0e-2]}", "{lag: [1.0e-5, 1.0e-2]}", "11: search.space.learning_rate.lag: unknown kind of range; got 'lag'; allowed: one value | [a, b, …] | {log: [low, high]} | {uniform: [low, high]} | {int: [low, high]}; did you mean 'log'?"),
    ("learning_rate: {log", "learningrate: {log", "11: search.space.learningrate: unknown parameter; got 'learningrate'; allowed: learning_rate | batch_size | size | window | loss | optimizer | schedule | weight_decay | augment_flip | augment_rotate_deg | augment_scale | augment_intensity | mixed_precision; did you mean 'learning_rate'?"),
    ("[8, 16, 32]", "[8, 16, 16]", "12: search.space.batch_size[2]: given twice in the list; got 16"),
    ("[8, 16, 32]", "[8, many]", "12: search.space.batch_size[1]: impossible value; got 'many'; allowed: whole number from 1 to 1024"),
    ("[8, 16, 32]", "[]", "12: search.space.batch_size: an empty list; allowed: one value | [a, b, …] | {log: [low, high]} | {uniform: [low, high]} | {int: [low, high]}"),
    ("batch_size: [8, 16, 32]", "base_filters: [8, 16]", "12: search.space.base_filters: unknown parameter; got 'base_filters'; allowed: learning_rate | batch_size | size | window | loss | optimizer | schedule | weight_decay | augment_flip | augment_rotate_deg | augment_scale | augment_intensity | mixed_precision; architectures have it: write it under search.architectures, for example unet: {base_filters: …}"),
    ("    size: [64, 128]", "    size: [64, 96, 256]", "13: search.space.size: not prepared; got size [96, 256]; allowed: 64 | 128; add [96, 256] to prepare.size, or leave prepare.size out"),
    ("[study, liver, fingerprint]", "[study, lever]", "14: search.space.window[1]: unknown window; got 'lever'; allowed: study | liver | wide | fingerprint; did you mean 'liver'?"),
    ("[ce, dice_ce]", "{uniform: [0, 1]}", "15: search.space.loss: loss has no range; got {uniform: [0, 1]}; allowed: a list of ce | weighted_ce | dice | dice_ce | focal | tversky"),
    ("[16, 32, 64]", "[16, 500]", "17: search.architectures.unet.base_filters[1]: impossible value; got 500; allowed: whole number from 4 to 128"),
    ("{base_filters: [16", "{base_filter: [16", "17: search.architectures.unet.base_filter: unet has no such option; got 'base_filter'; allowed: base_filters | learning_rate | batch_size | size | window | loss | optimizer | schedule | weight_decay | augment_flip | augment_rotate_deg | augment_scale | augment_intensity | mixed_precision; did you mean 'base_filters'?"),
    ("    segnet: {}", "    sgenet: {}", "20: search.architectures.sgenet: unknown architecture; got 'sgenet'; allowed: unet | unet_resnet18 | unet_resnet50 | segnet | encoder_decoder; did you mean 'segnet'?"),
    ("    segnet: {}", "    segnet: 64", "20: search.architectures.segnet: must be a mapping; got 64; allowed: name: value lines"),
    ("epochs: 20", "epochs: many", "22: train.epochs: wrong type; got 'many'; allowed: a whole number"),
    ("epochs: 20", "optimizer: [adam, sgd]", "22: train.optimizer: must be one value; got ['adam', 'sgd']; several values and ranges belong under search.space"),
    ("epochs: 20", "batch_size: 8", "22: train.batch_size: batch_size stands in search.space too; got 8; remove one of the two"),
    ("epochs: 20", "fixed: 8", "22: train.fixed: unknown key; write parameters directly under train"),
    ("epochs: 20", "learning_rat: 8", "22: train.learning_rat: unknown key; got 'learning_rat'; allowed: epochs | updates | seeds | seed | early_stopping | learning_rate | batch_size | size | window | loss | optimizer | schedule | weight_decay | augment_flip | augment_rotate_deg | augment_scale | augment_intensity | mixed_precision; did you mean 'learning_rate'?"),
    ("train: {epochs: 20, seeds: 1}", "train: 20", "22: train: wrong type; got 20; allowed: a mapping"),
    ("cpus: 1", "cpus: 0", "23: trial.cpus: impossible value; got 0; allowed: at least 1"),
    ("gpus: 0", "gpus: 1.5", "23: trial.gpus: a part of several GPUs; got 1.5; allowed: a fraction up to 1, or a whole number"),
    ("deadline: 2h", "deadline: 2 hours", "23: trial.deadline: not a duration; got '2 hours'; allowed: a duration such as 90s, 15m, 2h, 1d or 1h30m, or a number of seconds"),
    ("deadline: 2h", "deadline: 0", "23: trial.deadline: a duration must be more than 0 and at most 366 days; got 0; allowed: a duration such as 90s, 15m, 2h, 1d or 1h30m, or a number of seconds"),
    ("deadline: 2h", "memory: lots", "23: trial.memory: not a size; got 'lots'; allowed: a size such as 500MB, 4GB or 2GiB, or a number of bytes"),
    ("kind: local", "kind: slurm", "24: cluster.kind: unknown cluster; got 'slurm'; allowed: local; only local exists in this version"),
    ("kind: local", "cpus: 1, kind: locl", "24: cluster.kind: unknown cluster; got 'locl'; allowed: local; did you mean 'local'?"),
    ("cluster: {kind: local}", "clutser: {kind: local}", "24: clutser: unknown key; got 'clutser'; allowed: name | data | prepare | search | train | trial | cluster | stages; did you mean 'cluster'?"),
]  # fmt: skip


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
        ("epochs: 20", "epochs: -1, learning_rate: 3, optimizer: addam"),
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
    assert found == [(11, "stages[2].from", "unknown start"), (12, "stages[2].objective", "unknown key")]
    text = STAGED.replace("name: batches", "name: networks").replace("    space: {batch_size: [4, 8, 16]}\n", "")
    found = [(problem.line, problem.path, problem.what) for problem in problems_of(tmp_path, text)]
    assert found == [(8, "stages[1]", "stage networks changes nothing"), (8, "stages[1].name", "two stages have one name")]


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
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
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
