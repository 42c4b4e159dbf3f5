"""What is sent to a cluster, which places are refused here, and how sweeps are found among everybody's jobs."""

from __future__ import annotations

import io
import shlex
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.jobs.client import JobRecord
from sweeps.errors import SpecError, UsageError
from sweeps.remote.parcel import SPEC_FILE
from sweeps.remote.submission import (
    ENVIRONMENT,
    Submission,
    check_idle,
    entrypoint,
    find_job,
    job_metadata,
    jobs_of,
    new_id,
    prepare_submission,
    sweep_jobs,
)
from sweeps.spec import load_spec, spec_hash
from tests.crash.fake_command import write_spec

RUNS = "/shared/runs"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    return str(write_spec(tmp_path, root="/shared/scans"))


def sent_spec(submission: Submission, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(submission.parcel.data)) as archive:
        return Path(archive.extract(SPEC_FILE, folder))


def test_a_spec_without_settings_travels_as_it_was_written(spec: str, tmp_path: Path) -> None:
    made = prepare_submission(spec, [], runs=RUNS)
    assert sent_spec(made, tmp_path / "there").read_text() == Path(spec).read_text()
    assert (made.name, made.runs, made.data) == ("fake", RUNS, "/shared/scans")


def test_settings_are_laid_over_the_spec_that_travels(spec: str, tmp_path: Path) -> None:
    settings = ["search.trials=9", "search.space.learning_rate={log: [1e-7, 1e-1]}", "train.epochs=7"]
    made = prepare_submission(spec, settings, runs="s3://bucket/p/", name="other", data="/data/it's: here")
    there = load_spec(sent_spec(made, tmp_path / "there"))
    assert (there.spec.search.trials, there.spec.train.epochs, there.spec.data.root) == (9, 7, "/data/it's: here")
    assert (made.name, made.runs, made.data) == ("other", "s3://bucket/p", "/data/it's: here")
    assert spec_hash(there.resolved()) == made.spec


def test_ready_made_specs_travel_with_the_place_of_the_scans(tmp_path: Path) -> None:
    made = prepare_submission("quickstart", [], runs=RUNS, data="/shared/scans")
    assert spec_hash(load_spec(sent_spec(made, tmp_path)).resolved()) == made.spec
    with pytest.raises(
        UsageError, match=r"quickstart: data\.root: on the cluster this would be another folder.*--data PLACE"
    ):
        prepare_submission("quickstart", [], runs=RUNS)


@pytest.mark.parametrize("place", ["scans", "./scans", "../scans", "~/scans", "s3:/bucket"])
def test_places_that_depend_on_the_machine_are_refused(place: str, spec: str) -> None:
    with pytest.raises(UsageError, match=r"data\.root.*--data PLACE"):
        prepare_submission(spec, [f"data.root={place}"], runs=RUNS)
    with pytest.raises(UsageError, match=r"data\.reviews.*--set data\.reviews=PLACE"):
        prepare_submission(spec, [f"data.reviews={place}"], runs=RUNS)
    with pytest.raises(UsageError, match=r"prepare\.cache"):
        prepare_submission(spec, [f"prepare.cache={place}"], runs=RUNS)
    with pytest.raises(UsageError, match=r"^--runs: "):
        prepare_submission(spec, [], runs=place)


@pytest.mark.parametrize("place", ["/shared/runs", "s3://bucket/prefix", "gs://bucket", "file:///shared"])
def test_places_that_all_machines_know_are_taken(place: str, spec: str) -> None:
    assert prepare_submission(spec, [], runs=place).runs == place


def test_a_wrong_spec_or_name_is_refused_before_anything_is_sent(spec: str) -> None:
    with pytest.raises(SpecError, match="epochs"):
        prepare_submission(spec, ["train.epochs=many"], runs=RUNS)
    with pytest.raises(UsageError, match="name"):
        prepare_submission(spec, [], runs=RUNS, name="../x")


