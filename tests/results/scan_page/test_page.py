"""The page of a scan as text: complete, self-contained, harmless whatever the record says, and small."""

from __future__ import annotations

import html
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from results.errors import ResultsError
from results.reports.document import NOTICE
from results.scan_page import render_page
from results.scan_page.facts import Facts
from results.scan_page.jpegs import QUALITIES, slice_jpegs
from results.scan_page.located import MOST_TUMOURS
from results.scan_page.outlines import outline_path
from results.scan_page.page import tiles
from results.text import printable
from tests.promises.hostile import HOSTILE
from tests.results.scan_page.scans import COUNT, FIRST, TUMOUR_AT, record, view

MOST_BYTES = 15_000_000


def embedded(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_it_says_what_was_found_and_that_it_is_not_for_clinical_use() -> None:
    page = render_page(view(), record())
    assert page.count(NOTICE) == 3, "in the head, on the picture, in the foot"
    for text in ("ct-7", "1512 mL", "12.1 mL", "0.8 %", "31 mm", "m-0123456789ab", "liver-v1", "26–28", "5c" * 32):
        assert text in page, text
    assert "only the largest connected liver is kept, only tumour inside it, no tumour under 0.1 mL" in page
    assert "liversweep review ct-7 --verdict accept" in page
    assert "/secret/place" not in page, "where a scan lies is nobody's business"


def test_slices_pictures_and_outlines_are_all_there() -> None:
    seen = view()
    slices = embedded(render_page(seen, record()), "slices")
    assert [one[0] for one in slices] == list(range(FIRST, FIRST + COUNT))
    assert [one[1] for one in slices][:2] == ["-100.0", "-97.5"]
    assert [one[3] for one in slices] == [outline_path(labels >= 1) for labels in seen.labels]
    assert [one[4] for one in slices] == [outline_path(labels == 2) for labels in seen.labels]
    assert embedded(render_page(seen, record()), "settings")["box"] == [10, 20, 50, 50]


def test_it_opens_at_the_first_tumour_and_its_row_leads_there() -> None:
    page = render_page(view(), record())
    assert f'value="{TUMOUR_AT - FIRST}" autocomplete="off" aria-label="slice"' in page
    assert f'data-place="{TUMOUR_AT - FIRST}" data-first="26" data-last="28"' in page


def test_of_very_many_tumours_the_first_are_listed() -> None:
    one = record()["tumours"][0]
    page = render_page(view(), record(tumours=[one] * (MOST_TUMOURS + 5)))
    assert page.count('aria-label="show tumour') == MOST_TUMOURS and "and 5 more" in page
    assert "in 205 tumours" in page


def test_warnings_stand_before_the_pictures() -> None:
    warning = {"feature": "spacing", "value": 8, "unit": "mm", "low": 1, "high": 5, "text": "slices are 8 mm apart."}
    page = render_page(view(), record(warnings=[warning]))
    assert "unlike" in page and page.index("Slices are 8 mm apart.") < page.index("<main>")
    assert "What else to know of this scan" not in page
    read = render_page(view(), record(warnings=[{"feature": "DICOM series", "text": "resampled to 2.5 mm"}]))
    assert "Resampled to 2.5 mm" in read and "What else to know of this scan" in read and "unlike" not in read
    assert "Look twice" not in render_page(view(), record())


def test_a_scan_without_liver_and_a_network_that_knows_no_tumour() -> None:
    empty = view(labels=np.zeros((COUNT, 60, 90), np.uint8))
    volumes = {"liver": 0.0, "tumour": 0.0}
    page = render_page(empty, record(volumes_ml=volumes, tumour_burden=None, tumours=[]))
    assert "No liver was found" in page and "Tumour burden" not in page and 'id="tumours"' not in page
    assert embedded(page, "settings")["box"] is None
    liver = render_page(view(), record(volumes_ml={"liver": 1500.0}, tumour_burden=None, tumours=[]))
    named = record(volumes_ml={"liver": 1500.0, "tumour": 0.0}, tumour_burden=0.0, tumours=[])
    named["model"]["labels"] = ["liver"]
    assert render_page(view(), named) == liver
    assert "show-tumour" not in liver and "No liver was found" not in liver


@pytest.mark.parametrize(
    ("ml", "text"),
    [(0, "0"), (0.001, "<0.01"), (0.005, "0.01"), (0.25, "0.25"), (1, "1.0"), (99.94, "99.9"), (1512.3, "1512")],
)
def test_volumes_have_the_decimals_that_tell_something(ml: float, text: str) -> None:
    facts = Facts.of(record(volumes_ml={"liver": 1600.0, "tumour": ml}))
    assert tiles(facts)[1].figure == f"{text} mL"


def test_a_little_tumour_is_not_none() -> None:
    assert [tile.figure for tile in tiles(Facts.of(record(tumour_burden=0.0002)))][2] == "under 0.1 %"
    assert [tile.figure for tile in tiles(Facts.of(record(tumour_burden=0.0)))][2] == "0.0 %"


def test_slices_left_out_are_said() -> None:
    assert f"Here are {FIRST} to {FIRST + COUNT - 1}" in render_page(view(), record())
    thinned = view(slices=tuple(range(20, 20 + 3 * COUNT, 3)))
    assert f"Here are {COUNT} of those from 20 to 53" in render_page(thinned, record())
    assert "All slices are here" in render_page(view(slices=tuple(range(COUNT)), depth=COUNT), record())


@pytest.mark.parametrize("word", HOSTILE)
def test_s06_hostile_words_stay_words(word: str) -> None:
    said = record(created=word, versions={word: word}, warnings=[{"text": word, "low": 1}, {"text": word}])
    said["scan"] |= {"name": word, "orientation": word, "uid": word, "sha256": word}
    said["model"] |= {"name": word, "id": word}
    said["mask"] |= {"file": word, "sha256": word}
    page = render_page(view(), said)
    plain = render_page(view(), record(warnings=[{"text": "calm", "low": 1}, {"text": "calm"}]))
    assert page.count("<script") == plain.count("<script") and page.count("<img") == plain.count("<img")
    assert "\x1b" not in page and "\u202e" not in page and "\x00" not in page
    assert re.search(r"<[^>]*\son\w+\s*=", re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)) is None
    assert Facts.of(said).scan == printable(word)


