"""What the commands about jobs say and return, with a cluster that does what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.jobs.address import parse_address
from cluster.jobs.client import JobRecord, JobRequest, TakenIdError
from sweeps.cli import cluster_jobs
from tests.crash.fake_command import write_spec
from tests.promises.commands import refusal, said
from tests.results.ledger_factory import realistic

RUNNING = "running 2 trials, 2 at a time; logs in x\n"
MARK = "liversweep ended with exit code"
TIME = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


class FakeJobs:
    """A cluster's jobs in memory. `coming` is what becomes of a job, a look at a time."""

    def __init__(self, *known: JobRecord, log: str = "") -> None:
        self.address = parse_address("http://127.0.0.1:8265")
        self.known = {job.id: job for job in known}
        self.logs = dict.fromkeys(self.known, log)
        self.coming: list[tuple[JobRecord | str, str]] = []
        self.sent: list[JobRequest] = []
        self.stopped: list[str] = []
        self.interrupts = False
        self.taken = False

    def list(self) -> tuple[JobRecord, ...]:
        return tuple(self.known.values())

    def submit(self, request: JobRequest) -> None:
        if self.taken:
            raise TakenIdError("a job of that id is there already")
        assert request.working_dir.stat().st_size > 1000
        self.sent.append(request)
        self.known[request.id] = JobRecord(request.id, "pending", submitted=TIME, metadata=request.metadata)
        self.logs[request.id] = ""

    def get(self, job_id: str) -> JobRecord:
        if self.coming:
            state, log = self.coming.pop(0)
            record = self.known[job_id]
            self.known[job_id] = replace(record, state=state) if isinstance(state, str) else state
            self.logs[job_id] += log
        return self.known[job_id]

    def log(self, job_id: str) -> str:
        return self.logs[job_id]

    def follow(self, job_id: str) -> Iterator[str]:
        yield "first li"
        if self.interrupts:
            raise KeyboardInterrupt
        yield "ne\nsecond \x1b[31mline\nlast"

    def stop(self, job_id: str) -> bool:
        self.stopped.append(job_id)
        return True

    def wait(self, job_id: str, timeout_s: float) -> JobRecord:
        return self.get(job_id)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cluster_jobs, "_PAUSE_S", 0)
    write_spec(tmp_path, root="/shared/scans")
    return tmp_path


def give(monkeypatch: pytest.MonkeyPatch, jobs: FakeJobs) -> FakeJobs:
    monkeypatch.setattr(cluster_jobs, "connect", lambda *words: jobs)
    return jobs


def job(state: str = "running", code: int | None = None, **metadata: str) -> JobRecord:
    known = {"liversweep": "0.1.0", "sweep": "fake", "runs": "/nowhere", "attempt": "2"} | metadata
    return JobRecord("liversweep-fake-2", state, exit_code=code, submitted=TIME, metadata=known)


SUBMIT = ("cluster", "submit", "spec.yaml", "--runs", "/shared/runs")


def test_submit_waits_until_the_trials_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = give(monkeypatch, FakeJobs())
    jobs.coming = [("pending", ""), ("running", "5 cases\n"), ("running", RUNNING)]
    result = said(*SUBMIT, "--json", cwd=here)
    assert result.code == 0 and "fake is running; follow it" in result.err
    document = json.loads(result.out)
    (request,) = jobs.sent
    assert document["job"]["id"] == request.id == "liversweep-fake-1" and document["sent"]["data"] == "/shared/scans"
    assert dict(request.env_vars) == {"RAY_JOB_STOP_WAIT_TIME_S": "20", "PYTHONUNBUFFERED": "1"}


def test_submit_tells_why_a_job_ended_before_it_began(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = give(monkeypatch, FakeJobs())
    jobs.coming = [("pending", ""), ("failed", f"error: no scans\n{MARK} 2\n")]
    result = said(*SUBMIT, cwd=here)
    assert result.code == 2 and "\nerror: no scans\n" in result.err and "was refused" in result.err


def test_submit_does_not_wait_for_ever(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs())
    result = said(*SUBMIT, "--wait", "0.01", cwd=here)
    assert result.code == 0 and "still being prepared after 0.01 s" in result.err
    assert "still being prepared" not in said(*SUBMIT, "--name", "other", "--wait", "0", cwd=here).err


def test_two_that_submit_at_once_do_not_both_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs()).taken = True
    assert "at this moment; got liversweep-fake-1; look at it with" in refusal(said(*SUBMIT, cwd=here))


