from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config import Slots
from cluster.errors import ClusterError
from cluster.nodes import slots_for, slots_on


def test_slots_are_what_fits() -> None:
    assert slots_for([{"CPU": 8.0, "GPU": 1.0}], cpus=2, gpus=0.25) == Slots(4, 2, 0.25)
    assert slots_for([{"CPU": 8.0}], cpus=3, gpus=0) == Slots(2, 3, 0)
    assert slots_for([{"CPU": 8.0, "memory": 10e9}], cpus=1, gpus=0, memory_bytes=4_000_000_000).count == 2


def test_a_trial_lies_on_one_machine() -> None:
    assert slots_for([{"CPU": 3.0}, {"CPU": 3.0}], cpus=2, gpus=0).count == 2


def test_a_fraction_lies_on_one_gpu() -> None:
    assert slots_on({"CPU": 64.0, "GPU": 2.0}, cpus=1, gpus=0.3) == 6
    assert slots_on({"CPU": 64.0, "GPU": 4.0}, cpus=1, gpus=0.1) == 40
    assert slots_on({"CPU": 64.0, "GPU": 3.0}, cpus=1, gpus=2) == 1


def test_machines_without_gpus_take_no_trial_with_one() -> None:
    assert slots_for([{"CPU": 8.0}, {"CPU": 8.0, "GPU": 2.0}], cpus=1, gpus=1).count == 2


@pytest.mark.parametrize(
    "asked", [{"cpus": 9, "gpus": 0}, {"cpus": 1, "gpus": 1}, {"cpus": 1, "gpus": 0, "memory_bytes": 10**12}]
)
def test_a_trial_that_never_fits_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match="not even one trial fits"):
        slots_for([{"CPU": 8.0, "GPU": 0.5, "memory": 1e9}], **asked)


@given(
    cpus=st.integers(0, 64),
    gpus=st.integers(0, 8),
    each=st.integers(1, 8),
    share=st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0]),
)
def test_what_fits_asks_for_no_more_than_there_is(cpus: int, gpus: int, each: int, share: float) -> None:
    count = slots_on({"CPU": float(cpus), "GPU": float(gpus)}, cpus=each, gpus=share)
    assert count * each <= cpus and count * share <= gpus + 1e-6
