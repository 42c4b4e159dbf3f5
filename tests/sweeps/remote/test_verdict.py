"""How a job ended, whatever Ray has forgotten of it."""

from __future__ import annotations

import pytest

from cluster.jobs.client import JobRecord
from sweeps.errors import SweepError
from sweeps.remote.verdict import error_lines, exit_code, started, verdict

LOG = """\
2026-11-23 16:01:50,463 INFO job_manager.py:581 -- Runtime env is setting up.
Running entrypoint for job liversweep-real-3: trap : TERM; here=$PWD; … echo "liversweep ended with exit code $code"; exit $code
5 cases; patients: 3 train, 2 validation, 0 test
running 2 trials, 2 at a time; logs in /shared/runs/real/trials
interrupted; nothing is lost, go on with: liversweep resume real
liversweep ended with exit code 130
"""


@pytest.mark.parametrize(
    ("state", "told", "log", "code", "clean", "words"),
    [
        ("succeeded", 0, "", 0, True, "finished"),
        ("failed", 3, "", 3, True, "failed trials"),
        ("failed", 2, "", 2, True, "refused"),
        ("failed", 1, "", 1, False, "error"),
        ("failed", 127, "", 127, False, "--python PATH"),
        ("failed", 77, "", 77, False, "exit code 77"),
        ("stopped", None, LOG, 130, True, "closed cleanly"),
        ("stopped", None, LOG.replace("130", "0"), 0, True, "finished"),
        ("stopped", None, LOG.replace("130", "143"), 143, False, "before it had begun"),
        ("stopped", None, LOG[: LOG.index("liversweep ended with exit code 130")], 1, False, "killed"),
        ("stopped", None, "", 1, False, "killed"),
        ("failed", None, LOG[:100], 1, False, "why it died"),
    ],
)
def test_verdicts(state: str, told: int | None, log: str, code: int, clean: bool, words: str) -> None:
    found = verdict(JobRecord("j", state, message="Traceback\nwhy it died\n", exit_code=told), log)
    assert (found.code, found.clean) == (code, clean) and words in found.words


def test_a_job_that_goes_on_has_none() -> None:
    with pytest.raises(SweepError, match="not over"):
        verdict(JobRecord("j", "running"), LOG)


def test_only_a_whole_line_of_the_shell_is_an_exit_code() -> None:
    assert exit_code(LOG) == 130
    assert exit_code('… echo "liversweep ended with exit code 3"; exit\n') is None
    assert exit_code("liversweep ended with exit code 3\nmore\nliversweep ended with exit code 0") == 0


def test_trials_that_run_are_a_sign_of_checks_that_passed() -> None:
    assert started(LOG)
    assert not started(LOG[: LOG.index("running 2 trials")])


def test_the_reason_of_a_failure_is_its_last_error_and_what_follows() -> None:
    log = (
        "error: old\nfine\nerror: sweep x cannot go on:\n  train.epochs: 30 → 2\n\nliversweep ended with exit code 2\n"
    )
    assert error_lines(log) == ["error: sweep x cannot go on:", "  train.epochs: 30 → 2"]
    assert error_lines("/bin/sh: 1: python: not found\nliversweep ended with exit code 127\n") == [
        "/bin/sh: 1: python: not found"
    ]
    assert "Running entrypoint" not in " ".join(error_lines(LOG)) and error_lines("") == []
