from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config import Slots
from liverseg.errors import DeviceError
from liverseg.models import architecture_names, describe
from liverseg.training.gpu import CONTEXT_MIB
from sweeps.costs.combinations import COMBINATIONS, costly_settings, way_of
from sweeps.costs.fit import Room, fit, room_of
from sweeps.costs.machine import MEMORY_SHARE, Machine, this_machine
from sweeps.costs.needs import FLOOR_PROCESS_MB, Measured, floor_mb
from sweeps.spec.dimension import Dimension
from tests.sweeps.spec.texts import SMALL, load_text

ROOM = Room(8000.0, "trial.memory", "raise trial.memory to {gb}GB")
GRID: list[dict[str, Any]] = [
    {"base_filters": width, "batch_size": batch, "size": size}
    for width, batch, size in itertools.product((16, 32), (8, 16, 32), (128, 256, 512))
]


def need(setting: dict[str, Any]) -> float:
    """A GB for the process; 14 GB for the largest."""
    full = setting["base_filters"] * setting["batch_size"] * setting["size"] ** 2 / (32 * 32 * 512**2)
    return 1000.0 + 13_000.0 * full * (0.5 if setting.get("mixed_precision") else 1.0)


def of(settings: list[dict[str, Any]], room: Room = ROOM) -> Any:
    return fit([(setting, need(setting)) for setting in settings], room)


def test_the_region_is_told_by_its_largest_and_its_smallest_members() -> None:
    found = of([one for one in GRID if one["base_filters"] == 32])
    assert found.words("unet", ROOM) == (
        "unet: batch_size 32, size 512, base_filters 32 needs about 14 GB, a trial has 8.0 GB (trial.memory): 1 of 9 "
        "combinations cannot fit, from batch_size 32, size 512 on; lower batch_size or size, or raise trial.memory to 14GB"
    )


def test_what_all_fits_has_no_words() -> None:
    assert of(GRID, Room(14_000.0, "", "")).words("unet", ROOM) == ""


def test_nothing_that_fits_is_said_with_the_least() -> None:
    found = of(GRID, Room(900.0, "", ""))
    assert found.hopeless
    assert found.words("unet", Room(900.0, "trial.memory", ROOM.more)) == (
        "unet: batch_size 32, size 512, base_filters 32 needs about 14 GB, a trial has 0.9 GB (trial.memory), the least about "
        "1.1 GB: none of 18 combinations fits; lower base_filters or batch_size or size below what the space has, or raise "
        "trial.memory to 1.2GB"
    )
    only = of(GRID[-1:], Room(900.0, "", "")).words("unet", ROOM)
    assert "its only combination cannot fit; choose a smaller network, or raise" in only


def test_many_edges_are_shortened() -> None:
    settings = [{"batch_size": 2**k, "size": 32 * 2 ** (9 - k)} for k in range(10)]
    found = fit([(one, 9000.0) for one in settings] + [({"batch_size": 1, "size": 32}, 1.0)], ROOM)
    assert len(found.edges) == 10 and "on and from 7 more on" in found.words("unet", ROOM)


def test_16_bits_are_below_32_and_xla_is_neither() -> None:
    both = [one | {"mixed_precision": mixed} for one in GRID for mixed in (False, True)]
    found = of(both, Room(6000.0, "", ""))
    assert found.edges and "leave mixed_precision on" in found.words("unet", ROOM)
    ways = [({"size": 64, "xla": xla}, 9000.0) for xla in (False, True)]
    assert len(fit(ways, ROOM).edges) == 2 and fit(ways, ROOM).varied == ()


@given(st.floats(500.0, 15_000.0))
def test_whatever_does_not_fit_is_an_edge_or_above_one(limit: float) -> None:
    found = of(GRID, Room(limit, "", ""))
    outside = [one for one in GRID if need(one) > limit]
    assert found.unfit == len(outside) and all(edge in outside for edge in found.edges)
    for one in outside:
        assert any(all(edge[name] <= one[name] for name in edge) for edge in found.edges)
    for low, high in itertools.permutations(found.edges, 2):
        assert any(low[name] > high[name] for name in low)