def test_nothing_of_this_machine_goes_along(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "canary")
    made = prepare_submission(spec, [], runs=RUNS)
    assert dict(ENVIRONMENT) == {"RAY_JOB_STOP_WAIT_TIME_S": "20", "PYTHONUNBUFFERED": "1"}
    text = entrypoint(made) + str(job_metadata(made, []))
    assert "canary" not in text and str(Path(spec).parent) not in text
    with zipfile.ZipFile(io.BytesIO(made.parcel.data)) as archive:
        assert not any(name.startswith("tests") or "__pycache__" in name for name in archive.namelist())


def test_the_entry_point_resumes_and_hands_on_how_python_ended(spec: str, tmp_path: Path) -> None:
    python = tmp_path / "my python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$PYTHONPATH" "$@"\nkill -TERM $PPID\nexit 130\n')
    python.chmod(0o755)
    made = prepare_submission(spec, [], runs="/shared/my runs; touch x", name="fake")
    command = entrypoint(made, python=str(python), insecure=True)
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": "/old"})
    lines = done.stdout.splitlines()
    assert lines[:2] == ["/", f"{tmp_path}:/old"]
    assert lines[2:-1] == [
        *shlex.split(f"-P -m sweeps run {tmp_path}/spec.yaml --or-resume --cluster address --name fake --runs"),
        "/shared/my runs; touch x",
        "--plain",
        "--insecure-cluster",
    ]
    assert lines[-1] == "liversweep ended with exit code 130" and done.returncode == 130


def job(
    job_id: str, sweep: str | None = None, state: str = "succeeded", minutes: int = 0, **metadata: str
) -> JobRecord:
    known = {"liversweep": "0.1.0", "sweep": sweep, "runs": RUNS} if sweep else {}
    begun = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    return JobRecord(job_id, state, submitted=begun, metadata=known | metadata)


JOBS = (
    job("raysubmit_x"),
    job("liversweep-a-1", "a", "stopped"),
    job("liversweep-a-b-7", "a-b", "running"),
    job("liversweep-a-2", "a", "failed", runs="/elsewhere"),
    # another program, with words of its own
    JobRecord("raysubmit_y", "running", metadata={"sweep": "a"}),
)


def test_sweeps_are_found_by_name_among_other_jobs() -> None:
    assert [item.id for item in sweep_jobs(JOBS)] == ["liversweep-a-1", "liversweep-a-b-7", "liversweep-a-2"]
    assert [item.id for item in jobs_of("a", JOBS)] == ["liversweep-a-1", "liversweep-a-2"]
    assert find_job("a", JOBS).id == "liversweep-a-2"
    assert find_job("raysubmit_x", JOBS).id == "raysubmit_x"
    with pytest.raises(UsageError, match=r"got 'c'; allowed: a, a-b; list them with"):
        find_job("c", JOBS)


def test_ids_are_readable_and_never_given_twice() -> None:
    assert new_id("a", JOBS) == "liversweep-a-3"
    assert new_id("a-b", JOBS) == "liversweep-a-b-8"
    assert new_id("c", JOBS) == "liversweep-c-1"


def test_attempts_are_those_with_the_same_name_and_runs(spec: str) -> None:
    made = prepare_submission(spec, [], runs=RUNS, name="a")
    assert job_metadata(made, JOBS)["attempt"] == "2"
    found = job_metadata(made, [])
    assert found["attempt"] == "1" and found["sweep"] == "a" and len(found["code"]) == len(found["spec"]) == 64
    assert all(isinstance(value, str) for value in found.values())


def test_a_sweep_that_is_being_run_is_not_submitted_again() -> None:
    check_idle("a", JOBS)
    for state in ("running", "pending"):
        with pytest.raises(UsageError, match=r"liversweep-z-4.*cluster logs -f z.*cluster stop z"):
            check_idle("z", [job("liversweep-z-4", "z", state)])
