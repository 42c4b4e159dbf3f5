"""Signals: the first asks, the second leaves at once, and patience has an end. Each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.crash.processes import ROOT

BEGINNING = """
import os, signal, sys, time
from sweeps import interrupt
from sweeps.interrupt import Interrupts

def say(*words):
    print(*words, flush=True)

def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)

def wait(seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)
    say("nothing came")

def abandon():
    say("abandoned")

def ask():
    say("asked")
"""


def said(script: str, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of a script."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_first_signal_asks_and_goes_on(number: str) -> None:
    script = """
        with Interrupts(abandon, say) as interrupts, interrupts.softly(ask):
            send(signal.Signals[sys.argv[1]])
            say("goes on", signal.getitimer(signal.ITIMER_REAL)[0] > 0)
        say("over", signal.getitimer(signal.ITIMER_REAL)[0])
    """
    code, lines = said(script, number)
    assert code == 0
    assert lines[0].startswith("stopping: trials save their state") and lines[1:] == [
        "asked",
        "goes on True",
        "over 0.0",
    ]


def test_before_the_first_trial_it_ends_the_command() -> None:
    script = """
        try:
            with Interrupts(abandon, say):
                send()
                wait()
        except KeyboardInterrupt:
            say("ended")
    """
    assert said(script) == (0, ["ended"])


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM"])
def test_a_second_signal_leaves_at_once(first: str, second: str) -> None:
    script = """
        with Interrupts(abandon) as interrupts, interrupts.softly(ask):
            try:
                send(signal.Signals[sys.argv[1]])
                send(signal.Signals[sys.argv[2]])
                wait()
            finally:
                say("tidied up, which takes time")
    """
    assert said(script, first, second) == (130, ["asked", "abandoned"])


def test_so_does_one_after_the_trials_have_ended() -> None:
    script = """
        with Interrupts(abandon) as interrupts:
            with interrupts.softly(ask):
                send()
            send()
            wait()
    """
    assert said(script) == (130, ["asked", "abandoned"])


def test_when_the_grace_is_over_the_trials_are_left() -> None:
    script = """
        interrupt.GRACE_S = 0.1
        try:
            with Interrupts(abandon) as interrupts, interrupts.softly(ask):
                send()
                wait()
        except KeyboardInterrupt:
            say("left", signal.getitimer(signal.ITIMER_REAL)[0])
    """
    assert said(script) == (0, ["asked", "left 0.0"])


def test_somebody_elses_request_is_a_first_signal_and_never_a_second() -> None:
    script = """
        with Interrupts(abandon) as interrupts, interrupts.softly(ask):
            interrupts.request()
            interrupts.request()
            say("goes on")
            send()
            wait()
    """
    assert said(script) == (130, ["asked", "goes on", "abandoned"])


def test_a_signal_that_a_library_swallowed_is_noticed() -> None:
    script = """
        with Interrupts(abandon) as interrupts:
            try:
                send()
            except KeyboardInterrupt:
                say("swallowed")
            for look in (interrupts.check, interrupts.softly(ask).__enter__):
                try:
                    look()
                except KeyboardInterrupt:
                    say("noticed")
    """
    assert said(script) == (0, ["swallowed", "noticed", "noticed"])


def test_handlers_that_a_library_puts_in_are_replaced_and_those_of_before_come_back() -> None:
    script = """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
        for number in numbers:
            signal.signal(number, lambda *_: say("of before"))
        with Interrupts(abandon) as interrupts:
            signal.signal(signal.SIGTERM, lambda *_: say("of a library"))
            interrupts.install()
            with interrupts.softly(ask):
                send()
        for number in numbers:
            send(number)
    """
    assert said(script) == (0, ["asked", "of before", "of before", "of before"])


def test_an_event_and_what_follows_from_it_are_never_torn_apart(tmp_path: Path) -> None:
    """Patience ends while the driver waits for the disk: event, search and ledger must agree, or no resume can read it."""
    script = """
        from pathlib import Path
        from results.fold import fold
        from results.ledger import read_events
        from tests.crash.forked import OBJECTIVES, sweep_event, stage
        from tests.sweeps.fakes import make_driver
        driver = make_driver(Path(sys.argv[1]), [stage(1)])
        driver.ledger.append("sweep", **sweep_event())
        real, interrupt.GRACE_S = os.fsync, 30.0
        def slow(descriptor):
            real(descriptor)
            if os.readlink(f"/proc/self/fd/{descriptor}").endswith("ledger.jsonl"):
                signal.raise_signal(signal.SIGALRM)
        try:
            with Interrupts(abandon) as interrupts, interrupts.softly(ask):
                send()
                os.fsync = slow
                proposal = driver.next()
                say("whole", proposal.uid in driver.running)
                os.fsync = real
                wait()
        except KeyboardInterrupt:
            say("left")
        driver.interrupted = True
        driver.close()
        say([event.name for event in read_events(driver.folder.ledger)])
        say([trial.state for trial in fold(read_events(driver.folder.ledger)).trials])
    """
    code, lines = said(script, str(tmp_path))
    assert (code, lines) == (
        0,
        ["asked", "whole True", "left", "['sweep', 'suggested', 'stopped', 'closed']", "['stopped']"],
    )
