"""S6: whatever text a ledger holds, it stays text in every report format and on the screen."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from results.reports.assets import content_policy
from sweeps.live import Progress, make_view
from tests.promises.commands import COMMANDS, named, refusal, said
from tests.promises.hostile import HARMLESS, HOSTILE, STEERING, ledger_of
from tests.promises.ledgers import replaced
from tests.results.ledger_factory import FakeLedger, sweep_payload
from tests.sweeps.cli_runs import COMMAND, Result, liversweep

COLOUR = r"\x1b\[[0-9;]*m"
FORMATS = ("html", "markdown", "csv", "json", "screen", "latex")


@dataclass(frozen=True)
class Twins:
    """Two sweeps of one shape, one of them with hostile words."""

    folder: Path

    def report(self, name: str, file: str) -> str:
        return (self.folder / "runs" / name / "report" / file).read_bytes().decode("utf-8")

    def files(self, name: str) -> dict[str, str]:
        return {path.name: self.report(name, path.name) for path in (self.folder / "runs" / name / "report").iterdir()}

    def say(self, *words: str) -> Result:
        return said(*words, cwd=self.folder)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    folder = tmp_path_factory.mktemp("twins")
    ledger_of(HOSTILE).write(folder / "runs" / "hostile")
    ledger_of(HARMLESS).write(folder / "runs" / "harmless")
    twins = Twins(folder)
    for name in ("hostile", "harmless"):
        result = liversweep("report", name, *(word for item in FORMATS for word in ("--format", item)), cwd=folder)
        assert result.code == 0, result.err
    return twins


class Page(HTMLParser):
    """What a browser takes a page to be: tags with the names of their attributes, addresses, and text.

    Of the plots (`svg`), whose lines depend on the order of names, only which tags and attributes there are.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.plots: set[str] = set()
        self.odd: list[str] = []
        self.addresses: list[str] = []
        self.policy = ""
        self.text = ""
        self._depth = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        shape = " ".join((tag, *(name for name, _ in attrs)))
        self._depth += tag == "svg"
        if self._depth:
            self.plots |= set(shape.split())
        else:
            self.tags.append(shape)
        found = dict(attrs)
        self.addresses += [str(found[name]) for name in ("src", "href", "xlink:href", "action") if name in found]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(found["content"])

    def handle_endtag(self, tag: str) -> None:
        if not self._depth:
            self.tags.append(f"/{tag}")
        self._depth -= tag == "svg"

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)


def unfit(text: str) -> set[str]:
    """Characters that steer a terminal, or turn the direction of writing."""
    return set(re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text))


def test_s06_the_twins_say_every_word(twins: Twins) -> None:
    assert len(set(HOSTILE)) == len(HARMLESS) == 20
    harmless = "".join(twins.files("harmless").values())
    assert [word for word in HARMLESS if word not in harmless] == []


def test_s06_a_page_of_hostile_words_has_the_elements_of_a_harmless_one(twins: Twins) -> None:
    hostile, harmless = Page(twins.report("hostile", "report.html")), Page(twins.report("harmless", "report.html"))
    assert hostile.tags == harmless.tags
    assert hostile.plots <= harmless.plots and hostile.odd == harmless.odd
    assert "<script>alert(1)</script>" in hostile.text and "{{ 7*7 }}{% raw %}{{ document }}" in hostile.text
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in hostile.addresses)
    assert hostile.policy == harmless.policy == content_policy()
    assert hostile.policy.startswith("default-src 'none'; script-src 'sha256-")


def test_s06_no_cell_of_a_csv_file_is_a_formula(twins: Twins) -> None:
    tables = {name: text for name, text in twins.files("hostile").items() if name.endswith(".csv")}
    assert len(tables) >= 5
    for name, text in tables.items():
        rows, twin = (list(csv.reader(io.StringIO(found))) for found in (text, twins.report("harmless", name)))
        assert [len(row) for row in rows] == [len(row) for row in twin], name
        for cell in (cell for row in rows for cell in row):
            start = cell.lstrip()[:1]
            assert start not in ("=", "@", "\t", "\r", "＝", "＠") and not unfit(cell), (name, cell)
            if start in ("+", "-"):
                float(cell)
    assert "'=HYPERLINK" in "".join(tables.values())


def test_s06_markdown_has_the_tables_of_its_harmless_twin(twins: Twins) -> None:
    def shape(name: str) -> list[object]:
        lines = twins.report(name, "report.md").splitlines()
        bars = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if line.startswith("|") else 0 for line in lines]
        return [*zip(bars, (re.match(r"#*|\*", line)[0] for line in lines), strict=True)]  # type: ignore[index]

    assert shape("hostile") == shape("harmless")
    text = twins.report("hostile", "report.md")
    assert not re.search(r"<[\w/!?]", text) and "](" not in text and "://" not in text
    assert not re.search(r"(?<!\\)(?:\\\\)*[`~\[\]]", text)


def test_s06_json_is_json_and_steers_nothing(twins: Twins) -> None:
    assert json.loads(twins.report("hostile", "report.json"))["sweep"]["name"].startswith(HOSTILE[0])
    for words in (("show", "hostile", "--json"), ("list", "--json"), ("show", "hostile", "--trial", "t0000")):
        result = twins.say(*words)
        assert result.code == 0, result.err
        json.loads(result.out)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_s06_no_command_lets_a_control_character_through(twins: Twins, command: tuple[str, ...]) -> None:
    result = twins.say(*named(command, "hostile"))
    assert result.code == 0 or (command[0] == "resume" and refusal(result)), result
    assert unfit(result.out + result.err) == set()


