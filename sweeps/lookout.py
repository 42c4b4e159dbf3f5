"""Looks after the machines while a fleet works on Ray: whether there are any, whether the head answers, who waits for room.

Ray itself waits for ever for room that nobody gives, and ends a process whose head is gone without a reason.
"""

from __future__ import annotations

import time

from cluster.errors import ClusterError
from cluster.nodes import head_answers
from sweeps.fleet import Fleet
from sweeps.room import room_on_ray, waiting_text

LOOK_S = 1.0
"""Between two looks."""
WAIT_S = 8.0
"""After so long without room for a worker it is said what is waited for."""


class Lookout:
    """What is said is said once for as long as it lasts. Use it connected to the fleet's Ray.

    Args:
        fleet: what its workers need, and whom to tell.
        jobs: how many there are in all.
    """

    def __init__(self, fleet: Fleet, jobs: int) -> None:
        self._fleet, self._jobs = fleet, jobs
        self._looked, self._told_of_wait, self._told_of_head = time.monotonic(), False, False

    @property
    def due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() - self._looked >= LOOK_S

    def look(self, left: int) -> bool:
        """Whether the head answers.

        Args:
            left: jobs that are not done.

        Raises:
            ClusterError: no machine has room for a worker, even if nothing else ran on it.
        """
        self._looked = time.monotonic()
        if not self._head_answers():
            return False
        if not room_on_ray(self._fleet):
            raise ClusterError(
                f"all machines with room for a worker are lost; {left} of {self._jobs} were not done; start "
                "machines again, or leave --address out, and give the same command again"
            )
        return True

    def tell_of_wait(self, waiting: int, others: int) -> None:
        """Say that workers have waited for room longer than `WAIT_S`.

        Args:
            waiting: how many; 0 when none does, or not any more.
            others: workers that have room.
        """
        import ray

        if waiting and not self._told_of_wait:
            free = ray.available_resources()  # type: ignore[no-untyped-call]
            self._fleet.say(waiting_text(waiting, others, self._fleet, free))
        self._told_of_wait = bool(waiting)

    def _head_answers(self) -> bool:
        answers = head_answers()
        if not answers and not self._told_of_head:
            self._fleet.say(
                "Ray's head does not answer; Ray ends this command about a minute after it was lost, if it is not done before; "
                "then start the cluster again and give the same command again"
            )
        self._told_of_head = not answers
        return answers