def test_a_room_is_the_limit_the_share_of_the_machine_or_the_part_of_the_card(tmp_path: Path) -> None:
    spec, slots = load_text(tmp_path, SMALL, "trial.cpus=1").spec, Slots(4, 1, 0)
    shared = room_of(spec, slots, 3_000_000_000, ())
    assert shared is not None and shared.memory_mb == 3000 and "4 at a time" in shared.source and not shared.gpu
    assert room_of(spec, slots, None, ()) is None
    limited = load_text(tmp_path, SMALL, "trial.memory=2GB").spec
    given_mb = room_of(limited, slots, None, ())
    assert given_mb is not None and given_mb.memory_mb == 2000
    quarter = load_text(tmp_path, SMALL, "trial.gpus=0.25").spec
    assert room_of(quarter, slots, 10**9, ()) is None, "no card is known here"
    card = room_of(quarter, slots, 10**9, (81_559, 40_960))
    assert card is not None and card.gpu and card.memory_mb == pytest.approx((40_960 // 4 - CONTEXT_MIB) * 1.048576)
    whole = room_of(load_text(tmp_path, SMALL, "trial.gpus=1").spec, slots, 10**9, (40_960,))
    assert whole is not None and whole.memory_mb == pytest.approx((40_960 - CONTEXT_MIB) * 1.048576)
    with pytest.raises(DeviceError, match="share of the GPU is too small"):
        room_of(quarter, slots, 10**9, (4096,))


def test_more_of_a_card_is_named_as_a_part_and_a_larger_card_where_none_does() -> None:
    card = Room(9000.0, "trial.gpus 0.25 of a card of 40 GB", "{gpus}", 40_000.0)
    assert "raise trial.gpus to 0.38" in of(GRID, card).words("unet", card)
    small = Room(9000.0, "a card of 10 GB", "{gpus}", 10_000.0)
    assert "use a larger card" in of(GRID, small).words("unet", small)


def test_a_machine_offers_what_a_run_would_take(tmp_path: Path) -> None:
    machine = Machine(cpus=8, available_bytes=16 * 10**9, cards_mib=(40_960, 40_960))
    spec = load_text(tmp_path, SMALL, "trial.cpus=2", "cluster={kind: local}").spec
    slots, room = machine.offer(spec)
    assert slots == Slots(4, 2, 0) and room is not None and room.memory_mb == pytest.approx(MEMORY_SHARE * 4000)
    on_gpus = load_text(tmp_path, SMALL, "trial={cpus: 1, gpus: 0.5}", "cluster={kind: local}").spec
    assert machine.offer(on_gpus)[0] == Slots(4, 1, 0.5)
    elsewhere = load_text(tmp_path, SMALL, "cluster={kind: address}").spec
    assert machine.offer(elsewhere)[1] is None
    assert machine.offer(load_text(tmp_path, SMALL, "trial.gpus=0.5", "cluster={kind: address}").spec)[1] is None
    narrow = load_text(tmp_path, SMALL, "trial.memory=7GB", "cluster={kind: local}").spec
    assert machine.offer(narrow)[0].count == 2
    assert this_machine().available_bytes > 10**8


class TestCombinations:
    def test_only_what_costs_is_combined_and_the_largest_is_among_them(self) -> None:
        wide = [
            Dimension(name="batch_size", kind="categorical", choices=tuple(range(1, 33))),
            Dimension(name="size", kind="categorical", choices=tuple(range(32, 1056, 32))),
            Dimension(name="base_filters", kind="int", low=8, high=64),
            Dimension(name="xla", kind="categorical", choices=(False, True)),
            Dimension(name="learning_rate", kind="float", low=1e-5, high=1e-2),
        ]
        found = costly_settings(tuple(wide))
        assert len(found) == 16 <= COMBINATIONS
        assert {"batch_size": 32, "size": 1024, "base_filters": 64, "xla": False} in found
        assert len(costly_settings(tuple(wide[:1]))) == 32

    def test_a_way_has_its_defaults(self) -> None:
        assert way_of({}) == way_of({"mixed_precision": False}) != way_of({"xla": True})


@pytest.mark.parametrize("name", architecture_names())
def test_without_a_measurement_a_floor_grows_with_everything_that_costs(name: str) -> None:
    def floor(size: int, **setting: Any) -> float:
        return floor_mb(describe(name, size_px=size), setting, gpu=False)

    assert FLOOR_PROCESS_MB < floor(64, batch_size=8) < floor(64, batch_size=16) < floor(128, batch_size=16)
    assert floor(64, batch_size=16, mixed_precision=True) < floor(64, batch_size=16)
    assert floor(64, batch_size=16, xla=True) < floor(64, batch_size=1)
    facts = describe(name, size_px=64)
    assert 0 < floor_mb(facts, {}, gpu=True) < floor_mb(facts, {}, gpu=False) - FLOOR_PROCESS_MB


def test_what_stays_goes_with_the_weights_and_what_a_step_makes_with_its_maps() -> None:
    small, large = (describe("unet", size_px=size, options={"base_filters": 8}) for size in (64, 128))
    step = Measured({"process_mb": 300.0, "kept_mb": 20.0, "step_mb": 100.0, "device": "GPU"}, small, 4)
    assert step.arrays_mb(small, 4) == 120.0 and step.arrays_mb(small, 12) == pytest.approx(320.0)
    assert step.arrays_mb(large, 4) == pytest.approx(420.0, rel=0.01)
    copies = 8e-6 * small.parameters
    assert (
        step.process_mb(small, 4, gpu=False) == 420.0 + copies and step.process_mb(small, 4, gpu=True) == 300.0 + copies
    )
    assert step.on_gpu
    narrow = describe("unet", size_px=64, options={"base_filters": 4})
    assert step.arrays_mb(narrow, 4) < 70.0