def test_it_asks_for_nothing_from_elsewhere() -> None:
    page = render_page(view(), record())
    policy = html.unescape(page)
    assert "default-src 'none'" in policy and "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "http" not in re.sub(r"base64,[\w+/=]+|\"[\w+/=]{200,}\"", "", page).replace("http-equiv", "")


def test_the_same_record_gives_the_same_page() -> None:
    assert render_page(view(), record()) == render_page(view(), record())


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"scan": {}},
        {"volumes_ml": {"liver": "much"}},
        {"volumes_ml": {"liver": float("nan")}},
        {"tumours": [{"volume_ml": 1}]},
        {"tumours": [{"volume_ml": 1, "longest_mm": 1, "slices": [1]}]},
        {"warnings": [3]},
        {"model": None},
    ],
)
def test_what_is_no_record_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ResultsError, match="record"):
        render_page(view(), record(**changes))


def test_pictures_are_as_good_as_fits() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64)).astype(np.uint8)
    best = sum(map(len, slice_jpegs(noise)))
    middle = sum(map(len, slice_jpegs(noise, best * 2 // 3)))
    assert middle <= best * 2 // 3
    lowest = slice_jpegs(noise, 1)
    assert len(lowest) == 20 and sum(map(len, lowest)) < middle
    decoded = np.asarray(Image.open(io.BytesIO(slice_jpegs(view().image)[3])))
    assert np.abs(decoded.astype(int) - 120).max() <= 1 and QUALITIES[0] > QUALITIES[-1]


def test_a_page_of_a_hundred_slices_of_noise_is_small() -> None:
    """Harder to compress than any scan: noise of 20 HU on every pixel, without air around a body."""
    noise = np.random.default_rng(0).normal(128, 10, (100, 512, 512)).clip(0, 255).astype(np.uint8)
    labels = np.zeros_like(noise)
    labels[:, 100:400, 100:300] = 1
    numbers = tuple(range(100))
    whole = view(image=noise, labels=labels, slices=numbers, positions_mm=tuple(map(float, numbers)), depth=100)
    assert len(render_page(whole, record()).encode()) < MOST_BYTES
