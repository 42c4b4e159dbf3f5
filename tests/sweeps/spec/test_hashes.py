from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.spec import spec_hash
from sweeps.spec.space import space_hash
from tests.sweeps.spec.texts import SMALL, STAGED, load_text


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "data.root=elsewhere",
        "data.license=CC0",
        "data.reviews=elsewhere",
        "data.reviews_until=3",
        "search.trials=40",
        "trial.deadline=1h",
        "trial.stall=off",
        "keep={best: all, last: 2, every: 3, min_free: 0}",
        "cluster.cpus=2",
        "prepare.cache=false",
    ],
)
def test_what_leaves_every_trial_as_it_is_leaves_the_hash(tmp_path: Path, override: str) -> None:
    before, after = load_text(tmp_path, SMALL), load_text(tmp_path, SMALL, override)
    assert spec_hash(before.resolved()) == spec_hash(after.resolved())


@pytest.mark.parametrize(
    "override",
    [
        "train.epochs=21",
        "train.loss=dice",
        "train.seed=1",
        "search.seed=1",
        "search.sampler=random",
        "search.space={loss: [ce, dice]}",
        "search.scheduler=asha",
        "data.split.seed=8",
        "data.labels=[liver]",
        "prepare.fit=crop",
    ],
)
def test_what_changes_a_trial_changes_the_hash(tmp_path: Path, override: str) -> None:
    before, after = load_text(tmp_path, SMALL), load_text(tmp_path, SMALL, override)
    assert spec_hash(before.resolved()) != spec_hash(after.resolved())


def test_stages_count_but_their_trials_do_not(tmp_path: Path) -> None:
    before = load_text(tmp_path, STAGED)
    more = load_text(tmp_path, STAGED, "stages.rates.trials=9")
    other = load_text(tmp_path, STAGED, "stages.rates.sampler=tpe")
    assert spec_hash(before.resolved()) == spec_hash(more.resolved())
    assert spec_hash(before.resolved()) != spec_hash(other.resolved())


def test_a_resolved_spec_from_before_there_was_retention_has_the_same_hash(tmp_path: Path) -> None:
    plain = load_text(tmp_path, SMALL).resolved()
    assert spec_hash({key: value for key, value in plain.items() if key != "keep"}) == spec_hash(plain)


def test_a_resolved_spec_from_before_there_was_a_licence_has_the_same_hash(tmp_path: Path) -> None:
    plain = load_text(tmp_path, SMALL, "data.license=CC0").resolved()
    older = {**plain, "data": {key: value for key, value in plain["data"].items() if key != "license"}}
    assert spec_hash(older) == spec_hash(plain)


def test_the_space_has_a_hash_of_its_own(tmp_path: Path) -> None:
    before = load_text(tmp_path, STAGED).spec
    assert space_hash(before) == space_hash(load_text(tmp_path, STAGED, "train.epochs=3").spec)
    assert space_hash(before) != space_hash(
        load_text(tmp_path, STAGED, "stages.batches.space={batch_size: [4, 8]}").spec
    )


def test_spelling_and_order_do_not_matter(tmp_path: Path) -> None:
    space = "  space:\n    loss: [ce, dice]\n    batch_size: [4, 8]\n"
    turned = "  space: {batch_size: {choice: [4, 8]}, loss: [ce, dice]} # turned\n"
    one, other = load_text(tmp_path, SMALL + space), load_text(tmp_path, SMALL + turned)
    assert spec_hash(one.resolved()) == spec_hash(other.resolved())
    assert space_hash(one.spec) == space_hash(other.spec)
