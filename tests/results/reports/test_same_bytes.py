"""The same ledger gives the same reports, byte for byte, wherever and whenever they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from results.reports import FORMATS, write_reports
from results.sweep_folder import SweepFolder
from tests.results.eventful_ledger import eventful
from tests.results.ledger_factory import realistic

WRITE = """
import datetime, socket, sys, time
from pathlib import Path
import matplotlib.backends.backend_svg, pandas

shift, real = float(sys.argv[2]), time.time
time.time = lambda: real() + shift
socket.gethostname = lambda: sys.argv[3]


class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)


datetime.datetime = Later

from results.reports import write_reports

write_reports(Path(sys.argv[1]), ["screen", "csv", "markdown", "json", "html"])
"""


def test_r13_reports_are_written_from_the_ledger_alone_and_repeat_byte_for_byte(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ledger = realistic(8, cases=2, epochs=2).write(folder)
    before = ledger.read_bytes()
    names = [item.name for item in FORMATS]
    first = {path: path.read_bytes() for path in write_reports(folder, names)}
    second = {path: path.read_bytes() for path in write_reports(folder, names)}
    assert first == second
    assert ledger.read_bytes() == before
    assert {path.parent for path in first} == {SweepFolder(folder).report}
    assert sorted(item.name for item in folder.iterdir()) == ["ledger.jsonl", "report"]


def written(folder: Path, *, days: int, host: str, **environment: str) -> dict[str, bytes]:
    """The reports as a fresh process writes them, that much later, on that host, in that environment."""
    arguments = [sys.executable, "-c", WRITE, str(folder), str(days * 86_400.0), host]
    root = str(Path(__file__).parents[3])
    subprocess.run(arguments, check=True, cwd=root, env={**os.environ, **environment})
    return {path.name: path.read_bytes() for path in sorted((folder / "report").iterdir())}


def test_r13_time_folder_host_and_hash_seed_leave_no_trace_in_a_report(tmp_path: Path) -> None:
    ledger = eventful()
    folders = [tmp_path / "a", tmp_path / "elsewhere" / "deeper" / "b"]
    for folder in folders:
        ledger.write(folder)
    early = written(folders[0], days=0, host="first", TZ="UTC", PYTHONHASHSEED="1", LANG="C", HOME=str(tmp_path))
    late = written(folders[1], days=400, host="second", TZ="Asia/Tokyo", PYTHONHASHSEED="2", LANG="C.UTF-8")
    assert early == late
    assert {"report.html", "report.txt", "report.md", "report.json", "failures.csv"} <= set(early)
    for content in early.values():
        assert str(tmp_path).encode() not in content
