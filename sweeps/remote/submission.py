"""A sweep as a job of a Ray cluster: what is checked here, what is sent, what is run there, and how it is found again.

Nothing of this machine but the program and the spec goes along: no variable of the environment, no path that only this
machine knows. Places are those of the cluster, and so they have to be absolute.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath
from typing import Any

from cluster.jobs.client import JobRecord
from sweeps.errors import UsageError
from sweeps.folder import check_name
from sweeps.remote.parcel import SPEC_FILE, Parcel, make_parcel
from sweeps.spec import LoadedSpec, load_spec, spec_hash
from sweeps.spec.overrides import apply_overrides
from sweeps.spec.source import read_mapping

MODULE = "sweeps"
STOP_WAIT_S = 20
"""What Ray waits between SIGTERM and SIGKILL: twice the ten seconds in which a sweep ends cleanly (Ray's own are three)."""
ENVIRONMENT: Mapping[str, str] = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S), "PYTHONUNBUFFERED": "1"}
END_MARK = "liversweep ended with exit code"
"""The last line of a job's log. Ray forgets the exit code of a job that was stopped."""
_SCHEME = re.compile(r"^(s3|gs|file)://.+")


@dataclass(frozen=True, slots=True)
class Submission:
    """A sweep that passed every check that can be made from here.

    Attributes:
        name: of the sweep.
        runs: folder or URI that holds the sweeps, as the cluster sees it.
        data: folder of the scans, as the cluster sees it.
        spec: 64 hex digits of what makes it this experiment, as the ledger keeps them.
        parcel: what travels.
        warnings: what works but probably not as meant.
    """

    name: str
    runs: str
    data: str
    spec: str
    parcel: Parcel
    warnings: tuple[str, ...] = ()


def prepare_submission(
    spec: str, overrides: Sequence[str], *, runs: str, name: str | None = None, data: str | None = None
) -> Submission:
    """Check a spec as `run` does, but for the scans: those are looked at on the cluster.

    Args:
        spec: a YAML file or the name of a ready-made spec.
        overrides: as `--set` takes them.
        runs: folder or URI that holds the sweeps, as the cluster sees it.
        name: of the sweep; the spec's own when None.
        data: folder of the scans as the cluster sees it; the spec's own when None.

    Raises:
        SpecError, UsageError: the spec is wrong, or names a place that only this machine knows.
    """
    settings = [*overrides, *([f"data.root={json.dumps(data)}"] if data is not None else [])]
    loaded = load_spec(spec, settings)
    values = apply_overrides(read_mapping(loaded.source_text, spec), settings).values
    wanted = check_name(loaded.spec.name if name is None else name)
    check_runs(runs)
    root = _check_places(values, spec)
    parcel = make_parcel(spec_text(loaded, values, settings))
    return Submission(wanted, runs.rstrip("/") or "/", root, spec_hash(loaded.resolved()), parcel, loaded.warnings)


def spec_text(loaded: LoadedSpec, values: Mapping[str, Any], settings: Sequence[str]) -> str:
    """The spec that travels: as the user wrote it, or with the settings of the command line laid over it."""
    if not settings:
        return loaded.source_text
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(dict(values), text)
    return text.getvalue()


def check_runs(runs: str) -> None:
    """Refuse a place for runs that would be another one on every machine, or gone with the job.

    Raises:
        UsageError: it is neither absolute nor the URI of a store.
    """
    if not (PurePosixPath(runs).is_absolute() or _SCHEME.match(runs)):
        raise UsageError(
            "the runs must lie where every machine of the cluster sees them",
            where="--runs",
            got=repr(runs),
            allowed="an absolute path of a shared folder, or s3://BUCKET/PREFIX or gs://BUCKET/PREFIX",
        )


def _check_places(values: Mapping[str, Any], spec: str) -> str:
    """`data.root` as it is written, once neither it nor the folders of reviews and cache depend on the machine."""
    root = str((values.get("data") or {}).get("root"))
    _check_absolute(root, spec, "data.root", "--data PLACE")
    reviews = (values.get("data") or {}).get("reviews")
    if isinstance(reviews, str):
        _check_absolute(reviews, spec, "data.reviews", "--set data.reviews=PLACE")
    cache = (values.get("prepare") or {}).get("cache")
    if isinstance(cache, str):
        _check_absolute(cache, spec, "prepare.cache", "--set prepare.cache=PLACE")
    return root


