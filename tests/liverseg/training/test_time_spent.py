from __future__ import annotations

from liverseg.training.time_spent import TimeSpent


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_attempt_counts_from_its_beginning_and_all_of_them_without_what_lay_between():
    clock = Clock()
    spent = TimeSpent(clock)
    clock.now += 3.0
    assert (spent.attempt_s, spent.all_s, spent.now()) == (3.0, 3.0, 103.0)
    clock.now += 50.0
    spent.go_on(3.0)
    assert (spent.attempt_s, spent.all_s) == (0.0, 3.0)
    clock.now += 2.0
    assert (spent.attempt_s, spent.all_s) == (2.0, 5.0)
