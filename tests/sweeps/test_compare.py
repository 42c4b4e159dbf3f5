"""`liversweep compare` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.promises.commands import refusal, said
from tests.promises.ledgers import snapshot
from tests.results.comparisons import sweeps
from tests.sweeps.cli_runs import Result


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    odd = sweeps.split(train=[*sweeps.TRAIN, sweeps.TEST[0]], test=sweeps.TEST[1:])
    for name, changes in {
        "a": {},
        "b": {"seed": 2, "versions": {"keras": "4"}},
        "tested": {"tested": 0.1},
        "odd": {"split": odd},
    }.items():
        sweeps.ledger(name, **changes).write(folder / "runs" / name)
    return folder


def say(place: Path, *words: str) -> Result:
    return said("compare", *words, cwd=place)


def test_tables_verdicts_and_fingerprint(place: Path) -> None:
    result = say(place, "a", "b")
    assert result.code == 0 and result.err == "", result
    for words in (
        "Side by side",
        "What differs in the protocol",
        "The same architecture in a and b",
        "test fingerprint",
    ):
        assert words in result.out
    fingerprint = json.loads(say(place, "a", "b", "--json").out)["facts"]["a: test fingerprint"]
    report = said("show", "a", "--json", cwd=place)
    assert fingerprint in result.out and report.code == 0
    assert said("report", "a", "--format", "markdown", cwd=place).code == 0
    assert f"| test fingerprint | {fingerprint} |" in (place / "runs" / "a" / "report" / "report.md").read_text()


def test_json_is_one_document(place: Path) -> None:
    document = json.loads(say(place, "a", "b", "--json", "--against", "study").out)
    assert document["schema_version"] == 1 and document["sweeps"] == ["a", "b"]
    assert {"side-by-side", "on-validation", "protocol", "study"} == set(document["sections"])


def test_files_only_where_they_are_wanted(place: Path, tmp_path: Path) -> None:
    before = snapshot(place)
    assert say(place, "a", "b", "--best").code == 0
    assert snapshot(place) == before
    result = say(place, "a", "b", "--output", str(tmp_path / "out"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert (
        result.code == 0 and {"comparison.md", "comparison.json", "comparison.tex", "sweeps.csv", "sweeps.tex"} <= names
    )
    assert result.err.count("wrote ") == len(names)
    assert snapshot(place) == before


def test_other_test_patients_are_refused_and_nothing_is_written(place: Path) -> None:
    before = snapshot(place)
    for more in ((), ("--json",), ("--against", "study"), ("--output", "out")):
        result = say(place, "a", "odd", *more)
        assert result.code == 2
        text = refusal(result)
        assert f"odd has 1 in its training: {sweeps.TEST[0]}" in text
        assert "a leak, were they compared: odd has learned from it" in text
    assert snapshot(place) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a",), "one sweep alone cannot be compared; got a; allowed: two or more; name another sweep"),
        (("a", "a"), "a sweep is compared with itself"),
        (("a", "runs/a"), "a sweep is compared with itself"),
        (("a", "none"), "no sweep 'none'"),
        (("a", "b", "--format", "csv"), "add --output DIR"),
        (
            ("a", "b", "--output", "out", "--format", "pdf"),
            "unknown format of a comparison; got pdf; allowed: markdown",
        ),
        (("a", "b", "--output", "runs/a/ledger.jsonl"), "the comparison cannot be written"),
    ],
)
def test_mistakes(place: Path, words: tuple[str, ...], message: str) -> None:
    before = snapshot(place)
    assert message in refusal(say(place, *words))
    assert snapshot(place) == before


def test_one_sweep_beside_the_study(place: Path) -> None:
    result = say(place, "tested", "--against", "study")
    assert result.code == 0 and "the study (SegNet)" in result.out and "0.806 / 0.554" in result.out
    assert "Where the protocols differ" in result.out and "tested, test" in result.out


def test_the_help_teaches(place: Path) -> None:
    text = " ".join(say(place, "--help").out.replace("│", " ").split())
    for words in ("the same test patients", "test fingerprint", "exit code 2", "--against", "--best", "Examples:"):
        assert words in text
