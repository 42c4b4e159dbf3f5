"""What keeps the driver from going on is kept past whatever Tune makes of it."""

from __future__ import annotations

import pickle

import pytest

from results.errors import LedgerError
from sweeps.errors import SweepError
from sweeps.executor.adapter import Adapter, Failing


class Secretive(Adapter):
    def __init__(self) -> None:
        self.driver = lambda: None


def test_an_adapter_leaves_nothing_on_disk() -> None:
    assert vars(pickle.loads(pickle.dumps(Secretive()))) == {}


@pytest.mark.parametrize("error", [LedgerError("no room"), SweepError("no best trial"), OSError(28, "full")])
def test_the_first_error_ends_the_loop_and_is_the_one_that_is_told(error: Exception) -> None:
    failing = Failing()
    with failing.guarded():
        pass
    assert failing.error is None
    for raised in (error, OSError("on the way out")):
        with pytest.raises(KeyboardInterrupt), failing.guarded():
            raise raised
    assert failing.error is error


def test_a_mistake_of_the_programs_own_is_raised_as_it_is() -> None:
    failing = Failing()
    with pytest.raises(KeyError), failing.guarded():
        raise KeyError("uid")
    assert failing.error is None
