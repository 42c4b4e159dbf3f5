"""The lease: never two, also when they start together, die, sleep, or lose the store."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from results.errors import LockedError, StoreError
from results.store.lease import FOLDER, Lease, LeaseTimes, holder, is_leased
from results.store.living import Identity, is_dead, own_identity
from results.store.location import open_store
from results.store.objects import Store
from tests.results.store.memory import Bucket, Client, Crash

STILL = LeaseTimes(beat_s=3600, pause_s=0)
HOLD = """
import sys
from results.store.lease import Lease
from results.store.location import open_store
with Lease(open_store(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def leases(bucket: Bucket) -> list[str]:
    return [key for key in bucket.objects if key.startswith(FOLDER)]


def of_another_machine(bucket: Bucket) -> None:
    """Make every lease in the bucket one of a process that cannot be asked whether it lives."""
    for key in leases(bucket):
        data, modified = bucket.objects[key]
        bucket.objects[key] = (json.dumps({**json.loads(data), "place": "elsewhere"}).encode(), modified)


class Clock:
    """One time for the store and for processes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def __call__(self) -> float:
        return self._bucket.seconds


@contextmanager
def other_driver(store: Store) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, store.uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


class TestLease:
    """In a bucket and in a folder."""

    def test_one_at_a_time(self, store: Store) -> None:
        assert not is_leased(store)
        with Lease(store) as lease:
            lease.check()
            assert lease.held
            assert is_leased(store)
            with pytest.raises(LockedError, match="another driver is at work"):
                Lease(store).acquire()
            lease.renew()
        assert not is_leased(store)
        assert store.list(FOLDER) == []
        with pytest.raises(LockedError, match="does not hold"):
            lease.check()
        with Lease(store):
            pass

    @pytest.mark.crash
    def test_another_process_is_named_and_its_death_is_noticed(self, store: Store) -> None:
        with other_driver(store) as child:
            found = holder(store)
            assert found is not None
            assert found.pid == child.pid
            with pytest.raises(LockedError, match=f"process {child.pid} on") as caught:
                Lease(store).acquire()
            assert "stop it first" in str(caught.value)
            child.kill()
            child.wait()
            assert not is_leased(store)
            with Lease(store):
                assert len(store.list(FOLDER)) == 1

    def test_of_some_that_start_together_one_or_none_gets_it(self, store: Store) -> None:
        for _ in range(4):
            start = threading.Barrier(3)

            def compete(start: threading.Barrier = start) -> Lease | None:
                lease = Lease(open_store(store.uri), times=LeaseTimes(pause_s=0.2))
                start.wait()
                try:
                    lease.acquire()
                except LockedError:
                    return None
                return lease

            with ThreadPoolExecutor(3) as pool:
                winners = [lease for lease in pool.map(lambda _: compete(), range(3)) if lease is not None]
            assert len(winners) <= 1
            for winner in winners:
                winner.check()
                winner.release()
            assert not is_leased(store)


def test_whoever_lists_second_sees_the_first() -> None:
    """The second takes all its steps between the first's writing and its listing: the first withdraws."""
    bucket = Bucket()
    second = Lease(Client(bucket).store(), times=STILL)

    class Interrupted(Client):
        def list(self, path: str, recursive: bool) -> list:  # type: ignore[type-arg]
            if not second.held:
                with pytest.raises(LockedError):
                    second.acquire()
            return super().list(path, recursive)

    first = Lease(Interrupted(bucket).store(), times=STILL)
    first.acquire()  # the second saw the first and withdrew
    assert first.held
    assert not second.held
    first.release()
    assert leases(bucket) == []


def test_a_lease_that_was_not_renewed_is_dead_after_a_minute_of_the_stores_clock() -> None:
    bucket = Bucket()
    first = Lease(Client(bucket).store(), times=STILL, clock=Clock(bucket))
    first.acquire()
    for seconds, dead in ((30, False), (59, False), (62, True)):
        bucket.seconds = seconds
        of_another_machine(bucket)
        assert is_leased(Client(bucket).store()) is not dead
        second = Lease(Client(bucket).store(), times=STILL, clock=Clock(bucket))
        if dead:
            second.acquire()
        else:
            with pytest.raises(LockedError):
                second.acquire()
    with pytest.raises(LockedError, match="no longer holds"):
        first.check()
    second.check()
    assert len(leases(bucket)) == 1


def test_a_holder_stops_before_others_may_begin() -> None:
    bucket = Bucket()
    lease = Lease(Client(bucket).store(), times=STILL, clock=Clock(bucket))
    lease.acquire()
    bucket.seconds = 44
    lease.renew()
    bucket.seconds = 88
    lease.check()
    bucket.seconds = 90
    with pytest.raises(LockedError):
        lease.check()
    with pytest.raises(LockedError):
        lease.renew()


def test_a_holder_who_was_taken_for_dead_learns_it_at_the_next_renewal() -> None:
    bucket = Bucket()
    lost: list[bool] = []
    clock = [0.0]
    first = Lease(Client(bucket).store(), times=STILL, clock=lambda: clock[0], on_lost=lambda: lost.append(True))
    first.acquire()
    bucket.seconds = 100  # its machine slept, and its clock with it
    of_another_machine(bucket)
    second = Lease(Client(bucket).store(), times=STILL, clock=Clock(bucket))
    second.acquire()
    with pytest.raises(LockedError, match="no longer holds"):
        first.renew()
    second.renew()
    assert len(leases(bucket)) == 1
    first.release()
    second.check()


def test_the_thread_renews_and_tells_of_the_loss() -> None:
    bucket = Bucket()
    lost = threading.Event()
    client = Client(bucket)
    times = LeaseTimes(beat_s=0.01, lost_s=0.5, stale_s=60)
    with Lease(client.store(), times=times, on_lost=lost.set) as lease:
        before = client.requests
        _until(lambda: client.requests > before + 6)
        lease.check()
        client.losing, client.lost = FOLDER, "refused"
        assert lost.wait(20)
        with pytest.raises(LockedError, match="no longer holds"):
            lease.check()


def test_a_death_at_every_point_of_taking_it_leaves_it_to_others_in_the_end() -> None:
    steps = 0
    while True:
        bucket = Bucket()
        dying = Lease(Client(bucket, steps=steps).store(), times=STILL, clock=Clock(bucket))
        try:
            dying.acquire()
            done = True
        except Crash:
            done = False
        bucket.seconds = 62
        of_another_machine(bucket)
        with Lease(Client(bucket).store(), times=STILL, clock=Clock(bucket)) as lease:
            lease.check()
            assert len(leases(bucket)) == 1
        if done:
            break
        steps += 1
    assert steps == 3


def test_a_store_that_answers_too_slowly_gives_no_lease() -> None:
    bucket = Bucket()

    class Slow(Client):
        def put(self, path: str, data: bytes) -> None:
            bucket.seconds += 30
            super().put(path, data)

    with pytest.raises(StoreError, match="too slowly"):
        Lease(Slow(bucket).store(), times=STILL, clock=Clock(bucket)).acquire()
    assert leases(bucket) == []


def test_nonsense_is_taken_for_a_holder_until_it_is_old() -> None:
    bucket = Bucket()
    store = Client(bucket).store()
    store.put(f"{FOLDER}/0000.json", b"nonsense")
    with pytest.raises(LockedError):
        Lease(store, times=STILL).acquire()
    assert is_leased(store)
    bucket.seconds = 62
    assert not is_leased(store)
    with Lease(store, times=STILL, clock=Clock(bucket)):
        assert len(leases(bucket)) == 1


def test_who_may_only_read_is_told_too() -> None:
    bucket = Bucket()
    client = Client(bucket)
    with Lease(client.store(), times=STILL):
        assert is_leased(Client(bucket, losing=FOLDER, lost="refused").store(), times=LeaseTimes(stale_s=1e12))


def test_only_processes_of_this_place_are_judged() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    child.wait()
    own = own_identity()
    assert not is_dead(own)
    assert is_dead(Identity(own.place, child.pid, 12345))
    assert is_dead(Identity(own.place, own.pid, own.born - 1))
    assert not is_dead(Identity("elsewhere", child.pid, 12345))
    assert not is_dead(Identity("", child.pid, 12345))
    assert not is_dead(Identity(own.place, child.pid, 0))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
