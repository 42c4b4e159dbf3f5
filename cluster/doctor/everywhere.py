"""The same question to every machine of the Ray that this process is connected to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

ANSWER_S = 120.0
"""How long a machine may take: a worker starts, and imports what the question needs."""
_CLOCK_ROUNDS = 3
_ID_DIGITS = 6
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Node:
    """A living machine of the cluster.

    Attributes:
        id: Ray's own, hex.
        label: what to call it: its host name, with the beginning of the id where two have the same.
        resources: what Ray counts there: `CPU`, `GPU`, `memory` and `object_store_memory` in bytes.
    """

    id: str
    label: str
    address: str
    resources: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a machine said: a value, or why there is none."""

    node: Node
    value: T | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a machine's clock is ahead of ours, and how wrong that may be: half the way there and back."""

    offset_s: float
    uncertainty_s: float


def living_nodes() -> tuple[Node, ...]:
    """Every machine that is up, sorted by label."""
    import ray

    found = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return named(found)


def named(found: Sequence[Mapping[str, Any]]) -> tuple[Node, ...]:
    """Ray's list of machines with a label each, no label twice."""
    hosts = Counter(node["NodeManagerHostname"] for node in found)
    nodes = []
    for item in found:
        host, name = item["NodeManagerHostname"], item["NodeID"]
        label = host if hosts[host] == 1 else f"{host}-{name[:_ID_DIGITS]}"
        nodes.append(Node(name, label, item["NodeManagerAddress"], dict(item["Resources"])))
    return tuple(sorted(nodes, key=lambda node: node.label))


def ask_all(
    nodes: Sequence[Node], function: Callable[..., T], *arguments: Any, timeout_s: float = ANSWER_S
) -> tuple[Answer[T], ...]:
    """Call `function(*arguments)` once on each machine, busy or not; a machine that fails does not keep the others' answers.

    The function is one of an installed module, so that machines without our code say so.
    """
    return ask_each([(node, arguments) for node in nodes], function, timeout_s=timeout_s)


def ask_each(
    questions: Sequence[tuple[Node, tuple[Any, ...]]], function: Callable[..., T], *, timeout_s: float = ANSWER_S
) -> tuple[Answer[T], ...]:
    """As `ask_all`, with arguments of its own for each machine."""
    import ray

    asked = {node.id: _asked(node, function).remote(*arguments) for node, arguments in questions}
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=timeout_s)
    return tuple(_answer(node, asked[node.id], timeout_s) for node, _ in questions)


def clocks(nodes: Sequence[Node]) -> dict[str, Clock]:
    """Each machine's clock against ours by label; machines that do not answer are left out."""
    found = {}
    for node in nodes:
        rounds = [clock for _ in range(_CLOCK_ROUNDS) if (clock := _clock(node)) is not None]
        if rounds:
            found[node.label] = min(rounds, key=lambda clock: clock.uncertainty_s)
    return found


def now() -> float:
    """Worker side: seconds since 1970, by the clock of the machine this runs on."""
    return time.time()


def _clock(node: Node) -> Clock | None:
    start = time.time()
    (answer,) = ask_all([node], now)
    end = time.time()
    if answer.value is None:
        return None
    return Clock(answer.value - (start + end) / 2, (end - start) / 2)


def _asked(node: Node, function: Callable[..., Any]) -> Any:
    """The function as a task that takes no slot, so that it also runs where all are taken, or where there are none."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task: Any = ray.remote(num_cpus=0, max_retries=0)(function)
    return task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False))


def _answer(node: Node, ref: Any, timeout_s: float) -> Answer[Any]:
    import ray
    from ray.exceptions import GetTimeoutError, RayError, RayTaskError

    try:
        return Answer(node, ray.get(ref, timeout=0))
    except GetTimeoutError:
        ray.cancel(ref, force=True)
        return Answer(node, error=f"no answer within {timeout_s:.0f} s")
    except RayTaskError as error:
        cause: object = getattr(error, "cause", error)
        return Answer(node, error=_line(cause))
    except RayError as error:
        return Answer(node, error=_line(error))


def _line(error: object) -> str:
    text = " ".join(str(error).split())[:_SHOWN_CHARACTERS]
    return f"{type(error).__name__}: {text}"