def _check_absolute(place: str, spec: str, key: str, option: str) -> None:
    if not PurePosixPath(place).is_absolute():
        raise UsageError(
            "on the cluster this would be another folder than here",
            where=f"{spec}: {key}",
            got=repr(place),
            allowed="an absolute path that every machine of the cluster can read",
            next_step=f"name it with {option}",
        )


def entrypoint(submission: Submission, *, python: str = "python", insecure: bool = False) -> str:
    """The shell command of the job, run on the cluster's head in the folder where the parcel was unpacked.

    Ray sends SIGTERM to the shell as well as to Python. The shell outlives it, so that it can write down how Python ended.
    Python runs in another folder: when an agent of Ray is started again it deletes that of the job and makes it anew, and
    a process inside would be nowhere.
    """
    words = [python, "-P", "-m", MODULE, "run"]
    options = ["--or-resume", "--cluster", "address", "--name", submission.name, "--runs", submission.runs, "--plain"]
    options += ["--insecure-cluster"] if insecure else []
    steps = (
        "trap : TERM",
        "here=$PWD",
        "cd /",
        f'PYTHONPATH="$here${{PYTHONPATH:+:$PYTHONPATH}}" {shlex.join(words)} "$here/{SPEC_FILE}" {shlex.join(options)}',
        "code=$?",
        f'echo "{END_MARK} $code"',
        "exit $code",
    )
    return "; ".join(steps)


def job_metadata(submission: Submission, jobs: Iterable[JobRecord]) -> dict[str, str]:
    """What is kept with the job, so that sweeps are found by name among everybody's jobs."""
    from sweeps.provenance import code_hash, versions

    attempts = [job for job in jobs_of(submission.name, jobs) if job.metadata.get("runs") == submission.runs]
    return {
        "liversweep": versions().get("liversweep", "unknown"),
        "sweep": submission.name,
        "runs": submission.runs,
        "spec": submission.spec,
        "code": code_hash(),
        "parcel": submission.parcel.sha256,
        "attempt": str(len(attempts) + 1),
    }


def new_id(name: str, jobs: Iterable[JobRecord]) -> str:
    """`liversweep-NAME-N` with the first number above all that were given to this name."""
    known = re.compile(rf"liversweep-{re.escape(name)}-(\d{{1,9}})")
    numbers = [int(match[1]) for job in jobs if (match := known.fullmatch(job.id))]
    return f"liversweep-{name}-{max(numbers, default=0) + 1}"


def sweep_jobs(jobs: Iterable[JobRecord]) -> tuple[JobRecord, ...]:
    """Those that are sweeps, in their order."""
    return tuple(job for job in jobs if job.metadata.get("liversweep") and job.metadata.get("sweep"))


def jobs_of(name: str, jobs: Iterable[JobRecord]) -> tuple[JobRecord, ...]:
    """The jobs of the sweep called `name`, in their order."""
    return tuple(job for job in sweep_jobs(jobs) if job.metadata["sweep"] == name)


def check_idle(name: str, jobs: Iterable[JobRecord]) -> None:
    """Refuse a second job for a sweep that is being run.

    Raises:
        UsageError: naming the job.
    """
    for job in jobs_of(name, jobs):
        if not job.over:
            raise UsageError(
                f"the sweep is {job.state} on this cluster as job {job.id}",
                where=name,
                next_step=f"follow it with: liversweep cluster logs -f {name}; stop it with: liversweep cluster stop {name}; "
                "or choose another --name",
            )


def find_job(name_or_id: str, jobs: Sequence[JobRecord]) -> JobRecord:
    """A job by its id, or the newest of a sweep by the sweep's name.

    Raises:
        UsageError: there is none; lists the sweeps that are known.
    """
    found = [job for job in jobs if job.id == name_or_id] or list(jobs_of(name_or_id, jobs))
    if not found:
        known = sorted({job.metadata["sweep"] for job in sweep_jobs(jobs)})
        raise UsageError(
            "no such job on this cluster",
            got=repr(name_or_id),
            allowed=", ".join(known) or "none yet",
            next_step="list them with: liversweep cluster list",
        )
    return found[-1]
