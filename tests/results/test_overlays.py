"""What trainings write to be looked at is what reports read."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.overlay_grid import overlay_grid
from liverseg.inference.overlays import OverlayBook, packed
from liverseg.preprocess.arrays import CaseSpan, PlaneMap
from results.overlays import Overlays, read_predictions, read_scan
from results.sweep_folder import SweepFolder
from tests.liverseg.inference.test_overlays import volumes
from tests.results.overlay_files import grid_array, prediction_file, save, scan_file


@given(st.data())
@settings(deadline=None, max_examples=25)
def test_predictions_come_back_as_they_were(data: st.DataObject) -> None:
    book, spans = OverlayBook(), []
    for k in range(data.draw(st.integers(0, 3))):
        reference = data.draw(volumes())
        spans.append(CaseSpan(f"case-{k}", "p", 0, 1, PlaneMap((1, 1), (1, 1), 0, 0, 1), reference))
        book.add(spans[-1], data.draw(volumes(reference.shape, reference.spacing_mm)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "overlays.npz"
        book.write(path)
        found = read_predictions(path, [span.uid for span in spans])
        assert [entry.name for entry in Path(folder).iterdir()] == ["overlays.npz"]
    assert list(found) == [span.uid for span in spans]
    for span, written in zip(spans, book.overlays, strict=True):
        read = found[span.uid]
        np.testing.assert_array_equal(read.labels, written.labels)
        assert read.unseen_ml == written.unseen_ml
        assert list(range(read.grid.first, read.grid.first + read.grid.step * read.grid.count, read.grid.step)) == list(
            overlay_grid(span.reference).slices
        )


def test_a_scan_comes_back_and_only_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "case-a.npz"
    path.write_bytes(packed(scan_file()))
    found = read_scan(path, "case-a")
    assert found is not None and found.spacing_mm == (5.0, 0.8, 0.8) and found.image.shape == (3, 6, 5)
    assert read_scan(path, "case-b") is None
    assert read_scan(tmp_path / "none.npz", "case-a") is None


def test_only_labels_on_the_same_pixels_are_laid_over_a_scan(tmp_path: Path) -> None:
    scan = read_scan(save(tmp_path / "a.npz", scan_file()), "case-a")
    assert scan is not None
    same = read_predictions(save(tmp_path / "b.npz", prediction_file()), ["case-a"])
    assert set(same) == {"case-a"}
    moved = grid_array()
    moved[6] = 1
    other = read_predictions(save(tmp_path / "c.npz", prediction_file(("case-a",), grid=moved[None])), ["case-a"])
    overlays = Overlays({"case-a": scan}, {"t0": same, "t1": other})
    assert overlays.of("t0", "case-a") is same["case-a"]
    assert overlays.of("t1", "case-a") is None and overlays.of("t2", "case-a") is None
    assert overlays.of("t0", "case-b") is None


def test_a_name_that_is_no_file_name_has_no_scan(tmp_path: Path) -> None:
    (tmp_path / "sweep" / "overlays").mkdir(parents=True)
    save(tmp_path / "secret.npz", scan_file("../../secret"))
    folder = SweepFolder(tmp_path / "sweep")
    for name in ("../../secret", "", ".", "..", "a/b", "a\0b", "x" * 65, "case-a\n", str(tmp_path / "secret")):
        assert folder.scan(name) is None