def test_s06_hostile_sweeps_are_compared_in_harmless_files(twins: Twins) -> None:
    """Two sweeps whose every name is hostile: their comparison, and the refusal to compare them with another's patients."""
    ledger_of(HOSTILE).write(twins.folder / "runs" / "again")
    result = twins.say("compare", "hostile", "again", "--against", "study", "--output", "compared", "--format", "markdown",
                       "--format", "csv", "--format", "latex", "--format", "json")  # fmt: skip
    assert result.code == 0, result.err
    files = {path.name: path.read_bytes().decode("utf-8") for path in (twins.folder / "compared").iterdir()}
    assert {name: unfit(text) for name, text in files.items() if unfit(text)} == {}
    assert unfit(result.out + result.err) == set()
    text = files["comparison.md"]
    assert not re.search(r"<[\w/!?]", text) and "](" not in text and "://" not in text
    cells = [
        cell
        for name, text in files.items()
        if name.endswith(".csv")
        for row in csv.reader(io.StringIO(text))
        for cell in row
    ]
    assert not [cell for cell in cells if cell.lstrip()[:1] in ("=", "@", "＝", "＠")]
    other = sweep_payload(1, name=STEERING, split={"test": ["\x1b[2Jnew", *HOSTILE[1:]]})
    ledger = FakeLedger()
    ledger.add("sweep", **other)
    ledger.write(twins.folder / "runs" / "others")
    refused = twins.say("compare", "hostile", "others")
    assert refused.code == 2 and unfit(refusal(refused)) == set()
    assert "were not tested on the same patients" in refused.err


def test_s06_nor_does_a_report(twins: Twins) -> None:
    assert {name: unfit(text) for name, text in twins.files("hostile").items() if unfit(text)} == {}


@pytest.mark.parametrize(
    "words",
    [("show", "hostile"), ("show", "hostile", "--factors"), ("watch", "hostile", "--once"), ("list",)],
    ids=" ".join,
)
def test_s06_a_terminal_gets_colours_and_nothing_else(twins: Twins, words: tuple[str, ...]) -> None:
    """On a real terminal the tables use colours of their own; words must not bring any, nor titles, links or jumps."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "150"}
    done = subprocess.Popen(
        [str(COMMAND), *words], cwd=twins.folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = read_to_end(ours)
    assert done.wait(timeout=60) == 0, shown
    assert "\x1b[" in shown, "not a terminal"
    assert unfit(re.sub(COLOUR, "", shown).replace("\r\n", "\n")) == set()
    assert not any("35" in colour for colour in re.findall(COLOUR, shown))


def read_to_end(descriptor: int) -> str:
    data = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other end was closed
            part = b""
        if not part:
            os.close(descriptor)
            return data.decode("utf-8")
        data += part


@pytest.mark.parametrize("plain", [True, False])
def test_s06_neither_does_a_running_sweep(plain: bool) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=not plain, color_system=None, width=120, legacy_windows=False)
    with make_view(Progress(20, 1, HOSTILE[:1]), console, plain=plain) as view:
        for number, word in enumerate(HOSTILE):
            view.event("suggested", f"t{number}", {"architecture": word})
            view.event("failed", f"t{number}", {"kind": word, "message": word})
    shown = file.getvalue()
    assert not {"\x1b]0;", "\x1b[2J", "\x1b[5;35m", "\x9b"} & set(
        re.findall(r"\x1b\]0;|\x1b\[2J|\x1b\[5;35m|\x9b", shown)
    )
    assert plain is False or (unfit(shown) == set() and len(shown.splitlines()) == len(HOSTILE))


@pytest.mark.parametrize("field", ["labels", "objective", "closed", "event", "started", "name"])
def test_s06_odd_texts_are_refused_or_shown_as_text(tmp_path: Path, field: str) -> None:
    """Places where only words of ours belong: the ledger is refused, or the text is as harmless as elsewhere."""
    sweep: dict[str, object] = {"name": "plain"}
    if field in ("labels", "objective", "name"):
        sweep = {field: {"labels": [STEERING, "tumour"], "objective": [{"metric": STEERING}], "name": STEERING}[field]}
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(1, **sweep))
    if field == "started":
        ledger.add(field, uid=STEERING, attempt=1)
    ledger.add(STEERING if field == "event" else "closed", reason=STEERING if field == "closed" else "finished")
    ledger.write(tmp_path / "runs" / "odd")
    for command in (("show", "odd"), ("show", "odd", "--json"), ("list",), ("list", "--json"), ("report", "odd")):
        result = said(*command, cwd=tmp_path)
        assert unfit(result.out + result.err) == set(), command
        assert result.code == 0 or refusal(result)


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff\\ud800"])
def test_s06_half_characters_are_refused_with_their_line(tmp_path: Path, half: str) -> None:
    """JSON can write what no encoding can: it must not come as far as a file or a terminal."""
    replaced(ledger_of(HARMLESS), HARMLESS[9], half).write(tmp_path / "runs" / "half")
    for command in (("show", "half"), ("show", "half", "--json"), ("report", "half")):
        assert "line 1: the line holds half a character" in refusal(said(*command, cwd=tmp_path)), command
    assert said("list", "--json", cwd=tmp_path).code == 0


def test_s06_a_spec_of_hostile_words_is_refused_in_plain_ones(tmp_path: Path) -> None:
    lines = [f"{json.dumps(word)}: {json.dumps(other)}" for word, other in zip(HOSTILE, reversed(HOSTILE), strict=True)]
    (tmp_path / "spec.yaml").write_text("\n".join(lines))
    result = said("spec", "check", "spec.yaml", cwd=tmp_path)
    assert unfit(refusal(result)) == set()
    assert [line for line in range(1, len(HOSTILE) + 1) if f"spec.yaml:{line}: " not in result.err] == []
