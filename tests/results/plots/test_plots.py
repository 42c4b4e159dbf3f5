"""Plots: well-formed SVG, the same text each time, and a sentence where there is nothing to show."""

from __future__ import annotations

import base64
import io
import math
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from results.fold import fold
from results.ledger_line import decode
from results.pictures import Pictures
from results.plots.best_so_far import best_so_far
from results.plots.dice_distribution import dice_distribution
from results.plots.importance_bars import importance_bars
from results.plots.learning_curves import learning_curves
from results.plots.parallel_coordinates import parallel_coordinates
from results.plots.parameter_scores import parameter_scores, power_of_ten
from results.plots.pictures import LABEL_COLOURS, LEVELS, PALETTE, picture_grid
from results.plots.png import png
from results.plots.rank_distribution import rank_distribution
from results.plots.style import Plot
from results.ranking import best_by_architecture
from results.records import Sweep
from results.statistics import architecture_scores, compare
from results.tables.importances import importance_groups
from tests.results.ledger_factory import FakeLedger, hostile, realistic, suggested_payload, sweep_payload, uid_of


def ranks(sweep: Sweep) -> Plot:
    return rank_distribution(sweep, compare(architecture_scores(sweep)))


PLOTS = (learning_curves, best_so_far, dice_distribution, parameter_scores, parallel_coordinates, ranks)


def folded(ledger: FakeLedger) -> Sweep:
    return fold([decode(line[:-1], i, "x") for i, line in enumerate(ledger.lines, 1)])


def all_failed() -> FakeLedger:
    rng = np.random.default_rng(0)
    ledger = FakeLedger()
    ledger.add("sweep", **sweep_payload(2))
    for number in range(2):
        ledger.add("suggested", **suggested_payload(number, "unet", rng))
        ledger.add("failed", uid=uid_of(number), kind="oom", message="", epochs=1, seconds=1.0)
    return ledger


@pytest.mark.parametrize("plot", PLOTS)
def test_a_plot_is_svg_with_text_and_without_anything_foreign(plot: Callable[[Sweep], Plot]) -> None:
    sweep = folded(realistic(16, cases=4, epochs=5))
    found = plot(sweep)
    root = ElementTree.fromstring(found.svg)
    texts = "".join(root.itertext())
    assert "segnet" in texts
    assert "encoder_decoder" in texts
    assert not re.search(r"(href|src)=\"(?!#)", found.svg)
    assert "var(--ink" in found.svg
    assert "<!--" not in found.svg
    identifiers = re.findall(r'\bid="([^"]*)"', found.svg)
    assert identifiers
    assert all(name.startswith(f"{found.name}-") for name in identifiers)
    assert set(re.findall(r"url\(#([^)]*)\)", found.svg)) <= set(identifiers)
    assert plot(sweep).svg == found.svg


