"""Numbers on the pictures: each piece gets the number of its tumour, and none where that is not sure."""

from __future__ import annotations

import numpy as np

from results.scan_page.facts import Tumour
from results.scan_page.located import MOST_TUMOURS, located
from results.scan_page.view import ScanView
from tests.results.scan_page.scans import COLUMNS, COUNT, FIRST, ROWS, view

VOXEL_ML = 2.0 * 2.0 * 2.5 / 1000


def spotted(*spots: tuple[int, int, int, int, int]) -> tuple[ScanView, list[Tumour]]:
    """Tumours of depth, rows and columns `(slices, size, first slice, top, left)`, and what a record says of them."""
    labels = np.ones((COUNT, ROWS, COLUMNS), np.uint8)
    tumours = []
    for slices, size, first, top, left in spots:
        labels[first : first + slices, top : top + size, left : left + size] = 2
        last = FIRST + first + slices - 1
        tumours.append(Tumour(slices * size**2 * VOXEL_ML, size * 2.0, FIRST + first, last, FIRST + first))
    return view(labels=labels), tumours


def numbers(seen: ScanView, tumours: list[Tumour]) -> dict[tuple[int, float, float], int]:
    return {(mark.place, mark.x, mark.y): mark.number for mark in located(seen, tumours)}


def test_tumours_in_the_same_slices_are_told_apart_by_size() -> None:
    seen, tumours = spotted((3, 12, 4, 10, 10), (3, 6, 4, 40, 60))
    assert numbers(seen, tumours) == {
        **{(place, 22.0, 16.0): 1 for place in (4, 5, 6)},
        **{(place, 66.0, 43.0): 2 for place in (4, 5, 6)},
    }
    assert set(numbers(seen, tumours[::-1]).values()) == {1, 2}
    assert numbers(seen, tumours[::-1])[4, 22.0, 16.0] == 2, "the number is the place in the record"


def test_tumours_of_one_size_are_told_apart_by_their_slices() -> None:
    seen, tumours = spotted((2, 6, 2, 10, 10), (2, 6, 8, 10, 10))
    assert {place: number for (place, _, _), number in numbers(seen, tumours).items()} == {2: 1, 3: 1, 8: 2, 9: 2}


def test_what_has_no_counterpart_has_no_number() -> None:
    seen, tumours = spotted((2, 6, 2, 10, 10))
    elsewhere = [Tumour(tumours[0].volume_ml, 12.0, FIRST + 7, FIRST + 8, FIRST + 7)]
    larger = [Tumour(3 * tumours[0].volume_ml, 12.0, tumours[0].first, tumours[0].last, tumours[0].at)]
    for unlike in (elsewhere, larger, []):
        assert located(seen, unlike) == ()
    assert located(view(labels=np.zeros((COUNT, ROWS, COLUMNS), np.uint8)), tumours) == ()


def test_a_tumour_of_two_pieces_gets_its_number_once() -> None:
    seen, tumours = spotted((2, 6, 2, 10, 10), (2, 6, 2, 40, 60))
    assert len({(x, y) for _, x, y in numbers(seen, tumours[:1])}) == 1


def test_thousands_of_spots_are_no_trouble() -> None:
    labels = np.ones((COUNT, ROWS, COLUMNS), np.uint8)
    labels[::2, ::2, ::2] = 2
    tumours = [Tumour(VOXEL_ML, 0.0, FIRST, FIRST, FIRST)] * 5000
    assert 0 < len(located(view(labels=labels), tumours)) <= MOST_TUMOURS


def test_marks_lie_on_slices_that_are_shown_where_slices_are_left_out() -> None:
    seen, _ = spotted((4, 8, 2, 10, 10))
    tumour = Tumour(12 * 64 * VOXEL_ML, 16.0, 26, 37, 30)
    positions = tuple(7.5 * number for number in range(COUNT))
    thinned = view(labels=seen.labels, slices=tuple(range(20, 20 + 3 * COUNT, 3)), positions_mm=positions, depth=90)
    assert [mark.place for mark in located(thinned, [tumour])] == [2, 3, 4, 5]


def test_a_single_slice() -> None:
    labels = np.full((1, 4, 4), 2, np.uint8)
    seen = view(image=labels, labels=labels, slices=(20,), positions_mm=(0.0,))
    assert [mark.number for mark in located(seen, [Tumour(16 * 4.0 / 1000, 8.0, 20, 20, 20)])] == [1]
