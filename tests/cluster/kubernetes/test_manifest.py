from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cluster.kubernetes.manifest import NAME_BYTES, dns_label, quantity, yaml_text

LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
UNITS = {"Gi": 1 << 30, "Mi": 1 << 20, "G": 10**9, "M": 10**6, "": 1}
VALUES = st.recursive(
    st.text(max_size=40)
    | st.integers()
    | st.booleans()
    | st.sampled_from(["on", "No", "1e3", "0o7", "~", "a: b\n", "x\n\ny"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_every_name_of_a_sweep_becomes_a_label(name: str) -> None:
    label = dns_label(name)
    assert LABEL.fullmatch(label) and len(label) <= NAME_BYTES
    assert dns_label(name) == label


@pytest.mark.parametrize("name", ["liver-archs", "a", "x1"])
def test_a_name_that_is_a_label_stays(name: str) -> None:
    assert dns_label(name) == name


def test_names_that_differ_in_what_a_label_cannot_say_stay_apart() -> None:
    names = ["a.b", "a_b", "A-b", "a-b", "7", "sweep-7", "a" * 60, "a" * 61]
    assert len({dns_label(name) for name in names}) == len(names)


@given(st.integers(min_value=0, max_value=1 << 50))
def test_a_quantity_is_exact(count: int) -> None:
    number, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", quantity(count)).groups()  # type: ignore[union-attr]
    assert int(number) * UNITS[unit] == count


def test_quantities_are_short_where_they_can_be() -> None:
    assert [quantity(count) for count in (16 << 30, 512 << 20, 16 * 10**9, 1025)] == ["16Gi", "512Mi", "16G", "1025"]


@settings(max_examples=40)
@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, min_size=1, max_size=3))
def test_the_text_reads_the_same_in_both_versions_of_yaml(document: dict[str, object]) -> None:
    text = yaml_text([document, document])
    assert list(yaml.safe_load_all(text)) == [document, document]
    assert list(YAML(typ="safe", pure=True).load_all(text)) == [document, document]


def test_lines_stay_lines_and_order_stays() -> None:
    text = yaml_text([{"b": "one\ntwo\n", "a": {"on": "yes"}}])
    assert text == '---\nb: |\n  one\n  two\na:\n  "on": "yes"\n'
