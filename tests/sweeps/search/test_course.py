"""A search's course through its stages, driven by hand: what is left, what is missing, and who proposes."""

from __future__ import annotations

import pytest

from sweeps.search.course import Course
from sweeps.search.plan import Best, Stage
from sweeps.search.proposer import Proposer
from sweeps.spec.space import Space
from tests.sweeps.search.test_driver import RATE, dimension, plan
from tests.sweeps.search.test_standing import stage

RATES = Space("search", (("unet", (RATE,)),))
SIZES = Space("search", (("unet", (dimension("batch_size", 8, 16, 32),)), ("segnet", (dimension("size", 64, 96),))))


def take(course: Course, trials: int) -> None:
    """As many trials of the present stage."""
    for number in range(trials):
        proposal = course.proposer.ask(number, course.epochs)
        course.taken()
        course.note(proposal, proposal.epochs)


def test_a_stage_is_opened_when_its_proposer_is_asked_for_and_from_the_best_of_then() -> None:
    given: list[Best | None] = []

    def opened(best: Best | None) -> Proposer:
        given.append(best)
        return Proposer(RATES, plan(sampler="random"))

    course = Course([Stage("empty", 0, opened), Stage("search", 2, opened)], 4)
    assert course.more == 0 and course.left == 2 and not course.used_up and not given
    course.best = Best("t0", "unet", {}, 0.7)
    course.advance()
    assert course.at_last and course.proposer is course.proposer and given == [course.best]
    with pytest.raises(IndexError):
        course.advance()
    assert course.stage.name == "search" and course.more == 2, "nothing has changed by that"


def test_a_space_with_fewer_sets_than_trials_is_used_up_and_says_how_many_are_missing() -> None:
    course = Course([stage(SIZES, sampler="random", trials=7), stage(RATES, trials=3)], 4)
    assert course.more == 5 and course.left == 5 + 3
    take(course, 5)
    assert course.missing == {"search": 2} and not course.used_up, "there is another stage"
    course.advance()
    assert course.missing == {"search": 2} and course.left == 3


def test_other_epochs_make_other_trainings_of_the_same_sets() -> None:
    course = Course([stage(SIZES, sampler="random", trials=7)], 4)
    take(course, 5)
    assert course.used_up
    course.extend(4, 8)
    assert (course.epochs, course.more, course.used_up) == (8, 4, False)
    assert course.missing == {"search": 2}, "the two of before are not asked for once more"


def test_more_trials_are_the_last_stages_wherever_the_search_is() -> None:
    course = Course([stage(RATES, trials=2), stage(RATES, trials=1)], 4)
    course.extend(3, None)
    assert (course.more, course.left, course.epochs) == (2, 2 + 1 + 3, 4)
    course.advance()
    course.extend(1, None)
    assert course.more == course.left == 5


def test_another_way_of_proposing_is_at_once_that_of_a_last_stage_that_has_begun() -> None:
    course = Course([stage(RATES, trials=2), stage(RATES, trials=3)], 4)
    other = stage(SIZES, sampler="random", trials=9)
    assert course.replace_last(other) is None and course.proposer.space is RATES
    course.advance()
    assert course.proposer.space is SIZES and course.more == 3, "as many trials as before"
    take(course, 2)
    assert course.replace_last(other) is course.proposer
    assert course.proposer.sets_left(4) == 3, "the new one knows which sets were proposed"


@pytest.mark.parametrize(
    ("trials", "used", "added", "missing"), [(5, 0, 0, 0), (5, 5, 0, 0), (5, 5, 2, 2), (3, 1, 2, 0), (3, 1, 3, 1)]
)
def test_missing_points_of_the_present_grid(trials: int, used: int, added: int, missing: int) -> None:
    course = Course([stage(SIZES, sampler="grid", trials=trials)], 4)
    take(course, used)
    course.extend(added, None)
    assert course.missing_points(0, 5) == missing


def test_missing_points_of_other_stages_and_of_no_grid() -> None:
    grid = stage(Space("fine", SIZES.members), sampler="grid", trials=5)
    course = Course([stage(trials=2), grid], 4)
    assert course.missing_points(0, None) == 0 == course.missing_points(1, 5)
    course.extend(4, None)
    assert course.missing_points(1, 5) == 4
    take(course, 2)
    course.advance()
    assert course.missing_points(0, 1) == 0, "a stage that is over misses nothing"
    assert course.missing_points(1, 5) == 4
