"""Splits: by the patient, repeatable, fair to every part."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from liverseg.data import Split, fingerprint_of, join_training, split_patients
from liverseg.errors import ConfigError

ids = st.sets(st.text(min_size=1, max_size=12), min_size=3, max_size=60).map(sorted)
shares = st.sampled_from((0.0, 0.1, 0.2, 1 / 3, 0.4))
seeds = st.integers(0, 2**31)


def split(patients: list[str], test: float, validation: float, seed: int, folds: int = 1) -> Split:
    try:
        return split_patients(patients, test=test, validation=validation, folds=folds, seed=seed)
    except ConfigError as error:
        assume("too few" not in error.what)
        raise


@given(ids, shares, shares, seeds)
def test_every_patient_is_in_exactly_one_part(patients: list[str], test: float, validation: float, seed: int) -> None:
    made = split(patients, test, validation, seed)
    assert sorted((*made.train, *made.validation, *made.test)) == patients
    assert made.train
    for part, share in ((made.test, test), (made.validation, validation)):
        assert bool(part) == (share > 0)
        assert abs(len(part) - share * len(patients)) <= 1
        assert list(part) == sorted(part)


@given(ids, shares, shares, seeds, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(
    patients: list[str], test: float, validation: float, seed: int, rng: random.Random
) -> None:
    shuffled = [*patients, *patients[:2]]
    rng.shuffle(shuffled)
    assert split(shuffled, test, validation, seed) == split(patients, test, validation, seed)


@given(ids, shares, seeds, st.integers(2, 6))
def test_folds_share_out_everybody_outside_the_test_part(
    patients: list[str], test: float, seed: int, folds: int
) -> None:
    made = split(patients, test, 0.2, seed, folds)
    assert len(made.folds) == folds
    assert sorted(patient for fold in made.folds for patient in fold.validation) == sorted(
        set(patients) - set(made.test)
    )
    for fold in made.folds:
        assert fold.train and fold.validation
        assert set(fold.train) | set(fold.validation) | set(made.test) == set(patients)
        assert not set(fold.train) & set(fold.validation)
    sizes = [len(fold.validation) for fold in made.folds]
    assert max(sizes) - min(sizes) <= 1
    assert (made.train, made.validation) == (made.folds[0].train, made.folds[0].validation)


@given(ids, seeds)
def test_the_test_part_does_not_depend_on_the_folds(patients: list[str], seed: int) -> None:
    assume(len(patients) >= 8)
    assert split(patients, 0.2, 0.2, seed).test == split(patients, 0.2, 0.2, seed, folds=3).test


@given(ids, seeds)
def test_fingerprint_names_the_membership(patients: list[str], seed: int) -> None:
    made = split(patients, 0.2, 0.2, seed)
    assert len(made.fingerprint) == 16 and int(made.fingerprint, 16) >= 0
    assert made.fingerprint == fingerprint_of(made.folds, reversed(made.test))
    assert made.fingerprint != fingerprint_of(made.folds, made.train)
    assert made.fingerprint != split([*patients, "one more"], 0.2, 0.2, seed).fingerprint


def test_the_split_is_the_same_on_every_machine() -> None:
    made = split_patients([f"case-{n}" for n in range(10)], test=0.2, validation=0.2, seed=7)
    assert (made.test, made.validation, made.fingerprint) == (
        ("case-3", "case-5"),
        ("case-1", "case-4"),
        "38caa681df832c73",
    )


def test_seeds_give_different_splits() -> None:
    patients = [f"p{n}" for n in range(20)]
    made = {split_patients(patients, test=0.2, validation=0.2, seed=seed).fingerprint for seed in range(20)}
    assert len(made) == 20


def test_strata_are_shared_out() -> None:
    patients = [f"p{n}" for n in range(30)]
    free = set(patients[:9])
    for seed in range(30):
        made = split_patients(patients, test=0.2, validation=0.2, seed=seed, strata={p: p in free for p in patients})
        for part in (made.test, made.validation):
            assert 1 <= len(free & set(part)) <= 3


def test_two_patients_train_on_one_and_validate_on_the_other() -> None:
    made = split_patients(["a", "b"], test=0, validation=0.5, seed=7)
    assert (len(made.train), len(made.validation), made.test) == (1, 1, ())


@pytest.mark.parametrize(
    ("count", "test", "validation", "folds", "message"),
    [
        (1, 0.0, 0.2, 1, "one patient only"),
        (0, 0.2, 0.2, 1, "no patients"),
        (2, 0.2, 0.2, 1, "too few patients"),
        (5, 0.2, 0.2, 5, "too few patients"),
        (9, 0.5, 0.5, 1, "no patients left to train on"),
        (9, -0.1, 0.2, 1, "impossible share"),
        (9, 0.2, 1.0, 1, "impossible share"),
        (9, float("nan"), 0.2, 1, "impossible share"),
        (9, 0.2, 0.2, 0, "impossible number"),
    ],
)
def test_impossible_splits_say_why(count: int, test: float, validation: float, folds: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        split_patients([f"p{n}" for n in range(count)], test=test, validation=validation, folds=folds, seed=7)
    assert caught.value.where and caught.value.where.startswith("split")


def test_as_dict_is_complete() -> None:
    made = split_patients("abcdef", test=0.2, validation=0.2, seed=1)
    assert made.as_dict() == {
        "schema_version": 1,
        "fingerprint": made.fingerprint,
        "train": list(made.train),
        "validation": list(made.validation),
        "test": list(made.test),
        "folds": [{"train": list(made.train), "validation": list(made.validation)}],
    }


@given(ids, shares, shares, seeds, st.integers(1, 4), st.sets(st.text(min_size=13, max_size=14), max_size=5))
def test_who_joins_the_training_is_trained_on_in_every_fold_and_moves_nobody(
    patients: list[str], test: float, validation: float, seed: int, folds: int, more: set[str]
) -> None:
    made = split(patients, test, validation, seed, folds)
    joined = join_training(made, more)
    assert (joined.validation, joined.test) == (made.validation, made.test)
    assert joined.train == joined.folds[0].train
    for before, after in zip(made.folds, joined.folds, strict=True):
        assert after.validation == before.validation
        assert list(after.train) == sorted({*before.train, *more})
    assert joined.fingerprint == fingerprint_of(joined.folds, joined.test)
    assert (joined.fingerprint == made.fingerprint) == (not more)
    assert join_training(joined, more) == joined


@pytest.mark.parametrize("part", ["validation", "test"])
def test_nobody_who_is_scored_on_joins_the_training(part: str) -> None:
    made = split_patients([f"p{n}" for n in range(10)], test=0.2, validation=0.2, seed=1)
    with pytest.raises(ValueError, match="cannot join"):
        join_training(made, [getattr(made, part)[0]])
    assert join_training(made, made.train[:1]) == made
