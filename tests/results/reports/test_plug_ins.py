"""Report formats of others: added, and kept from replacing ours and from writing elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.errors import ResultsError
from results.reports import (
    FORMATS,
    ReportFormat,
    report_format,
    report_formats,
    write_reports,
)
from results.reports import formats as formats_module
from tests.results.ledger_factory import realistic


class FakePoint:
    """An entry point."""

    name = value = "plug"

    def __init__(self, loaded: object) -> None:
        self._loaded = loaded

    def load(self) -> object:
        return self._loaded


def test_plug_ins_add_formats_but_do_not_replace_or_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = ReportFormat("plug", ".txt", "a plug-in", lambda document: {"plug.txt": document.title})
    monkeypatch.setattr(formats_module, "entry_points", lambda group: [FakePoint(plugged)])
    realistic(1, cases=1, epochs=1).write(tmp_path / "s")
    (path,) = write_reports(tmp_path / "s", ["plug"])
    assert path.read_text() == "liver-archs"
    escaping = ReportFormat("plug", ".txt", "bad", lambda document: {"../../x.txt": ""})
    monkeypatch.setattr(formats_module, "entry_points", lambda group: [FakePoint(escaping)])
    with pytest.raises(ResultsError, match="outside"):
        write_reports(tmp_path / "s", ["plug"])
    replacing = ReportFormat("json", ".txt", "bad", lambda document: {})
    monkeypatch.setattr(formats_module, "entry_points", lambda group: [FakePoint(replacing)])
    assert report_format("json") is FORMATS[3]
    monkeypatch.setattr(formats_module, "entry_points", lambda group: [FakePoint(object())])
    with pytest.raises(ResultsError, match="not a ReportFormat"):
        report_formats()
