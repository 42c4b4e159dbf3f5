from __future__ import annotations

import numpy as np

from results.records import Sweep
from results.reports import report_format
from results.reports.document import build_document
from tests.results.ledger_factory import (
    FakeLedger,
    finished_payload,
    realistic,
    scored_in_full,
    suggested_payload,
    sweep_payload,
    uid_of,
)
from tests.results.plots.test_plots import folded


def in_full() -> Sweep:
    """Two architectures whose first case has a tumour that was missed."""
    rng, ledger = np.random.default_rng(3), FakeLedger()
    ledger.add("sweep", **sweep_payload(2, 5, architectures=["unet", "segnet"]))
    for number, name in enumerate(("unet", "segnet")):
        ledger.add("suggested", **suggested_payload(number, name, rng))
        payload = finished_payload(uid_of(number), name, rng)
        payload["cases"][0][4] = True
        ledger.add("finished", **scored_in_full(payload, rng))
    return folded(ledger)


def test_every_score_of_every_architecture_is_shown_with_its_failures() -> None:
    document = build_document(in_full())
    (section,) = [section for section in document.sections if section.key == "metrics"]
    tables = {table.key: table for table in section.tables}
    assert list(tables) == ["metrics-liver", "metrics-tumour", "metrics-pooled", "metrics-lesions"]
    liver, tumour = tables["metrics-liver"].frame, tables["metrics-tumour"].frame
    assert len(liver) == len(tumour) == 2 * 8
    assert (
        liver["architecture"].tolist()[:2]
        == [row["architecture"] for row in document.architectures[0].frame.to_dict("records")][:2]
    )
    better = dict(zip(liver["name"], liver["better"], strict=True))
    assert better["hd95_liver_mean"] == better["voe_liver_mean"] == "lower"
    assert (better["dice_liver_mean"], better["nsd_liver_mean"], better["rvd_liver_mean"]) == (
        "higher",
        "higher",
        "nearer to 0",
    )
    failed = tumour[tumour["name"] == "hd95_tumour_mean"]
    assert failed["failures"].tolist() == [1, 1] and failed["n"].tolist() == [4, 4]
    assert tumour[tumour["name"] == "nsd_tumour_mean"]["failures"].tolist() == [0, 0]


def test_figures_have_the_decimals_of_their_score() -> None:
    tables = {table.key: table for section in build_document(in_full()).sections for table in section.tables}
    rows = {row[0]: row for row in tables["metrics-liver"].rows}
    assert [len(rows[name][3].split(" ± ")[0].split(".")[1]) for name in ("Dice", "ASSD (mm)", "HD95 (mm)")] == [
        3,
        2,
        1,
    ]


def test_main_tables_show_distances_with_their_failures() -> None:
    document = build_document(in_full())
    for table in (document.architectures[0], document.trials):
        place = table.heads.index("HD95 tumour (mm) / failures")
        assert table.rows[0][place].endswith(" / 1")
        assert {"NSD liver", "lesion recall / precision"} <= set(table.heads)
        assert place not in table.fitting(100), "a terminal has no room for them"


def test_a_sweep_that_was_not_scored_in_full_has_no_such_section() -> None:
    document = build_document(folded(realistic(4, cases=2, epochs=2)))
    assert "metrics" not in [section.key for section in document.sections]
    assert not any("HD95" in head for head in document.trials.heads)


def test_formats_show_it() -> None:
    document = build_document(in_full())
    assert "## All metrics" in report_format("markdown").render(document)["report.md"]
    assert '<section id="metrics">' in report_format("html").render(document)["report.html"]
    assert "metrics-tumour.csv" in report_format("csv").render(document)