@pytest.mark.parametrize("plot", PLOTS[:-1])  # hostile patients are none that two architectures share
def test_hostile_names_stay_text(plot: Callable[[Sweep], Plot]) -> None:
    found = plot(folded(hostile()))
    root = ElementTree.fromstring(found.svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags.isdisjoint({"script", "image", "a", "foreignObject"})
    assert not [name for element in root.iter() for name in element.attrib if name.lower().startswith("on")]
    assert "<script>" in "".join(root.itertext())


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("ledger", [all_failed(), realistic(0, cases=0)])
def test_nothing_to_show_is_a_sentence(plot: Callable[[Sweep], Plot], ledger: FakeLedger) -> None:
    found = plot(folded(ledger))
    assert found.svg == ""
    assert found.caption.endswith(".")


@pytest.mark.parametrize("plot", PLOTS[:3])
@pytest.mark.parametrize("cases", [1, 3])
def test_one_trial_and_no_tumours_still_make_a_plot(plot: Callable[[Sweep], Plot], cases: int) -> None:
    found = plot(folded(realistic(1, cases=cases, epochs=1 if cases == 1 else 3, tumour=False)))
    ElementTree.fromstring(found.svg)


def test_a_missing_tumour_score_is_said() -> None:
    caption = dice_distribution(folded(realistic(2, cases=3, epochs=2, tumour=False))).caption
    assert "tumours are not shown" in caption


def pixels(uri: str) -> tuple[np.ndarray, np.ndarray]:
    """Palette and indices of one of our own PNGs, decoded by another implementation."""
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    palette = image.getpalette()
    assert palette is not None
    return np.asarray(palette).reshape(-1, 3), np.asarray(image)


def some_pictures(predictions: np.ndarray) -> Pictures:
    count, height, width = predictions.shape
    image = np.full((count, height, width), 128, np.uint8)
    reference = np.zeros_like(image)
    reference[:, 60:120, 60:120] = 1
    reference[:, 80:90, 80:90] = 2
    return Pictures(tuple(f"case-{i}" for i in range(count)), tuple(range(count)), image, reference, predictions)


def test_the_grid_has_the_same_slices_for_every_architecture() -> None:
    sweep = folded(realistic(10, cases=3, epochs=2))
    best = [trial for trial in best_by_architecture(sweep.trials, sweep.sweep.objectives).values() if trial]
    prediction = np.zeros((2, 200, 200), np.uint8)
    prediction[:, 70:110, 70:110] = 1
    pictures = {trial.uid: some_pictures(prediction) for trial in best[:-1]}
    grid = picture_grid(sweep, pictures)
    assert [row.caption for row in grid.rows] == ["case-0, slice 0", "case-1, slice 1"]
    titles = ["CT", "reference", *(trial.architecture for trial in best[:-1])]
    assert all([tile.title for tile in row.tiles] == titles for row in grid.rows)
    assert f"Without pictures: {best[-1].architecture}" in grid.note
    palette, reference = pixels(grid.rows[0].tiles[1].source)
    assert reference.shape == (78, 78)  # 60 marked pixels and a margin of 15 % on each side
    assert {tuple(palette[value]) for value in np.unique(reference)} >= set(LABEL_COLOURS.values())
    assert np.count_nonzero(reference == 3 * LEVELS + 2) == 36  # outline of a square of 10
    assert grid == picture_grid(sweep, pictures)


def test_what_is_predicted_outside_the_reference_is_in_the_picture() -> None:
    sweep = folded(realistic(1, cases=3, epochs=2))
    prediction = np.zeros((1, 200, 200), np.uint8)
    prediction[:, 190:195, 5:10] = 2
    grid = picture_grid(sweep, {sweep.trials[0].uid: some_pictures(prediction)})
    _, shown = pixels(grid.rows[0].tiles[2].source)
    assert np.count_nonzero(shown == 3 * LEVELS + 2) == 16


def test_a_slice_that_one_trial_lacks_is_an_empty_tile() -> None:
    sweep = folded(realistic(10, cases=3, epochs=2))
    best = [trial for trial in best_by_architecture(sweep.trials, sweep.sweep.objectives).values() if trial]
    plane = np.zeros((2, 50, 50), np.uint8)
    other = Pictures(("case-0",), (0,), *[np.zeros((1, 50, 50), np.uint8)] * 3)
    first = Pictures(("case-0", "case-1"), (0, 1), plane, plane, plane)
    grid = picture_grid(sweep, {best[0].uid: first, best[1].uid: other})
    assert grid.rows[0].tiles[3].source
    assert grid.rows[1].tiles[3].source == ""


def test_no_pictures_is_a_sentence() -> None:
    assert picture_grid(folded(realistic(1)), {}).note == "No finished trial has left pictures."


def test_many_slices_are_taken_from_every_case() -> None:
    sweep = folded(realistic(1, cases=3, epochs=2))
    plane = np.zeros((9, 20, 20), np.uint8)
    cases = ("a",) * 7 + ("b", "c")
    pictures = Pictures(cases, tuple(range(9)), plane, plane, plane)
    captions = [row.caption for row in picture_grid(sweep, {sweep.trials[0].uid: pictures}).rows]
    assert captions == ["a, slice 0", "a, slice 1", "a, slice 2", "a, slice 3", "b, slice 7", "c, slice 8"]


def test_a_png_is_well_formed() -> None:
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = png(indices, PALETTE)
    assert struct.unpack(">II", data[16:24]) == (4, 3)
    position = 8
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        body = data[position + 4 : position + 8 + length]
        assert struct.unpack(">I", data[position + 8 + length : position + 12 + length])[0] == zlib.crc32(body)
        position += 12 + length
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    assert (pixels(uri)[1] == indices).all()


def test_label_colours_differ_in_lightness() -> None:
    light = [math.sqrt(0.3 * r * r + 0.59 * g * g + 0.11 * b * b) for r, g, b in LABEL_COLOURS.values()]
    assert abs(light[0] - light[1]) > 25


def importance(sweep: Sweep) -> Plot:
    return importance_bars(importance_groups(sweep))


@pytest.mark.parametrize("plot", [*PLOTS, importance])
def test_marks_carry_numbers_and_never_names(plot: Callable[[Sweep], Plot]) -> None:
    for sweep in (folded(realistic(20, cases=4, epochs=3)), folded(hostile())):
        svg = plot(sweep).svg
        carried = re.findall(r'\b(data-[a-z]+)="([^"]*)"', svg)
        assert {name for name, _ in carried} <= {"data-of", "data-trial"}
        assert all(re.fullmatch(r"\d+", value) for _, value in carried)
        assert not re.search(r'id="[^"]*(?:mark|points)-', svg)
        known = {str(i) for i in range(len(set(sweep.sweep.architectures) | {t.architecture for t in sweep.trials}))}
        assert {value for name, value in carried if name == "data-of"} <= known


def marked_points(svg: str) -> dict[tuple[str, str], int]:
    """How many points each `(architecture, trial)` has."""
    found: dict[tuple[str, str], int] = {}
    root = ElementTree.fromstring(svg)
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        for use in group.iter("{http://www.w3.org/2000/svg}use"):
            if "data-of" in group.attrib and "data-trial" in use.attrib:
                key = (group.attrib["data-of"], use.attrib["data-trial"])
                found[key] = found.get(key, 0) + 1
    return found


def test_each_point_is_of_its_own_trial_and_architecture() -> None:
    sweep = folded(realistic(30, cases=3, epochs=2))
    names = list(sweep.sweep.architectures)
    scored = [trial for trial in sweep.trials if trial.state == "finished" and not math.isnan(trial.metric("val_dice"))]
    panels = {
        (str(names.index(trial.architecture)), str(trial.number)): len(set(trial.parameters) - {"optimizer"})
        for trial in scored
    }
    assert marked_points(parameter_scores(sweep).svg) == panels


def test_every_trial_is_a_line_and_a_missing_parameter_is_told() -> None:
    sweep = folded(realistic(30, cases=3, epochs=2))
    plot = parallel_coordinates(sweep)
    lines = re.findall(r'data-of="\d+" data-trial="(\d+)"', plot.svg)
    assert sorted(map(int, lines)) == list(range(30))
    assert "At – the trial has no such parameter." in plot.caption
    assert "base_filters" in plot.svg and "Dashed" in plot.caption


def test_a_parameter_that_is_called_architecture_is_a_parameter() -> None:
    sweep = folded(realistic(12, cases=3, epochs=2))
    trials = tuple(
        replace(trial, parameters={**trial.parameters, "architecture": trial.number % 3}) for trial in sweep.trials
    )
    for plot in (parameter_scores, parallel_coordinates):
        assert plot(replace(sweep, trials=trials)).svg


@pytest.mark.parametrize("plot", [parameter_scores, parallel_coordinates])
def test_where_nothing_varied_there_is_no_plot(plot: Callable[[Sweep], Plot]) -> None:
    found = plot(folded(realistic(1, cases=3, epochs=2)))
    assert found.svg == "" and found.caption.endswith(".")


def test_more_parameters_than_fit_are_said() -> None:
    sweep = folded(realistic(6, cases=3, epochs=2))
    more = {f"p{i}": i for i in range(20)}
    trials = tuple(
        replace(trial, parameters={name: value + trial.number for name, value in more.items()})
        for trial in sweep.trials
    )
    sweep = replace(sweep, trials=trials)
    assert "The first 12 of 20 parameters." in parameter_scores(sweep).caption
    assert "The first 10 of 20 parameters." in parallel_coordinates(sweep).caption


def test_powers_of_ten_are_written_as_such() -> None:
    assert [power_of_ten(value) for value in (1e-5, 1.0, 1e3, 0.003)] == ["10⁻⁵", "10⁰", "10³", "0.003"]


def test_without_importances_there_is_a_sentence() -> None:
    assert importance_bars(()).svg == ""
