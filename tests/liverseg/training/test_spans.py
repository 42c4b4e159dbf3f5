"""Spans add up to the whole, whatever lies within what; the first step and prediction of a network are tracing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.training.network import CompiledNetwork
from liverseg.training.spans import TRACING, Stopwatch, running_stopwatch, span


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_within_counts_for_the_inner_span_alone() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    with stopwatch.running("training"):
        clock.now += 1
        with span("validation"):
            clock.now += 10
            with span("tracing"):
                clock.now += 100
            clock.now += 10
        clock.now += 1
        assert stopwatch.seconds == {"training": 2.0, "validation": 20.0, "tracing": 100.0}
        clock.now += 5
    clock.now += 1000  # nobody's
    assert stopwatch.seconds == {"training": 7.0, "validation": 20.0, "tracing": 100.0}


TREES = st.recursive(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.just(())),
    lambda inner: st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=12,
)


@given(TREES)
def test_spans_add_up_to_the_whole(tree: tuple[str, int, Any]) -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)

    def walk(node: tuple[str, int, Any]) -> None:
        name, seconds, inner = node
        with span(name):
            clock.now += seconds
            for child in inner:
                walk(child)

    with stopwatch.running("rest"):
        walk(tree)
        clock.now += 1
    assert sum(stopwatch.seconds.values()) == clock.now
    assert stopwatch.seconds["rest"] == 1


def test_an_error_leaves_no_span_open() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    with stopwatch.running("a"):
        with pytest.raises(ValueError), span("b"):
            clock.now += 1
            raise ValueError
        clock.now += 3
    assert stopwatch.seconds == {"a": 3.0, "b": 1.0}
    assert running_stopwatch() is None


def test_without_a_stopwatch_and_in_another_thread_a_span_is_nothing() -> None:
    with span("a"):
        pass
    stopwatch, seen = Stopwatch(), []
    with stopwatch.running("a"):
        thread = threading.Thread(target=lambda: seen.append(running_stopwatch()))
        thread.start()
        thread.join()
    assert seen == [None]


class Model(SimpleNamespace):
    """A model whose every call takes ten seconds."""

    trainable_variables = variables = ()

    def compile(self, optimizer: Any, **_: Any) -> None:
        self.optimizer = optimizer

    def train_on_batch(self, images: Any, masks: Any) -> float:
        self.clock.now += 10
        return 0.5

    def predict_on_batch(self, images: Any) -> Any:
        self.clock.now += 10
        return images


@contextmanager
def booked(stopwatch: Stopwatch, clock: Clock) -> Iterator[dict[str, float]]:
    """What a block adds, by name."""
    before, found = stopwatch.seconds, dict[str, float]()
    yield found
    found |= {name: now - before.get(name, 0) for name, now in stopwatch.seconds.items() if now > before.get(name, 0)}


def test_the_first_step_and_the_first_prediction_of_a_network_are_tracing() -> None:
    clock = Clock()
    stopwatch, arrays = Stopwatch(clock), np.zeros((1, 4, 4, 1), np.float32)
    network = CompiledNetwork(Model(clock=clock), None, SimpleNamespace(build=lambda variables: None))
    with stopwatch.running("training"):
        for expected in (TRACING, "training", "training"):
            with booked(stopwatch, clock) as found:
                network.train(arrays, arrays, 0.1)
            assert found == {expected: 10.0}
        with span("validation"):
            for expected in (TRACING, "validation"):
                with booked(stopwatch, clock) as found:
                    network.predict(arrays)
                assert found == {expected: 10.0}
