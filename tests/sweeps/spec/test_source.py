"""YAML is read as plain values only, with caps, and every refusal has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.spec.source import MAX_BYTES, decode, read_mapping
from tests.sweeps.spec.texts import SMALL, problems_of


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        read_mapping(text, "s.yaml")
    return str(caught.value)


def test_positions_are_those_of_keys_and_values() -> None:
    document = read_mapping("a:\n  b: [1, 2]\n", "s.yaml")
    assert document.values == {"a": {"b": [1, 2]}}
    assert (document.position(("a", "b", 1)).line, document.position(("a", "b", 1)).column) == (2, 10)
    assert document.position(("a", "b", 9, "x")).column == 3
    assert document.position(("a", "b"), at_key=True).column == 3
    assert document.position(("nothing",)).line == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1.0e-5", 1e-5),
        ("1_000", 1000),
        ("0x10", 16),
        ("0o17", 15),
        ("010", 10),
        ("-3", -3),
        ("2h", "2h"),
        ("yes", "yes"),
        ("True", True),
        ("2024-01-01", "2024-01-01"),
        ("~", None),
        ("~/lits", "~/lits"),
        ("'1'", "1"),
        ("-.inf", float("-inf")),
        ("!!str 1", "1"),
    ],
)
def test_scalars_are_yaml_1_2(text: str, value: object) -> None:
    read = read_mapping(f"a: {text}\n", "s.yaml").values["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system",
        "!!python/object:os.system",
        "!!python/name:os.system",
        "!!python/module:os",
        "!custom",
        "!!set",
        "!!binary",
    ],
)
@pytest.mark.parametrize("value", ["[touch]", "{a: 1}", "touch"])
def test_tags_are_refused_with_their_line(tmp_path: Path, tag: str, value: str) -> None:
    (problem,) = problems_of(tmp_path, SMALL.replace("root: scans", f"root: {tag} {value}"))
    assert (problem.line, problem.path, problem.what) == (3, "data.root", "a YAML tag is refused")
    assert problem.got == repr(tag)


def test_refused_values_do_not_hide_other_problems(tmp_path: Path) -> None:
    text = SMALL.replace("name: small", "name: !!python/name:os.system x").replace("trials: 4", "trials: 0")
    assert [problem.line for problem in problems_of(tmp_path, text)] == [1, 5]


def test_keys_given_twice(tmp_path: Path) -> None:
    text = SMALL.replace("  trials: 4\n", "  trials: 4\n  seed: 1\n  trials: 0\n") + "name: again\n"
    messages = [str(problem).partition("sweep.yaml:")[2] for problem in problems_of(tmp_path, text)]
    assert messages == [
        "7: search.trials: given twice; it also stands in line 5; keep one",
        "11: name: given twice; it also stands in line 1; keep one",
    ]


def test_aliases_are_values() -> None:
    assert read_mapping("a: &x [1, 2]\nb: *x\n", "s.yaml").values == {"a": [1, 2], "b": [1, 2]}


def test_merge_keys_are_no_keys_of_a_spec(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, SMALL + "<<: {name: x}\n")
    assert (problem.line, problem.what, problem.got) == (9, "unknown key", "'<<'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml:1: the spec is empty"),
        ("# nothing\n", "s.yaml:1: the spec is empty"),
        ("~\n", "s.yaml:1: the spec is empty"),
        ("- name: a\n", "s.yaml:1: the spec must be a mapping; got a list"),
        ("just words\n", "s.yaml:1: the spec must be a mapping; got 'just words'"),
        ("a:\n\t- 1\n", "s.yaml:2: broken YAML: a tab where YAML allows only spaces; indent with spaces"),
        ("a: 1\nb: [1,\n", "s.yaml:3: broken YAML: "),
        ("a: b: c\n", "s.yaml:1: broken YAML: mapping values are not allowed here; put quotes around"),
        ("a: 1\n---\nb: 2\n", "s.yaml:2: broken YAML: a second document"),
        ("a: *b\n", "s.yaml:1: broken YAML: found undefined alias"),
        ("a: 1\nb: \x01\n", "s.yaml:2: a control character in the text; got U+0001"),
        ("%YAML 1.1\n---\na: yes\n", "s.yaml:2: unsupported version of YAML; allowed: %YAML 1.2, or no such line"),
        ("a: &a [*a]\n", "s.yaml:1: a[0]"),
    ],
)
def test_broken_files(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_a_number_that_is_too_long_is_not_computed() -> None:
    document = read_mapping(f"a: {'9' * 5000}\n", "s.yaml")
    assert [problem.what for problem in document.problems] == ["not a readable int"]
    assert len(str(document.problems[0])) < 200


def test_a_billion_laughs_are_not_expanded() -> None:
    lines = ["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "aliases expand to too many values" in refusal("\n".join(lines))


def test_aliases_are_counted() -> None:
    assert "s.yaml:2: too many aliases; allowed: 100" in refusal("a: &a 1\nb: [" + "*a, " * 101 + "]")


def test_depth_is_capped_before_anything_recurses() -> None:
    assert "nested too deeply; allowed: 20 levels" in refusal("a: " + "[" * 50_000)


def test_values_are_counted() -> None:
    assert "too many values; allowed: 20000" in refusal("a: [" + "1," * 30_000 + "]")


def test_size_is_capped_before_it_is_read(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "#" * (2 * MAX_BYTES))
    assert problem.what == "the spec is too large"
    assert problem.got == f"{MAX_BYTES + 1} bytes or more"


def test_not_utf_8_has_its_line() -> None:
    with pytest.raises(SpecError, match=r"s.yaml:2: not UTF-8 text; got byte 0xfc; save the file as UTF-8"):
        decode(b"name: a\n# f\xfcr\n", "s.yaml")


def test_a_byte_order_mark_is_ignored() -> None:
    assert decode(b"\xef\xbb\xbfname: a", "s.yaml") == "name: a"
