"""The edge to Ray's Jobs SDK, without a Ray: where it may not lead, and a log whose connection breaks off."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cluster.errors import ClusterError
from cluster.jobs.address import parse_address
from cluster.jobs.client import JobRecord, Jobs, TakenIdError, UnknownJobError, connect_jobs
from cluster.jobs.probe import Server
from tests.cluster.jobs.server import Dashboard, serving
from tests.loopback_ray import free_ports


class Client:
    """An SDK whose connections give what they are told and then break off."""

    def __init__(self, *connections: list[str | Exception], over: bool = True) -> None:
        self._connections, self._over = list(connections), over

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        for item in self._connections.pop(0) if self._connections else []:
            if isinstance(item, Exception):
                raise item
            yield item


def jobs(client: Any, monkeypatch: pytest.MonkeyPatch, over: bool = True) -> Jobs:
    made = Jobs(parse_address("http://127.0.0.1:1"), Server("2.60.0", "3.11.7", True), client)
    state = "succeeded" if over else "running"
    monkeypatch.setattr(Jobs, "get", lambda self, job_id: JobRecord(job_id, state))
    return made


def test_a_log_is_given_once_though_its_connection_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = RuntimeError("WebSocket connection closed unexpectedly with close code 1006")
    client = Client(["one\n", "tw", gone], ["one\ntwo", gone], [gone], ["one", "\ntwo\nthr", "ee\n"])
    made = jobs(client, monkeypatch)
    assert "".join(made.follow("j", sleep=lambda seconds: None)) == "one\ntwo\nthree\n"


def test_a_server_that_stays_away_ends_the_following(monkeypatch: pytest.MonkeyPatch) -> None:
    made = jobs(Client(*([ConnectionError("gone")] for _ in range(100))), monkeypatch)
    with pytest.raises(ClusterError, match="stays away: gone; the job does not notice"):
        list(made.follow("j", sleep=lambda seconds: None))


class Refusing:
    """An SDK whose server answers with a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_job_info(self, job_id: str) -> None:
        raise RuntimeError(self._text)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Request failed with status code 404: Job x does not exist.", UnknownJobError, "no job 'x'"),
        (
            "Request failed with status code 500: ValueError: Job x already exists. Use another.",
            TakenIdError,
            "already",
        ),
        ("Request failed with status code 500: No available agent to submit job", ClusterError, "agent-listen-port"),
        (
            "Request failed with status code 500: Traceback (most recent call):\n  File\nKeyError: 7",
            ClusterError,
            "KeyError: 7$",
        ),
    ],
)
def test_answers_of_the_server_become_one_line(text: str, kind: type[ClusterError], words: str) -> None:
    made = Jobs(parse_address("http://127.0.0.1:1"), Server("2.60.0", "3.11.7", True), Refusing(text))
    with pytest.raises(kind, match=words) as caught:
        made.get("x")
    assert "\n" not in str(caught.value)


def test_the_sdk_goes_where_it_is_sent_with_the_token_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    before = dict(os.environ)
    job = {"type": "SUBMISSION", "submission_id": "j-1", "status": "FAILED", "entrypoint": "x", "start_time": 1000}
    driver = {"type": "DRIVER", "job_id": "02", "status": "RUNNING", "entrypoint": ""}
    with serving(Dashboard(jobs=[job | {"driver_exit_code": 3, "metadata": {"sweep": "s"}}, driver])) as dashboard:
        made = connect_jobs(parse_address(dashboard.url), {"RAY_AUTH_TOKEN": "secret-token"})
        (found,) = made.list()
    assert (found.id, found.state, found.exit_code, found.over) == ("j-1", "failed", 3, True)
    assert found.submitted is not None and found.submitted.timestamp() == 1 and found.metadata == {"sweep": "s"}
    assert dashboard.authorizations[0] is None and set(dashboard.authorizations[1:]) == {"Bearer secret-token"}
    assert dict(os.environ) == before


def test_an_open_cluster_gets_no_token_though_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret-token")
    with serving(Dashboard(token=None)) as dashboard:
        connect_jobs(parse_address(dashboard.url), os.environ, insecure=True).list()
    assert not any("secret-token" in (sent or "") for sent in dashboard.authorizations)
