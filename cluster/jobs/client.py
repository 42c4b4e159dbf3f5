"""Ray's Jobs server, through its SDK: submit, look, read the log, stop. No type of Ray leaves this file.

The SDK has habits that are put right here: RAY_ADDRESS overrides the address it is given, a proxy of the environment is
used for loopback too, and a log that is followed ends when the connection does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.jobs.address import JobsAddress
from cluster.jobs.probe import Server, check_versions, probe

PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED = "pending", "running", "stopped", "succeeded", "failed"
ENDED = frozenset({STOPPED, SUCCEEDED, FAILED})
_OVERRIDES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
_PAUSE_S = 0.5
_RETRIES = 20


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to be submitted.

    Attributes:
        id: unique on the cluster.
        entrypoint: a shell command, run on the head in the unpacked `working_dir`.
        working_dir: a zip file.
        env_vars: for the driver and every worker; stored on the cluster readable by all its users, so never a secret.
        metadata: kept with the job.
    """

    id: str
    entrypoint: str
    working_dir: Path
    env_vars: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A submitted job as the server knows it.

    Attributes:
        state: `pending`, `running`, `stopped`, `succeeded` or `failed`.
        message: Ray's own words about the state.
        exit_code: of the entrypoint; None while it runs, and when the job was stopped.
        submitted, ended: UTC; None where unknown, or not yet.
    """

    id: str
    state: str
    message: str = ""
    exit_code: int | None = None
    submitted: datetime | None = None
    ended: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


class UnknownJobError(ClusterError):
    """The server knows no job of that id."""


class TakenIdError(ClusterError):
    """A job of that id is there already."""


class Jobs:
    """The jobs of one cluster. Made by `connect_jobs`.

    Every method raises ClusterError when the server cannot be reached or refuses.
    """

    def __init__(self, address: JobsAddress, server: Server, client: Any) -> None:
        self.address, self.server, self._client = address, server, client

    def submit(self, request: JobRequest) -> None:
        """Hand over a job with its working folder; returns once the server has taken it.

        Raises:
            TakenIdError: a job of that id is there already.
        """
        runtime_env = {"working_dir": str(request.working_dir), "env_vars": dict(request.env_vars)}
        with self._asking(f"the job {request.id} was not taken"):
            self._client.submit_job(
                entrypoint=request.entrypoint,
                submission_id=request.id,
                runtime_env=runtime_env,
                metadata=dict(request.metadata),
            )

    def list(self) -> tuple[JobRecord, ...]:
        """Submitted jobs, everybody's, the oldest first."""
        with self._asking("the jobs could not be listed"):
            found = self._client.list_jobs()
        records = [_record(job) for job in found if job.submission_id]
        return tuple(sorted(records, key=lambda job: (job.submitted or _LONG_AGO, job.id)))

    def get(self, job_id: str) -> JobRecord:
        """One job; raises UnknownJobError when there is none."""
        with self._asking(f"the state of {job_id} could not be read", job_id):
            return _record(self._client.get_job_info(job_id))

    def stop(self, job_id: str) -> bool:
        """Ask a job to end (SIGTERM to its driver); returns at once. False when it was not running any more."""
        with self._asking(f"{job_id} could not be stopped", job_id):
            return bool(self._client.stop_job(job_id))

    def log(self, job_id: str) -> str:
        """What the job's driver has written so far, on both streams; empty before it began."""
        with self._asking(f"the log of {job_id} could not be read", job_id):
            return str(self._client.get_job_logs(job_id))

    def wait(self, job_id: str, timeout_s: float, *, sleep: Callable[[float], object] = time.sleep) -> JobRecord:
        """The job once it is over, or as it is after `timeout_s`."""
        end = time.monotonic() + timeout_s
        while True:
            record = self.get(job_id)
            if record.over or time.monotonic() > end:
                return record
            sleep(_PAUSE_S)

    def follow(self, job_id: str, *, sleep: Callable[[float], object] = time.sleep) -> Iterator[str]:
        """The log from its beginning, piece by piece as it is written, until the job is over.

        A connection that breaks off is made again, and nothing is given twice.

        Raises:
            UnknownJobError: there is no such job.
            ClusterError: the server stayed away.
        """
        given = failures = 0
        while True:
            passed = 0  # every connection begins at the first character
            try:
                for piece in _pieces(lambda: self._client.tail_job_logs(job_id)):
                    passed += len(piece)
                    new = piece[max(0, len(piece) - (passed - given)) :] if passed > given else ""
                    if new:
                        given, failures = passed, 0
                        yield new
                if self.get(job_id).over:
                    return
            except UnknownJobError:
                raise
            except (ClusterError, RuntimeError, OSError, _client_error()) as error:
                failures += 1
                if failures > _RETRIES:
                    raise ClusterError(
                        f"the log of {job_id} broke off and {self.address.url} stays away: {_first_line(error)}; the job "
                        "does not notice; look again later"
                    ) from error
            sleep(_PAUSE_S)

    @contextmanager
    def _asking(self, failed: str, job_id: str = "") -> Iterator[None]:
        from ray.exceptions import RayError

        try:
            with _undisturbed(self.address):
                yield
        except (RuntimeError, ValueError, TypeError, OSError, RayError) as error:
            text = str(error)
            if "status code 404" in text or "does not exist" in text:
                raise UnknownJobError(f"no job {job_id!r} on {self.address.url}") from None
            if "already exists" in text:
                raise TakenIdError(f"{failed}: a job of that id is there already") from None
            if "No available agent" in text:
                raise ClusterError(
                    f"{failed}: the agent on the cluster's head does not run, perhaps because another Ray there has its "
                    "port; start the head with --dashboard-agent-listen-port=PORT"
                ) from error
            raise ClusterError(f"{failed}: {_first_line(error)}") from error


