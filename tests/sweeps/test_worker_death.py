"""A worker that dies alone, and one that goes with its machine."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayError

from sweeps import worker_death
from sweeps.worker_death import death_of, is_blameless, lost_machines

ALONE = RayError("The actor died unexpectedly before finishing this task: its worker process has died.")
WITH_ITS_MACHINE = RayError("The actor is dead because its node has died.")
UNREACHED = ActorUnavailableError("The actor is unavailable: Socket closed", b"0" * 16)
MEMORY = OutOfMemoryError("Task was killed due to the node running low on memory")
MONITOR = RayError("The actor died because its worker was killed due to the node running low on memory.")


@pytest.fixture(params=[True, False])
def machine_is_lost(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    lost: bool = request.param
    monkeypatch.setattr(worker_death, "is_lost", lambda machine: lost)
    return lost


def test_a_worker_that_died_is_to_blame_unless_its_machine_is_lost(machine_is_lost: bool) -> None:
    assert is_blameless(ALONE, "machine") is machine_is_lost
    assert not is_blameless(ALONE, "")


@pytest.mark.parametrize("death", [WITH_ITS_MACHINE, UNREACHED])
def test_what_ray_says_of_a_machine_needs_no_look(death: RayError, machine_is_lost: bool) -> None:
    assert is_blameless(death, "") and is_blameless(death, "machine")


@pytest.mark.parametrize("death", [MEMORY, MONITOR])
def test_memory_is_the_job_s_own_doing(death: RayError, machine_is_lost: bool) -> None:
    assert not is_blameless(death, "machine")
    assert str(death_of(death, "gone", "ct-7")) == (
        "ct-7: gone: the machine ran out of memory; give fewer workers: --workers 1"
    )


def test_every_error_says_what_to_do() -> None:
    assert "ct-7: gone: it was killed" in str(death_of(ALONE, "gone", "ct-7"))
    assert str(lost_machines(3, "ct-7")).startswith("ct-7: the machine that worked on it was lost 3 times")
