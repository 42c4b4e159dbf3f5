"""Diffs that a person can read, and the refusal that shows them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.errors import UsageError
from sweeps.provenance.differences import (
    Difference,
    case_differences,
    code_differences,
    refusal,
    shortened,
    spec_differences,
    split_differences,
    version_differences,
)

SPEC: dict[str, Any] = {
    "name": "a",
    "search": {
        "seed": 42,
        "sampler": "tpe",
        "space": {"learning_rate": {"log": [0.001, 0.01]}, "batch_size": [8, 16], "loss": ["ce"]},
        "architectures": {"unet": {"base_filters": 8}, "segnet": {}},
    },
    "train": {"early_stopping": None, "epochs": 2},
    "stages": [{"name": "first", "trials": 3}, {"name": "second", "trials": 4}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(SPEC)
    target: Any = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = to
    return document


@pytest.mark.parametrize(
    ("new", "line"),
    [
        (changed("search", "seed", to=43), "search.seed: 42 → 43"),
        (changed("search", "seed", to=42.0), "search.seed: 42 → 42.0"),
        (changed("search", "sampler", to="no"), 'search.sampler: tpe → "no"'),
        (changed("search", "space", "batch_size", to=[8]), "search.space.batch_size: [8, 16] → [8]"),
        (
            changed("search", "space", "learning_rate", "log", to=[0.0001, 0.01]),
            "search.space.learning_rate.log: [0.001, 0.01] → [0.0001, 0.01]",
        ),
        (
            changed("search", "space", "learning_rate", to={"uniform": [0.001, 0.01]}),
            "search.space.learning_rate: {log: [0.001, 0.01]} → {uniform: [0.001, 0.01]}",
        ),
        (changed("search", "space", "size", to=[64]), "search.space.size: not there → [64]"),
        (changed("train", "early_stopping", to=3), "train.early_stopping: null → 3"),
        (changed("stages", 1, "trials", to=5), "stages.second.trials: 4 → 5"),
        (changed("stages", to=SPEC["stages"][:1]), "stages.second: {name: second, trials: 4} → not there"),
        (changed("stages", to=SPEC["stages"][::-1]), "stages: order [first, second] → [second, first]"),
        (changed("name", to="a\x1b[31m\nb"), 'name: a → "a\\u001b[31m\\nb"'),
    ],
)
def test_each_change_of_a_spec_is_one_line(new: dict[str, Any], line: str) -> None:
    assert spec_differences(SPEC, new) == [line]


def test_several_changes_are_all_named_and_the_order_of_keys_does_not_count() -> None:
    new = changed("search", "seed", to=1)
    new["train"]["epochs"] = 9
    assert spec_differences(SPEC, new) == ["search.seed: 42 → 1", "train.epochs: 2 → 9"]
    assert spec_differences(SPEC, dict(reversed(SPEC.items()))) == []


@given(old=st.dictionaries(st.text(max_size=4), JSON), new=st.dictionaries(st.text(max_size=4), JSON))
def test_no_line_exactly_where_nothing_differs_and_every_line_is_printable(old: Any, new: Any) -> None:
    import json

    lines = spec_differences(old, new)
    assert bool(lines) == (json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert spec_differences(old, copy.deepcopy(old)) == []
    assert all(line.isprintable() for line in lines)


def test_files_and_cases_are_named_with_what_became_of_them() -> None:
    old, new = {"a.py": "1", "b.py": "2", "c.py": "3"}, {"a.py": "1", "b.py": "9", "d.py": "4"}
    assert code_differences(old, new) == ["b.py: changed", "c.py: removed", "d.py: added"]
    assert case_differences({"case-1": "x", "case-2": "y"}, {"case-1": "z", "case-3": "w"}) == [
        "case-1: its scan or mask is another",
        "case-2: is missing",
        "case-3: was not there",
    ]


def test_moved_patients_are_named() -> None:
    old = {"train": ["a", "b"], "validation": ["c"], "test": ["d"]}
    new = {"train": ["a", "c"], "validation": ["b"], "test": ["e"]}
    assert split_differences(old, new) == [
        "b: train → validation",
        "c: validation → train",
        "d: test → not there",
        "e: not there → test",
    ]


def test_only_versions_that_decide_numbers_differ() -> None:
    old = {"python": "3.11.7", "keras": "3.15.1", "pandas": "3.0", "ray": "2.60.0", "torch": "2.6", "nibabel": "5.4"}
    new = {"python": "3.11.9", "keras": "3.16.0", "pandas": "3.1", "ray": "2.61.0", "scipy": "1.18"}
    assert version_differences(old, new) == ["keras: 3.15.1 → 3.16.0", "nibabel: 5.4 → not there"]
    assert version_differences(old, {**new, "python": "3.12.1"})[0] == "python: 3.11.7 → 3.12.1"
    assert version_differences(old, new, ["tpe", "gp"])[-1] == "torch: 2.6 → not there"


def test_long_lists_are_cut_with_the_number_of_the_others() -> None:
    lines = [str(number) for number in range(30)]
    assert shortened(lines, 19) == [*lines[:18], "and 12 more"]
    assert shortened(lines, 30) == lines


def test_r12_the_refusal_says_what_changed_where_and_what_to_do() -> None:
    parts = [
        Difference("spec", ("search.seed: 42 → 43",)),
        Difference("code", tuple(f"file{number}.py: changed" for number in range(40))),
        Difference("data", ()),
    ]
    error = refusal(parts, "liver")
    text = str(error)
    assert isinstance(error, UsageError) and error.exit_code == 2
    assert text.startswith("sweep liver cannot go on")
    assert "search.seed: 42 → 43" in text and "file0.py: changed" in text and "and 29 more" in text
    assert "file30.py" not in text and "only its fingerprint was recorded" in text
    assert "put the scans back" in text and "undo the edit of the spec" in text
    assert text.endswith("liversweep extend liver --fork NEW") and "Traceback" not in text


def test_a_refusal_without_a_reason_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing differs"):
        refusal([], "liver")