def test_following_ends_with_the_exit_code_of_the_sweep(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs(job("failed", 3)))
    result = said("cluster", "logs", "-f", "fake", cwd=here)
    assert result.code == 3 and "finished, with failed trials" in result.err
    assert result.out == "first line\nsecond \N{REPLACEMENT CHARACTER}[31mline\nlast\n"


def test_json_has_stdout_for_itself_while_the_log_is_followed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = give(monkeypatch, FakeJobs())
    jobs.coming = [("pending", ""), ("succeeded", f"{MARK} 0\n")]
    result = said(*SUBMIT, "--follow", "--json", cwd=here)
    assert result.code == 0 and "first line\n" in result.err
    assert json.loads(result.out)["job"]["verdict"] == "finished"


def test_ctrl_c_ends_the_looking_and_not_the_sweep(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = give(monkeypatch, FakeJobs(job()))
    jobs.interrupts = True
    result = said("cluster", "logs", "-f", "fake", cwd=here)
    assert result.code == 130 and "the sweep goes on" in result.err and jobs.stopped == []


@pytest.mark.parametrize(("mark", "code", "words"), [(f"{MARK} 130\n", 0, "closed cleanly"), ("", 1, "killed")])
def test_stop_says_what_came_of_it(
    mark: str, code: int, words: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = give(monkeypatch, FakeJobs(job()))
    jobs.coming = [("stopped", mark)]
    result = said("cluster", "stop", "fake", "--json", cwd=here)
    assert (result.code, jobs.stopped) == (code, ["liversweep-fake-2"]) and words in result.err
    assert words in json.loads(result.out)["job"]["verdict"]


def test_a_job_that_does_not_end_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs(job()))
    result = said("cluster", "stop", "fake", cwd=here)
    assert result.code == 1 and "does not end; got running" in result.err


def test_status_shows_trials_only_of_the_same_sweep(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the same name that lies on this machine may be another sweep's."""
    realistic(8, epochs=3).write(here / "runs" / "fake")
    runs, spec = str(here / "runs"), "ab" * 32
    give(monkeypatch, FakeJobs(job(runs=runs, spec=spec), log=RUNNING))
    shown = said("cluster", "status", "fake", cwd=here)
    assert "trials ended" in shown.out and "last lines" not in shown.out
    give(monkeypatch, FakeJobs(job(runs=runs, spec="another"), log=RUNNING))
    shown = said("cluster", "status", "fake", cwd=here)
    assert "trials ended" not in shown.out and shown.out.endswith("last lines of its log:\n" + RUNNING)


def test_list_names_states_and_counts_other_programs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs(JobRecord("raysubmit_x", "running"), job("failed", 3)))
    result = said("cluster", "list", cwd=here)
    assert (
        "liversweep-fake-2" in result.out
        and "finished, failed trials" in result.out
        and "2026-01-02 03:04" in result.out
    )
    assert "raysubmit_x" not in result.out and "and 1 jobs of other programs" in result.err
    assert json.loads(said("cluster", "list", "--json", cwd=here).out)["others"] == 1
    give(monkeypatch, FakeJobs())
    assert "begin one with" in said("cluster", "list", cwd=here).err


def test_hostile_names_of_others_cannot_steer_the_terminal(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, FakeJobs(job(sweep="\x1b]0;x", runs="\x1b[2J", attempt="\x1b"), log="\x1b[2Jboo\n"))
    for words in (("list",), ("list", "--json"), ("status", "liversweep-fake-2"), ("logs", "liversweep-fake-2")):
        result = said("cluster", *words, cwd=here)
        assert result.code == 0 and "\x1b" not in result.out + result.err
