"""The actor that does a fleet's jobs: a worker in a process of its own, on whatever machine there is room."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from sweeps.fleet import Answer, answered, make_worker, portable


@dataclass(frozen=True, slots=True)
class Reply:
    """What an actor sends back: the answer, and what it had to tell that was not fetched yet."""

    answer: Answer
    messages: tuple[Any, ...]


class Hand:
    """The actor: a worker in a process of its own."""

    def __init__(self) -> None:
        self._worker: Any = None
        self._messages: list[Any] = []
        self._lock = threading.Lock()

    def place(self) -> str:
        """Ray's id of the machine that this is on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def begin(self, worker: str, argument: Any) -> Exception | None:
        """Make the worker; the error where it cannot be made."""
        from sweeps.imports import quick_imports

        try:
            with quick_imports("matplotlib"):
                self._worker = make_worker(worker, argument)
        except Exception as error:
            return portable(error)
        return None

    def work(self, index: int, job: Any) -> Reply:
        """Do one job."""
        answer = answered(self._worker, index, job, self._tell)
        if answer.error is not None:
            answer = Answer(index, error=portable(answer.error))
        return Reply(answer, self.messages())

    def messages(self) -> tuple[Any, ...]:
        """What was told since the last call."""
        with self._lock:
            found, self._messages = tuple(self._messages), []
        return found

    def _tell(self, message: Any) -> None:
        with self._lock:
            self._messages.append(message)
