"""Sweeps as jobs of a real Ray of two machines with a token: submitted, left alone, followed, stopped, and gone on with."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.fake_command import write_spec
from tests.crash.processes import Driver, events_of, eventually, sweep_of
from tests.loopback_ray import LoopbackRay, free_ports
from tests.promises.commands import refusal, said
from tests.sweeps.cli_runs import Result
from tests.sweeps.remote.fake_job import MODULE, sending

pytestmark = [
    pytest.mark.ray,
    pytest.mark.crash,
    # Ray's SDK under the newest aiohttp.
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated:DeprecationWarning"),
]

CANARY = "canary-of-the-laptop"
FAKE_SUBMIT = (sys.executable, "-m", MODULE)
TRIALS, EPOCHS = 4, 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the cluster's machines and this one share."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def cluster(place: Path) -> Iterator[LoopbackRay]:
    shared = {"FAKE_PLACE": str(place), "FAKE_LOG": str(place / "epochs.txt"), "LIVERSWEEP_CACHE": str(place / "cache")}
    with LoopbackRay(head_cpus=1, dashboard=True, environment=shared) as made:
        made.add(1)
        yield made
    assert made.left() == []


@pytest.fixture
def laptop(cluster: LoopbackRay, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of the machine that submits: the token's file, the address, and others' that lead astray or are secret."""
    variables = {
        "RAY_AUTH_TOKEN_PATH": str(cluster.token),
        "RAY_API_SERVER_ADDRESS": cluster.url,
        "RAY_ADDRESS": "127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "MY_SECRET": CANARY,
    }
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def submit_words(place: Path, *more: str) -> list[str]:
    return ["submit", "spec.yaml", "--runs", str(place / "runs"), "--python", sys.executable, *more]


def cluster_said(*words: str, cwd: Path) -> Result:
    with sending():
        return said("cluster", *words, cwd=cwd)


@pytest.mark.timeout(600)
def test_a_sweep_outlives_its_submitter_is_stopped_cleanly_and_gone_on_with(
    cluster: LoopbackRay, place: Path, laptop: dict[str, str]
) -> None:
    write_spec(place, trials=TRIALS, epochs=EPOCHS, scheduler="none", root=place)
    (place / "pause").write_text("3")

    submitter = Driver(FAKE_SUBMIT, submit_words(place), place, laptop)
    eventually(lambda: "submitted liversweep-fake-1 (attempt 1" in submitter.text)
    submitter.kill()

    (place / "other").mkdir()
    follower = Driver((sys.executable, "-m", "sweeps"), ["cluster", "logs", "-f", "fake"], place / "other", laptop)
    eventually(lambda: f"running {TRIALS} trials, 2 at a time" in follower.output.read_text())

    refused = refusal(cluster_said(*submit_words(place), cwd=place))
    assert "is running on this cluster as job liversweep-fake-1" in refused

    eventually(lambda: any(event.name == "checkpoint" for event in events_of(place)))
    stands = json.loads(cluster_said("status", "fake", "--json", cwd=place).out)
    assert stands["job"] | {"state": "running", "attempt": 1, "sweep": "fake"} == stands["job"]
    assert stands["progress"]["trials"] == TRIALS and stands["progress"]["state"] == "running"

    stopped = cluster_said("stop", "fake", cwd=place)
    assert stopped.code == 0 and "closed cleanly" in stopped.err, stopped
    assert follower.wait() == 130, follower.text
    assert "liversweep ended with exit code 130" in follower.output.read_text()
    last = events_of(place)[-1]
    assert (last.name, last.payload["reason"]) == ("closed", "interrupted")

    (place / "pause").unlink()
    again = cluster_said(*submit_words(place, "--follow"), cwd=place)
    assert again.code == 0, again
    assert "submitted liversweep-fake-2 (attempt 2" in again.err and "continued" in again.out
    # The program that travelled is the one that ran, not the one that lies on this machine.
    assert "the program is in" in again.out and str(cluster.folder) in again.out.split("the program is in", 1)[1]

    names = Counter((event.name, event.payload.get("uid")) for event in events_of(place))
    finished = [uid for (name, uid), count in names.items() if name == "finished" and count == 1]
    assert len(finished) == TRIALS == len({uid for name, uid in names if name == "suggested"})
    assert [trial.state for trial in sweep_of(place).trials] == ["finished"] * TRIALS
    epochs = (place / "epochs.txt").read_text().splitlines()
    assert len(epochs) == len(set(epochs)) == TRIALS * EPOCHS, "an epoch was lost or trained twice"

    listed = json.loads(cluster_said("list", "--json", cwd=place).out)["jobs"]
    assert [(job["id"], job["state"], job["attempt"]) for job in listed] == [
        ("liversweep-fake-1", "stopped", 1),
        ("liversweep-fake-2", "succeeded", 2),
    ]
    over = cluster_said("status", "fake", cwd=place)
    assert "fake finished" in over.out and "liversweep-fake-2, attempt 2" in over.out
    assert "it finished" in refusal(cluster_said("stop", "fake", cwd=place))
    assert "allowed: fake" in refusal(cluster_said("logs", "nobody", cwd=place))
    nothing_secret_went_along(cluster, [again.out, (follower.output.read_text())])


def nothing_secret_went_along(cluster: LoopbackRay, logs: list[str]) -> None:
    token = cluster.token.read_text()
    request = urllib.request.Request(f"{cluster.url}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        jobs = answer.read().decode()
    assert "liversweep-fake-1" in jobs and '"RAY_JOB_STOP_WAIT_TIME_S": "20"' in jobs
    for text in (jobs, *logs):
        assert token not in text and CANARY not in text


def test_scans_that_the_cluster_does_not_see_end_the_submission_with_the_reason(
    cluster: LoopbackRay, place: Path, laptop: dict[str, str]
) -> None:
    write_spec(place, root=place)
    words = submit_words(place, "--name", "blind", "--data", "/nowhere/scans", "--json")
    result = said("cluster", *words, cwd=place)
    assert result.code == 2, result
    assert "error: [rule D1] /nowhere/scans: no such folder" in result.err
    job = json.loads(result.out)["job"]
    assert job["id"] == "liversweep-blind-1" and job["exit_code"] == 2
    assert not (place / "runs/blind").exists()
    # Nothing of its runs can be read from here: the log speaks.
    shown = said("cluster", "status", "blind", cwd=place)
    assert shown.out.startswith("blind was refused") and "last lines of its log:" in shown.out and "D1" in shown.out


def test_a_python_that_is_not_there_is_told(cluster: LoopbackRay, place: Path, laptop: dict[str, str]) -> None:
    write_spec(place, root=place)
    words = ["submit", "spec.yaml", "--runs", str(place / "runs"), "--name", "snake", "--python", "/no/python"]
    result = said("cluster", *words, cwd=place)
    assert result.code == 127 and "--python PATH" in result.err and "/no/python: not found" in result.err


def test_tokens_and_doors(
    cluster: LoopbackRay, place: Path, laptop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    assert "does not accept the token from the variable RAY_AUTH_TOKEN" in refusal(said("cluster", "list", cwd=place))
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    monkeypatch.setenv("HOME", str(place))
    assert "asks for a token, and there is none here" in refusal(said("cluster", "list", cwd=place))
    (port,) = free_ports(1)
    nobody = refusal(said("cluster", "list", "--address", f"http://127.0.0.1:{port}", cwd=place))
    assert "nothing answers" in nobody and f"ssh -N -L {port}:127.0.0.1:{port}" in nobody
