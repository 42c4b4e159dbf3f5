from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config import Slots
from liverseg.models import architecture_names, describe
from sweeps.costs import refusal
from sweeps.costs.fit import Room
from sweeps.costs.needs import floor_mb
from sweeps.costs.refusal import MemoryCheck, memory_check
from sweeps.spec.space import split_parameters
from tests.sweeps.spec.texts import SMALL, load_text

ROOM = Room(1000.0, "trial.memory", "raise trial.memory to {gb}GB")
LARGE = {"base_filters": 16, "batch_size": 64, "size": 512, "learning_rate": 0.001}
SMALLER = LARGE | {"batch_size": 1, "size": 64}


def test_one_that_cannot_fit_is_told_in_one_line() -> None:
    check = MemoryCheck(ROOM, 3)
    assert check("unet", SMALLER) == ""
    assert check("unet", LARGE) == (
        "unet: batch_size 64, size 512, base_filters 16 needs at least 11 GB, a trial has 1.0 GB (trial.memory); not started. "
        "Lower base_filters or batch_size or size, or raise trial.memory to 11.5GB"
    )


@given(
    st.sampled_from(architecture_names()),
    st.fixed_dictionaries(
        {"batch_size": st.sampled_from([1, 8, 64]), "size": st.sampled_from([32, 128, 512])},
        optional={"mixed_precision": st.booleans(), "xla": st.booleans(), "learning_rate": st.floats(1e-5, 1e-2)},
    ),
    st.floats(100.0, 20_000.0),
)
def test_nothing_is_refused_whose_least_need_is_there(name: str, parameters: dict[str, Any], memory_mb: float) -> None:
    facts = describe(name, parameters["size"], split_parameters(name, parameters)[0])
    misfit = MemoryCheck(Room(memory_mb, "", ""), 3)(name, parameters)
    assert bool(misfit) == (floor_mb(facts, parameters, gpu=False) > memory_mb)


def test_a_batch_has_no_more_slices_than_there_are() -> None:
    assert MemoryCheck(ROOM, 3, least_slices=2)("unet", LARGE) == ""
    assert MemoryCheck(ROOM, 3, least_slices=64)("unet", LARGE) == MemoryCheck(ROOM, 3)("unet", LARGE)


def test_a_network_is_counted_once_however_many_trials_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def counting(name: str, size: int, *others: Any, **more: Any) -> Any:
        counted.append(size)
        return describe(name, size, *others, **more)

    monkeypatch.setattr(refusal, "describe", counting)
    check = MemoryCheck(ROOM, 3)
    for number in range(1000):
        check("unet", {**LARGE, "size": (64, 512)[number % 2], "learning_rate": 1e-4 * number, "loss": "dice"})
    assert sorted(counted) == [64, 512]


def test_what_is_not_known_is_not_refused() -> None:
    assert MemoryCheck(None, 3)("unet", LARGE) == ""


class TestRooms:
    def check(
        self, folder: Path, memory_bytes: int | None, *overrides: str, cards: tuple[int, ...] = ()
    ) -> MemoryCheck:
        spec = load_text(folder, SMALL, *overrides).spec
        return memory_check(spec, Slots(2, 1, spec.trial.gpus), memory_bytes)

    def test_the_limit_of_a_process_is_the_room(self, tmp_path: Path) -> None:
        assert "1.0 GB (its share of this machine's memory, 2 at a time)" in self.check(tmp_path, 10**9)("unet", LARGE)
        assert "1.0 GB (trial.memory)" in self.check(tmp_path, 10**9, "trial.memory=1GB")("unet", LARGE)
        afar = self.check(tmp_path, 10**9, "cluster={kind: address, address: 'host:6379'}")("unet", LARGE)
        assert "1.0 GB (its share of its machine's memory)" in afar and afar.endswith("13 GB for a trial") is False
        assert self.check(tmp_path, None)("unet", LARGE) == ""

    def test_on_a_gpu_the_card_counts_and_a_whole_one_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("liverseg.training.cuda.visible_cards_mib", lambda: (4096,))
        assert "trial.gpus 0.5 of a card of 4.3 GB" in self.check(tmp_path, 10**6, "trial.gpus=0.5")("unet", LARGE)
        whole = self.check(tmp_path, 10**6, "trial.gpus=1")("unet", LARGE)
        assert "a trial has 4.3 GB" in whole and whole.endswith("or use a larger card")
        assert self.check(tmp_path, 10**6, "trial.gpus=1")("unet", LARGE | {"size": 128}) == ""
        # Too small a part of a card is what every worker says, with what to do.
        assert self.check(tmp_path, 10**6, "trial.gpus=0.01")("unet", LARGE) == ""
        afar = self.check(tmp_path, 10**6, "trial.gpus=1", "cluster={kind: address, address: 'host:6379'}")
        assert afar("unet", LARGE) == ""