def connect_jobs(
    address: JobsAddress, environment: Mapping[str, str], *, ca_file: str | None = None, insecure: bool = False
) -> Jobs:
    """A checked connection to a cluster's Jobs server; for the arguments and what is refused see `cluster.jobs.probe.probe`.

    Raises:
        ClusterError: it cannot be used, or its versions differ from ours.
    """
    server, token = probe(address, environment, ca_file=ca_file, insecure=insecure)
    check_versions(server, address)
    from ray.job_submission import JobSubmissionClient

    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray.dashboard.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A header of our own keeps the SDK from looking for a token itself, and from sending one where none is asked for.
    headers = {"Authorization": f"Bearer {token.secret}" if token is not None else ""}
    try:
        with _undisturbed(address):
            client = JobSubmissionClient(address.url, headers=headers, verify=ca_file or True)
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        raise ClusterError(f"{address.url} cannot be used: {_first_line(error)}") from error
    return Jobs(address, server, client)


@contextmanager
def _undisturbed(address: JobsAddress) -> Iterator[None]:
    """The environment without what would send the SDK, and the token with it, somewhere else."""
    before = dict(os.environ)
    for name in _OVERRIDES:
        os.environ.pop(name, None)
    if address.loopback:
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, (before.get(name), address.host)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _pieces(tail: Callable[[], AsyncIterator[str]]) -> Iterator[str]:
    """An asynchronous iterator's items, for a program that waits. Ctrl-C ends the waiting."""

    async def following() -> str | None:
        return await anext(items, None)

    with asyncio.Runner() as runner:
        items = tail()
        while True:
            item = runner.run(following())
            if item is None:
                return
            yield item


def _client_error() -> type[Exception]:
    import aiohttp

    error: type[Exception] = aiohttp.ClientError
    return error


_LONG_AGO = datetime.fromtimestamp(0, UTC)


def _record(job: Any) -> JobRecord:
    return JobRecord(
        id=str(job.submission_id or job.job_id),
        state=str(job.status.value).lower(),
        message=job.message or "",
        exit_code=job.driver_exit_code,
        submitted=_time(job.start_time),
        ended=_time(job.end_time),
        metadata=dict(job.metadata or {}),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _first_line(error: Exception) -> str:
    """The line that says most: of a server's traceback the last, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "Traceback" in str(error) else lines[0]
