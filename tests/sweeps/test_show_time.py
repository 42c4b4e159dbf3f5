"""`liversweep show NAME --time`: the table, the JSON document, running sweeps, old ledgers, and closing times of all kinds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from results.errors import ResultsError
from results.ledger import Ledger, read_events
from results.statistics.time_profile import PARTS
from sweeps.closing import CLOSING, read_closing, write_closing
from sweeps.command_clock import note_closed, note_ready, whole_process
from sweeps.folder import SweepFolder
from tests.promises.commands import said
from tests.results.ledger_factory import realistic
from tests.results.timed_ledger import TimedLedger, two_runs

OLD = Path(__file__).parents[1] / "results" / "ledgers" / "before_resume.jsonl"


def written(folder: Path, ledger: TimedLedger) -> SweepFolder:
    path = folder / "runs" / "liver-archs"
    path.mkdir(parents=True)
    (path / "ledger.jsonl").write_bytes(b"".join(ledger.lines))
    return SweepFolder(path)


def closing(folder: SweepFolder, *seconds: float) -> None:
    runs = {str(run): {"seconds": value} for run, value in enumerate(seconds, 1)}
    (folder.path / CLOSING).write_text(json.dumps({"schema_version": 1, "runs": runs}))


def test_the_table(tmp_path: Path) -> None:
    closing(written(tmp_path, two_runs()), 4.0, 5.0)
    result = said("show", "liver-archs", "--time", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    for words in ("preparation 30.0 20.0 %", "training 55.5 37.0 %", "after the ledger: reports 9.0"):
        assert any(line[: len(words.split())] == words.split() for line in lines), result.out
    assert (
        "wall 150.0 s in 2 runs (the time between them is not counted), 1/2 slots; sum of the parts 150.0 s; "
        in result.out
    )
    assert "difference 0.00 %" in result.out and "not told   " not in result.out.split("architecture")[0]


def test_the_document(tmp_path: Path) -> None:
    written(tmp_path, two_runs())
    result = said("show", "liver-archs", "--time", "--json", cwd=tmp_path)
    document = json.loads(result.out)
    assert list(document["parts"]) == list(PARTS)
    assert sum(part["seconds"] for part in document["parts"].values()) == pytest.approx(document["wall_s"])
    assert document["architectures"][0]["parts_s"]["training"] == 16
    assert (document["runs"][0]["slots"], document["runs_not_told"]) == (2, 0)


def test_a_sweep_that_runs_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    ledger = two_runs()
    del ledger.lines[7:]
    written(tmp_path, ledger)
    result = said("show", "liver-archs", "--time", cwd=tmp_path)
    assert result.code == 0 and "not told" in result.out
    assert "up to its last event" in result.err


@pytest.mark.parametrize("old", [b"".join(realistic(5).lines), OLD.read_bytes()])
def test_an_old_ledger_says_that_it_does_not_tell(tmp_path: Path, old: bytes) -> None:
    folder = written(tmp_path, two_runs())
    folder.ledger.write_bytes(old)
    result = said("show", "liver-archs", "--time", cwd=tmp_path)
    assert (result.code, result.out) == (0, "")
    assert result.err == (
        "of 1 of 1 runs the ledger tells no times (an older version, or it ended before its first trial)\n"
    )
    document = json.loads(said("show", "liver-archs", "--time", "--json", cwd=tmp_path).out)
    assert (document["wall_s"], document["difference"], document["parts"]["training"]["share"]) == (0, None, None)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"runs": []}', '{"runs": {"1": {"seconds": -1}}}', '{"runs": {"x": 1}}', "NaN", "[" * 99999],
)
def test_closing_times_that_are_none_are_none(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, two_runs())
    (folder.path / CLOSING).write_text(text)
    assert read_closing(folder) == {}


def test_closing_times_are_not_read_from_elsewhere(tmp_path: Path) -> None:
    folder = written(tmp_path, two_runs())
    shutil.copy(folder.ledger, tmp_path / "elsewhere")
    (folder.path / CLOSING).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResultsError, match="leads out"):
        read_closing(folder)


def test_a_command_notes_what_came_before_its_first_trial_and_after_its_last(tmp_path: Path) -> None:
    folder = written(tmp_path, two_runs())
    closing(folder, 4.0)
    with whole_process(), Ledger.open(folder.ledger) as ledger:
        write_closing(folder)
        assert read_closing(folder) == {1: 4.0}, "it has closed nothing"
        ledger.append("resumed", run=3)
        note_ready(ledger, 3, slots=2)
        ledger.append("closed", reason="finished")
        note_closed()
        write_closing(folder)
    ready = read_events(folder.ledger)[-2].payload
    assert ready["seconds"] == pytest.approx(sum(ready["parts_s"].values())) and ready["seconds"] > 0
    found = read_closing(folder)
    assert found.keys() == {1, 3} and found[3] >= 0
    assert folder.read().sweep.drives[-1].run == 3


def test_without_a_command_nothing_is_known_of_what_came_before(tmp_path: Path) -> None:
    folder = written(tmp_path, two_runs())
    with Ledger.open(folder.ledger) as ledger:
        ledger.append("resumed", run=3)
        note_ready(ledger, 3, slots=2)
        note_closed()
    write_closing(folder)
    assert read_events(folder.ledger)[-1].payload == {"run": 3, "slots": 2, "seconds": None, "parts_s": {}}
    assert not (folder.path / CLOSING).exists()
