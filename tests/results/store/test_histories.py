"""Whatever drivers do, die of or learn too late: what is read is exactly what was appended, in order, each once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from results.errors import LedgerError
from results.ledger import read_events
from results.store import segments
from results.store.copies import fetch_ledger
from results.store.layout import Claim, Layout, Segment, layout_of
from results.store.segments import StoredLedger, read_stored_events
from tests.results.store.memory import Bucket, Client, Crash

_FAN = 3
_merger_of = segments.merger_of


@pytest.fixture(autouse=True)
def small_fan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are put together all the time."""
    monkeypatch.setattr(segments, "merger_of", lambda *a: _merger_of(*a, fan=_FAN))
    monkeypatch.setattr("results.store.runs._PAUSE_S", 0)
    monkeypatch.setattr("results.store.reading._PAUSE_S", 0)


class Driver:
    """A process: its view of the bucket, its mirror, its ledger."""

    def __init__(self, bucket: Bucket, root: Path, *, new: bool = False) -> None:
        self.client = Client(bucket)
        self.folder = Path(tempfile.mkdtemp(dir=root))
        make = StoredLedger.create if new else StoredLedger.open
        self.ledger = make(self.client.store(), self.folder / "ledger.jsonl")

    def die(self) -> None:
        """Without another word to the store."""
        self.client.steps = 0
        self.ledger.close()


class Histories(RuleBasedStateMachine):
    """One bucket, one youngest driver, any number of older ones that do not know it."""

    def __init__(self) -> None:
        super().__init__()
        self._scratch = tempfile.TemporaryDirectory()
        self.root = Path(self._scratch.name)
        self.bucket = Bucket()
        self.reader = self.root / "reader.jsonl"
        self.history: list[int] = []
        self.count = 0
        self.zombies: list[Driver] = []
        self.driver: Driver | None = None

    def number(self) -> int:
        self.count += 1
        return self.count

    def read(self) -> list[int]:
        return [event.payload["n"] for event in read_stored_events(Client(self.bucket).store())]

    @initialize()
    def begin(self) -> None:
        self.driver = Driver(self.bucket, self.root, new=True)
        self.history.append(self.number())
        self.driver.ledger.append("e", n=self.history[-1])

    @rule()
    def another_driver_opens(self) -> None:
        if self.driver is not None:
            self.zombies.append(self.driver)
        self.driver = Driver(self.bucket, self.root)
        assert self.driver.ledger.seq == len(self.history)

    @precondition(lambda self: self.driver)
    @rule(times=st.integers(1, 5))
    def append(self, times: int) -> None:
        assert self.driver
        for _ in range(times):
            n = self.number()
            self.driver.ledger.append("e", n=n)
            self.history.append(n)

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), times=st.integers(1, 4))
    def an_older_driver_goes_on(self, data: st.DataObject, times: int) -> None:
        zombie = data.draw(st.sampled_from(self.zombies))
        for _ in range(times):
            zombie.ledger.append("e", n=-self.number())

    @precondition(lambda self: self.driver)
    @rule(steps=st.integers(0, 9))
    def the_driver_dies_at_work(self, steps: int) -> None:
        """At any of its requests, also of those that put lines together."""
        assert self.driver
        self.driver.client.steps = steps
        try:
            while True:
                n = self.number()
                self.driver.ledger.append("e", n=n)
                self.history.append(n)
        except Crash:
            found = self.read()
            assert found in (self.history, [*self.history, n])
            self.history = found
        self.driver.die()
        self.driver = None

    @rule(steps=st.integers(0, 5))
    def a_driver_dies_while_it_opens(self, steps: int) -> None:
        client = Client(self.bucket, steps=steps)
        folder = Path(tempfile.mkdtemp(dir=self.root))
        try:
            ledger = StoredLedger.open(client.store(), folder / "ledger.jsonl")
        except Crash:
            ledger = None
        if ledger is not None:
            client.steps = 0
            ledger.close()
        self.another_driver_opens()  # it may have begun a run, or not: only the next one is surely the youngest

    @precondition(lambda self: self.driver)
    @rule(lost=st.sampled_from(["stored", "refused", "late"]))
    def an_answer_is_lost(self, lost: str) -> None:
        assert self.driver
        client = self.driver.client
        client.losing, client.lost = f"-{len(self.history) + 1:010d}.jsonl", lost
        with pytest.raises(LedgerError):
            self.driver.ledger.append("e", n=-self.number())
        client.losing = ""

    @rule()
    def what_was_late_arrives(self) -> None:
        self.bucket.deliver()

    @rule()
    def somebody_reads(self) -> None:
        fetch_ledger(Client(self.bucket).store(), self.reader)
        assert [event.payload["n"] for event in read_events(self.reader)] == self.history

    @invariant()
    def the_history_is_exact(self) -> None:
        if self.history:
            assert self.read() == self.history

    def teardown(self) -> None:
        for driver in [*self.zombies, *([self.driver] if self.driver else [])]:
            driver.die()
        self._scratch.cleanup()


_SETTINGS = settings(
    max_examples=15, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestHistories = Histories.TestCase
TestHistories.settings = _SETTINGS


def test_a_death_at_every_point_of_putting_together(tmp_path: Path) -> None:
    """A fixed history; the driver dies at each of its requests in turn. What a reader sees never shrinks and has no holes."""
    steps = 0
    while True:
        bucket = Bucket()
        root = tmp_path / str(steps)
        root.mkdir()
        driver = Driver(bucket, root, new=True)
        driver.client.steps = steps
        done = 0
        try:
            for n in range(1, 30):
                driver.ledger.append("e", n=n)
                done = n
        except Crash:
            found = (
                [event.payload["n"] for event in read_stored_events(Client(bucket).store())] if bucket.objects else []
            )
            assert found in (list(range(1, done + 1)), list(range(1, done + 2)))
        driver.die()
        after = Driver(bucket, root)
        assert after.ledger.seq in (done, done + 1)
        for n in range(after.ledger.seq + 1, 35):
            after.ledger.append("e", n=n)
        after.die()
        assert [event.payload["n"] for event in read_stored_events(Client(bucket).store())] == list(range(1, 35))
        if done == 29:
            break
        steps += 1
    assert steps > 60


@given(st.data())
@settings(max_examples=150, derandomize=True)
def test_a_plan_takes_each_line_once(data: st.DataObject) -> None:
    """Whatever segments there are: lines follow each other, and none is taken from a run that was overtaken."""
    runs = data.draw(st.integers(1, 4))
    claims = tuple(Claim(run, data.draw(st.integers(1, 12)), "00000000") for run in range(1, runs + 1))
    ranges = st.tuples(st.integers(1, runs), st.integers(1, 15), st.integers(0, 5))
    parts = tuple({Segment(run, first, first + more) for run, first, more in data.draw(st.lists(ranges, max_size=25))})
    layout = Layout(claims, parts)
    assert layout_of([claim.key for claim in claims] + [part.key for part in parts]) == Layout(
        tuple(sorted(claims)), parts
    )
    after = data.draw(st.integers(0, 10))
    line = after
    for piece in layout.pieces(after):
        assert piece.first == line + 1
        assert piece.segment.first <= piece.first <= piece.last <= piece.segment.last
        assert all(first > piece.last for run, first in layout.fences.items() if run > piece.segment.run)
        line = piece.last
    spare = layout.spare(layout.pieces(0))
    rest = Layout(claims, tuple(part for part in parts if part not in spare))
    reached = layout.pieces(0)[-1].last if layout.pieces(0) else 0
    assert (rest.pieces(0)[-1].last if rest.pieces(0) else 0) >= min(reached, 1)
