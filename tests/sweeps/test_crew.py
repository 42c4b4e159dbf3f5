"""Jobs whose machines are lost again and again."""

from __future__ import annotations

from collections import Counter, deque
from types import SimpleNamespace

import pytest

import sweeps.crew
from sweeps.crew import LOSSES, Crew
from sweeps.fleet import Fleet, WorkerDied
from sweeps.seat import Seat


def test_a_job_that_takes_machines_down_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sweeps.crew, "is_blameless", lambda death, machine: True)
    monkeypatch.setattr(sweeps.crew, "label_of", lambda machine: f"node-{machine}")
    crew = Crew.__new__(Crew)
    crew._jobs, crew._fleet = [SimpleNamespace(name="ct-1"), 5], Fleet(say=said.append)
    crew._waiting, crew._losses = deque[int](), Counter[int]()
    for times in range(1, LOSSES):
        assert crew._lost(Seat(None, None, None, index=0, machine="a"), OSError()) is None
        assert list(crew._waiting) == [0] * times and len(said) == times
    assert said[0] == "the machine node-a was lost, or the connection to it; done again by another worker: ct-1"
    answer = crew._lost(Seat(None, None, None, index=0, machine="b"), OSError())
    assert answer is not None and isinstance(answer.error, WorkerDied) and "lost 3 times" in str(answer.error)
    # Another job's losses are its own, and it is done before those that were not begun.
    crew._waiting = deque([9])
    assert crew._lost(Seat(None, None, None, index=1, machine="b"), OSError()) is None and list(crew._waiting) == [1, 9]
    assert said[-1].endswith("done again by another worker: number 2")
