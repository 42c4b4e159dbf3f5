"""Names, options and the registry behind them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from liverseg.errors import ConfigError
from liverseg.models import (
    ARCHITECTURES,
    architecture,
    architecture_names,
    architectures,
    check_size,
    describe,
    registry,
)
from liverseg.models.specs import check_classes

GROUP = "liversweep.architectures"
PLUGGED = EntryPoint("plugged", "tests.liverseg.models.plugged_network:SPEC", GROUP)
MISNAMED = EntryPoint("other_name", "tests.liverseg.models.plugged_network:SPEC", GROUP)
WRONG_KIND = EntryPoint("wrong", "tests.liverseg.models.plugged_network:WRONG_KIND", GROUP)
BROKEN = EntryPoint("broken", "no_package_is_called_this:SPEC", GROUP)
SHADOW = EntryPoint("unet", "no_package_is_called_this:SPEC", GROUP)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch):
    def install(*points: EntryPoint) -> None:
        monkeypatch.setattr(registry, "entry_points", lambda group: [point for point in points if point.group == group])

    return install


def test_names_and_costs_need_no_keras() -> None:
    program = (
        "import sys, liverseg.models as m, liverseg.losses as l\n"
        "[m.describe(spec.name) for spec in m.architectures()], l.losses()\n"
        "sys.exit(' '.join({'keras', 'tensorflow', 'numpy'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "gflops"),
    [("unet", 25.4), ("segnet", 14.0), ("unet_resnet50", 5.8), ("unet_resnet18", 4.6), ("encoder_decoder", 4.4)],
)
def test_cost_at_128_pixels(name: str, gflops: float) -> None:
    assert describe(name, 128).gflops == pytest.approx(gflops, abs=0.05)


def test_cost_of_a_convolution_by_hand() -> None:
    facts = describe("encoder_decoder", 32, {"base_filters": 4})
    pairs = [(1, 4, 32), (4, 8, 16), (8, 16, 8), (16, 32, 4), (32, 16, 8), (16, 8, 16), (8, 4, 32)]
    adds = sum((9 * i * f + 9 * f * f) * side**2 for i, f, side in pairs) + 4 * 3 * 32**2
    assert facts.flops == 2 * adds


@pytest.mark.parametrize("name", [spec.name for spec in ARCHITECTURES])
@pytest.mark.parametrize("base_filters", [4, 5, 7, 33, 128])
def test_every_width_in_range_can_be_counted(name: str, base_filters: int) -> None:
    narrow, wide = describe(name, 32, {"base_filters": 4}), describe(name, 32, {"base_filters": base_filters})
    assert wide.options["base_filters"] == base_filters
    assert (wide.parameters > narrow.parameters) == (base_filters > 4)


def test_parameters_grow_with_the_square_of_the_width() -> None:
    for spec in ARCHITECTURES:
        narrow, wide = (describe(spec.name, 32, {"base_filters": width}).parameters for width in (32, 64))
        assert 3.9 < wide / narrow < 4.0


@pytest.mark.parametrize("value", [3, 129, 16.0, "16", True, None])
def test_impossible_width(value: object) -> None:
    with pytest.raises(
        ConfigError, match=r"unet\.base_filters: impossible value; got .*; allowed: whole number from 4 to 128"
    ):
        describe("unet", options={"base_filters": value})


def test_all_wrong_options_are_found_at_once() -> None:
    problems = architecture("segnet").check_options({"base_filter": 8, "batch_norm_momentum": 2.0, "base_filters": 8})
    assert [problem.where for problem in problems] == ["segnet.base_filter", "segnet.batch_norm_momentum"]
    assert "did you mean `base_filters`?" in str(problems[0])


def test_options_default_in_the_order_of_the_spec() -> None:
    resolved = architecture("segnet").resolve_options({"batch_norm_momentum": 0.99})
    assert list(resolved.items()) == [("base_filters", 64), ("batch_norm_momentum", 0.99)]
    assert architecture("encoder_decoder").resolve_options(None)["base_filters"] == 32


def test_unknown_architecture_lists_the_known_ones_and_the_closest(plug) -> None:
    plug(PLUGGED)
    with pytest.raises(ConfigError) as caught:
        architecture("unet_resnet_18")
    assert caught.value.allowed == "unet, unet_resnet18, unet_resnet50, segnet, encoder_decoder, plugged"
    assert "did you mean `unet_resnet18`?" in str(caught.value)


@pytest.mark.parametrize(
    ("got", "allowed"),
    [(100, "96 or 128"), (33, "32 or 64"), (5, "32"), (-7, "32"), (64.5, "64 or 96"), ("64", "32, 64")],
)
def test_refused_sizes_come_with_the_nearest(got: object, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_size(got)
    assert str(caught.value.allowed).startswith(allowed)


@pytest.mark.parametrize("got", [float("nan"), float("inf"), -float("inf")])
def test_sizes_that_are_no_numbers(got: float) -> None:
    with pytest.raises(ConfigError, match="multiple of 32"):
        check_size(got)


@pytest.mark.parametrize("got", [0, 1, -3, 2.0, True, None])
def test_refused_numbers_of_classes(got: object) -> None:
    with pytest.raises(ConfigError, match="classes"):
        check_classes(got)


def test_a_plug_in_is_known_by_its_entry_point(plug) -> None:
    plug(PLUGGED)
    assert architecture("plugged").options[0].name == "width"
    assert architecture_names() == (*(spec.name for spec in ARCHITECTURES), "plugged")
    assert [spec.name for spec in architectures()][-1] == "plugged"


@pytest.mark.parametrize("point", [MISNAMED, WRONG_KIND, BROKEN])
def test_a_plug_in_that_does_not_load_harms_only_who_asks_for_it(plug, caplog, point: EntryPoint) -> None:
    plug(point)
    assert architectures() == ARCHITECTURES
    assert f"{point.name}: the plug-in" in caplog.text
    with pytest.raises(ConfigError, match="repair or uninstall"):
        architecture(point.name)


def test_built_ins_win_over_plug_ins_of_the_same_name(plug, caplog) -> None:
    plug(SHADOW)
    assert architecture("unet") is ARCHITECTURES[0]
    assert architectures() == ARCHITECTURES
    assert "is ignored" in caplog.text
    assert architecture_names().count("unet") == 1
