from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.grid import Grid, SmoothField, is_empty
from liverseg.phantom.shapes import Capsule, Ellipsoid, coverage, cut, intersect, unite


def _line(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def _grid() -> Grid:
    axis = np.arange(-40, 41, 2.0).astype(np.float32)
    return Grid.build((axis, axis, axis), np.random.default_rng(0), deformation_mm=0.0)


def test_a_sphere_has_exact_distances() -> None:
    sphere = Ellipsoid((1.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    x = _line(-9.0, -4.0, 3.0, 6.0, 8.0)
    assert sphere.distance((x, 0 * x, 0 * x)) == pytest.approx([5.0, 0.0, -3.0, 0.0, 2.0], abs=1e-4)


def test_an_ellipsoid_is_finite_and_inside_at_its_centre() -> None:
    zero = _line(0.0)
    assert Ellipsoid((0.0, 0.0, 0.0), (2.0, 3.0, 4.0)).distance((zero, zero, zero)) == pytest.approx(-2.0)


def test_a_capsule_measures_from_its_axis_and_its_round_ends() -> None:
    tube = Capsule((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), 2.0, 2.0)
    x, y = _line(5.0, 13.0, 5.0), _line(6.0, 0.0, 0.0)
    assert tube.distance((x, y, 0 * x)) == pytest.approx([4.0, 1.0, -2.0], abs=1e-5)
    assert (tube.low, tube.high) == ((-2.0, -2.0, -2.0), (12.0, 2.0, 2.0))


def test_boolean_operations_keep_signs_away_from_creases() -> None:
    a, b = _line(-20.0, -20.0, 20.0, 20.0), _line(-20.0, 20.0, -20.0, 20.0)
    assert list(unite(a, b) < 0) == [True, True, True, False]
    assert list(intersect(a, b) < 0) == [True, False, False, False]
    assert list(cut(a, b) < 0) == [False, True, False, False]


def test_coverage_is_half_on_the_surface_and_clipped_beyond() -> None:
    assert coverage(_line(-5.0, -0.5, 0.0, 0.5, 5.0), 2.0) == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])


def test_partial_volume_keeps_the_volume_of_a_sphere() -> None:
    grid = _grid()
    box = grid.everywhere()
    share = coverage(Ellipsoid((0.3, -0.7, 0.1), (21.0, 21.0, 21.0)).distance(grid.at(box)), grid.edge_mm)
    assert share.sum() * 8.0 == pytest.approx(4.0 / 3.0 * np.pi * 21.0**3, rel=0.01)


def test_a_field_does_not_depend_on_the_box_it_is_asked_for() -> None:
    grid = _grid()
    field = SmoothField.draw(np.random.default_rng(5), sd=2.0, wavelength_mm=(20.0, 60.0))
    box = grid.box((-10.0, -4.0, 0.0), (10.0, 20.0, 30.0), margin_mm=0.0)
    assert np.array_equal(grid.field(field, box), grid.field(field, grid.everywhere())[box])


def test_a_field_has_the_standard_deviation_asked_for() -> None:
    axis = np.arange(-400, 400, 10.0).astype(np.float32)
    rng = np.random.default_rng(6)
    sd = [SmoothField.draw(rng, sd=3.0, wavelength_mm=(30.0, 80.0)).on((axis, axis, axis)).std() for _ in range(4)]
    assert np.mean(sd) == pytest.approx(3.0, rel=0.15)


def test_a_box_outside_the_grid_is_empty() -> None:
    assert is_empty(_grid().box((90.0, 0.0, 0.0), (95.0, 5.0, 5.0)))
