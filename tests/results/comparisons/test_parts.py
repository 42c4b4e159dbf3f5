"""Fingerprints of parts, and the refusal: any change of one patient is seen, any order of patients is not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results import fingerprints
from results.comparisons import IncomparableError, compare_sweeps, part_difference
from results.comparisons.entries import distinct, make_entries
from results.records import Sweep, SweepRecord
from results.sweep_parts import FoldRecord, SplitRecord
from tests.results.comparisons import sweeps

NAMES = st.lists(st.text("0123456789abcdef", min_size=8, max_size=8), min_size=1, max_size=12, unique=True)


def record(
    test: list[str],
    *,
    train: list[str] | None = None,
    cases: dict[str, str] | None = None,
    patients: dict[str, str] | None = None,
    validation: tuple[tuple[str, ...], ...] = (("v1", "v2"),),
) -> SweepRecord:
    folds = tuple(FoldRecord((), part) for part in validation) if len(validation) > 1 else ()
    split = SplitRecord("", tuple(train or ()), validation[0], tuple(test), folds)
    digests = {case: f"d{case}" for case in (*test, "v1", "v2")} if cases is None else cases
    return SweepRecord("a", (), (), 1, split=split, cases=digests, patients=patients or {})


def difference(first: SweepRecord, second: SweepRecord, part: str = "test"):  # type: ignore[no-untyped-def]
    one, other = make_entries([Sweep(first, ()), Sweep(second, ())])
    return part_difference(one, other, part)  # type: ignore[arg-type]


@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_of_patients_and_cases_does_not_matter(names: list[str], rng: random.Random) -> None:
    shuffled, cases = list(names), [(name, f"d{name}") for name in names]
    rng.shuffle(shuffled)
    rng.shuffle(cases)
    first, second = record(names), record(shuffled, cases=dict(cases))
    assert fingerprints.test_fingerprint(first) == fingerprints.test_fingerprint(second)
    assert difference(first, second).equal


@given(NAMES, st.sampled_from(["gone", "new", "swapped", "scan"]), st.data())
def test_any_change_of_one_patient_refuses(names: list[str], kind: str, data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(names))
    others = [name for name in names if name != chosen]
    changed, digests = {
        "gone": (others, None),
        "new": ([*names, "x"], None),
        "swapped": ([*others, "x"], None),
        "scan": (names, {name: f"d{name}" for name in others} | {chosen: "another"}),
    }[kind]
    first, second = record(names), record(changed, cases=digests)
    assert fingerprints.test_fingerprint(first) != fingerprints.test_fingerprint(second)
    for pair in ((first, second), (second, first)):
        found = difference(*pair)
        assert not found.equal
        with pytest.raises(IncomparableError):
            compare_sweeps([Sweep(item, ()) for item in pair])


def test_parts_of_nothing_have_no_fingerprint() -> None:
    empty = record([], validation=((),))
    assert fingerprints.test_fingerprint(empty) == fingerprints.validation_fingerprint(empty) == ""
    assert fingerprints.train_fingerprint(empty) == ""


def test_a_scan_of_a_patient_with_several_is_seen() -> None:
    groups = {"c1": "p", "c2": "p"}
    first = record(["p"], cases={"c1": "1", "c2": "2"}, patients=groups)
    second = record(["p"], cases={"c1": "1", "c2": "3"}, patients=groups)
    assert difference(first, second).changed == ("p",)
    assert difference(first, first).equal


def test_folds_must_be_the_same_whatever_their_order() -> None:
    first = record([], validation=(("a", "b"), ("c", "d")))
    turned = record([], validation=(("d", "c"), ("b", "a")))
    regrouped = record([], validation=(("a", "c"), ("b", "d")))
    assert fingerprints.validation_fingerprint(first) == fingerprints.validation_fingerprint(turned)
    assert difference(first, turned, "validation").equal
    found = difference(first, regrouped, "validation")
    assert found.regrouped and not found.equal
    with pytest.raises(IncomparableError, match="in other folds of the cross-validation"):
        compare_sweeps([Sweep(first, ()), Sweep(regrouped, ())])


def test_without_digests_equal_pseudonyms_are_believed_but_it_is_said() -> None:
    first, second = sweeps.sweep("a", cases={}), sweeps.sweep("b")
    assert compare_sweeps([first, second]).warnings == ()  # the fingerprint of all data is the same
    other = sweeps.sweep("b", hashes={"data": "other"})
    assert "cannot be checked: a ledger lacks their digests" in " ".join(compare_sweeps([first, other]).warnings)


def test_the_refusal_word_by_word() -> None:
    test = [sweeps.TRAIN[0], *sweeps.TEST[1:-1], "case-unknown"]
    other = sweeps.sweep(
        "b",
        split=sweeps.split(train=[*sweeps.TRAIN[1:], sweeps.TEST[0]], test=test),
        cases=sweeps.digests(**{sweeps.TEST[2]: "another"}),
    )
    first = sweeps.sweep("a")
    with pytest.raises(IncomparableError) as caught:
        compare_sweeps([first, other])
    prints = [fingerprints.test_fingerprint(found.sweep) for found in (first, other)]
    assert str(caught.value).split("\n") == [
        "a and b were not tested on the same patients, so their scores must not be compared",
        f"  a: 12 test patients, test fingerprint {prints[0]}",
        f"  b: 12 test patients, test fingerprint {prints[1]}",
        "  10 patients in the test part of both",
        "  only in the test part of a: 2 patients",
        f"    b has 1 in its training: {sweeps.TEST[0]}",
        f"    b has 1 unknown to it: {sweeps.TEST[-1]}",
        "    a leak, were they compared: b has learned from it",
        "  only in the test part of b: 2 patients",
        f"    a has 1 in its training: {sweeps.TRAIN[0]}",
        "    a has 1 unknown to it: case-unknown",
        "    a leak, were they compared: a has learned from it",
        f"  another scan or mask than in the other sweep: {sweeps.TEST[2]}",
        "to compare them, run one again on the same scans with the same data.split and data.patient; sweeps on one split can "
        "differ in all else",
    ]


def test_a_third_sweep_that_does_not_fit_is_named_alone() -> None:
    odd = sweeps.sweep("c", split=sweeps.split(test=sweeps.TEST[:-1]))
    with pytest.raises(IncomparableError) as caught:
        compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b"), odd])
    assert str(caught.value).startswith("a and c were not tested")
    assert [item.second for item in caught.value.differences] == ["c"]


def test_a_sweep_with_a_test_part_and_one_without_are_not_compared() -> None:
    with pytest.raises(IncomparableError, match="b: 0 test patients, test fingerprint none"):
        compare_sweeps([sweeps.sweep("a"), sweeps.sweep("b", split=sweeps.split(test=[]))])


def test_without_test_parts_the_validation_patients_must_be_the_same() -> None:
    first = sweeps.sweep("a", split=sweeps.split(test=[]))
    second = sweeps.sweep("b", split=sweeps.split(test=[]), seed=2)
    found = compare_sweeps([first, second])
    assert found.basis == "validation" and found.warnings[0].startswith("No sweep held patients back for a test")
    other = sweeps.sweep("b", split=sweeps.split(test=[], validation=sweeps.VALIDATION[1:]))
    with pytest.raises(IncomparableError, match="were not validated on the same patients"):
        compare_sweeps([first, other])


def test_many_patients_are_counted_and_not_all_listed() -> None:
    with pytest.raises(IncomparableError, match="and 12 more") as caught:
        compare_sweeps([Sweep(record([f"p{i:02d}" for i in range(20)]), ()), Sweep(record(["q"]), ())])
    assert len(max(str(caught.value).split("\n"), key=len)) < 200


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["a", "a (2)", "", "fact", "b"]), min_size=1, max_size=6))
def test_names_are_told_apart(names: list[str]) -> None:
    found = distinct(names, taken=("fact",))
    assert len(set(found)) == len(found) and "fact" not in found and all(found)
    assert found == names or len(set(names)) < len(names) or {"", "fact"} & set(names)
