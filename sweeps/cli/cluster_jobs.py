"""`liversweep cluster submit`, `status`, `logs`, `stop` and `list`: sweeps as jobs of a Ray cluster."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sweeps.cli import EXIT_FAILURE, EXIT_INTERRUPTED
from sweeps.cli.cluster_jobs_show import last_lines, lines_of, plain, progress_of, say_line, sent, table, whole_lines
from sweeps.cli.console import note, print_tables, write_json, write_text
from sweeps.cli.options import InsecureOption, JsonOption, SetOption, SpecArgument

if TYPE_CHECKING:
    from cluster.jobs.client import JobRecord, Jobs
    from sweeps.remote.submission import Submission
    from sweeps.remote.verdict import Verdict

STOP_PATIENCE_S = 40.0
_PAUSE_S = 0.5

AddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        envvar="RAY_API_SERVER_ADDRESS",
        help="The cluster's dashboard; on another machine through a tunnel: ssh -N -L 8265:127.0.0.1:8265 HEAD",
    ),
]
CaOption = Annotated[
    str | None, typer.Option("--ca", help="Certificates to trust for https; the system's when left out.")
]
JobArgument = Annotated[
    str,
    typer.Argument(metavar="NAME|ID", help="A sweep's name, for its newest job, or a job's id.", show_default=False),
]
DEFAULT_ADDRESS = "http://127.0.0.1:8265"


def register(app: typer.Typer) -> None:
    """Put the commands into the group."""
    app.command("submit")(submit)
    app.command("status")(status)
    app.command("logs")(logs)
    app.command("stop")(stop)
    app.command("list")(list_jobs)


def submit(
    spec: SpecArgument,
    runs: Annotated[
        str,
        typer.Option(
            "--runs",
            metavar="PLACE",
            help="Where sweeps are kept: a shared folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX.",
        ),
    ],
    overrides: SetOption = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="Name of the sweep; the spec's own when left out.")] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="PLACE", help="Folder of the scans, as the cluster's machines see it."),
    ] = None,
    address: AddressOption = DEFAULT_ADDRESS,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log to the end of the sweep.")] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, max=3600, metavar="SECONDS", help="How long to wait for the checks there; 0: not at all."),
    ] = 120.0,
    python: Annotated[str, typer.Option(metavar="PATH", help="Python on the cluster's head.")] = "python",
    ca: CaOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a sweep as a job of a Ray cluster; it goes on when this machine is switched off.

    The program and the spec travel; the scans have to be where every machine of the cluster can read them, which is checked
    there before anything starts. Submit the same spec, name and runs again to go on with a sweep that was stopped.
    """
    from sweeps.remote.submission import prepare_submission

    submission = prepare_submission(spec, overrides, runs=runs, name=name, data=data)
    for warning in submission.warnings:
        note(f"warning: {warning}")
    jobs = connect(address, ca, insecure)
    record = _hand_over(jobs, submission, python, insecure)
    found = None
    if follow:
        found = _follow(jobs, record.id, note if as_json else say_line)
    elif wait:
        found = _await_start(jobs, record, wait)
    if as_json:
        now = jobs.get(record.id)
        write_json({"schema_version": 1, "job": plain(now, jobs.log(record.id)), "sent": sent(submission)})
    if found is not None:
        _leave(record.id, found)


def status(
    job: JobArgument,
    address: AddressOption = DEFAULT_ADDRESS,
    ca: CaOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show how a submitted sweep stands: its job and, where the runs can be read from here, its trials; else its last words."""
    from sweeps.remote.submission import find_job
    from sweeps.watch import standing

    jobs = connect(address, ca, insecure)
    record = find_job(job, jobs.list())
    log = jobs.log(record.id)
    seen = progress_of(record)
    if as_json:
        progress = standing(*seen) if seen else None
        write_json({"schema_version": 1, "job": plain(record, log), "progress": progress, "log": last_lines(log)})
        return
    write_text("\n".join(lines_of(record, log)))
    if seen:
        from sweeps.live import progress_table

        print_tables([progress_table(seen[0].progress)])
    else:
        write_text("\n".join(["last lines of its log:", *last_lines(log)]))


def logs(
    job: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    address: AddressOption = DEFAULT_ADDRESS,
    ca: CaOption = None,
    insecure: InsecureOption = False,
) -> None:
    """Print a job's log. With -f until it is over, and then with the exit code of the sweep itself: 0, 1, 2, 3 or 130."""
    from sweeps.remote.submission import find_job

    jobs = connect(address, ca, insecure)
    record = find_job(job, jobs.list())
    if follow:
        _leave(record.id, _follow(jobs, record.id, say_line))
    for line in jobs.log(record.id).splitlines():
        say_line(line)


def stop(
    job: JobArgument,
    address: AddressOption = DEFAULT_ADDRESS,
    ca: CaOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a submitted sweep: every trial saves its state. Submit it again to go on.

    Waits until it is over. Exit code 0 when the sweep was closed cleanly, 1 when it had to be killed (nothing that was
    finished is lost then either).
    """
    from sweeps.errors import SweepError, UsageError
    from sweeps.remote.submission import find_job
    from sweeps.remote.verdict import verdict

    jobs = connect(address, ca, insecure)
    record = find_job(job, jobs.list())
    if record.over:
        how = verdict(record, jobs.log(record.id)).words
        raise UsageError("the job is over", where=record.id, got=f"it {how}")
    began = time.monotonic()
    jobs.stop(record.id)
    note(f"asked {record.id} to stop; its trials save their states")
    ended = jobs.wait(record.id, STOP_PATIENCE_S)
    if not ended.over:
        raise SweepError(
            "the job does not end",
            where=record.id,
            got=ended.state,
            next_step="look at it with: liversweep cluster status",
        )
    found, seconds = verdict(ended, jobs.log(record.id)), time.monotonic() - began
    if as_json:
        write_json({"schema_version": 1, "job": plain(ended, jobs.log(record.id)), "seconds": round(seconds, 1)})
    note(f"{record.id} {found.words} ({seconds:.1f} s)")
    if not (found.clean or found.code == 143):
        raise typer.Exit(EXIT_FAILURE)


def list_jobs(
    address: AddressOption = DEFAULT_ADDRESS,
    ca: CaOption = None,
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the sweeps among the jobs of a cluster, the oldest first. Jobs of other programs are only counted."""
    from sweeps.remote.submission import sweep_jobs

    jobs = connect(address, ca, insecure)
    known = jobs.list()
    found = sweep_jobs(known)
    others = len(known) - len(found)
    if as_json:
        write_json({"schema_version": 1, "jobs": [plain(job) for job in found], "others": others})
        return
    if found:
        print_tables([table(found)])
    else:
        note(f"no sweep on {jobs.address.url} yet; begin one with: liversweep cluster submit SPEC --runs PLACE")
    if others:
        note(f"and {others} jobs of other programs")


def connect(address: str, ca: str | None, insecure: bool) -> Jobs:
    """A checked connection, with the token that is found on this machine.

    Raises:
        ClusterError: the address is none, or its cluster cannot be used.
    """
    from cluster.jobs.address import clear_text_warning, parse_address
    from cluster.jobs.client import connect_jobs

    place = parse_address(address)
    warning = clear_text_warning(place)
    if warning:
        note(f"warning: {warning}")
    return connect_jobs(place, os.environ, ca_file=ca, insecure=insecure)


def _hand_over(jobs: Jobs, submission: Submission, python: str, insecure: bool) -> JobRecord:
    """Submit, unless a job of this sweep is at work. Two that submit at once find the same id: one of them is told so."""
    from cluster.jobs.client import JobRequest, TakenIdError
    from sweeps.errors import UsageError
    from sweeps.remote.submission import ENVIRONMENT, check_idle, entrypoint, job_metadata, new_id

    known = jobs.list()
    check_idle(submission.name, known)
    job_id, metadata = new_id(submission.name, known), job_metadata(submission, known)
    with tempfile.TemporaryDirectory(prefix="lsw-") as folder:
        parcel = Path(folder, "sweep.zip")
        parcel.write_bytes(submission.parcel.data)
        command = entrypoint(submission, python=python, insecure=insecure)
        try:
            jobs.submit(JobRequest(job_id, command, parcel, ENVIRONMENT, metadata))
        except TakenIdError as error:
            raise UsageError(
                "the sweep was submitted by somebody else at this moment",
                where=submission.name,
                got=job_id,
                next_step="look at it with: liversweep cluster list",
            ) from error
    packed = submission.parcel
    note(
        f"submitted {job_id} (attempt {metadata['attempt']}; {packed.files} files, {len(packed.data) / 1e6:.1f} MB); scans in "
        f"{submission.data}, runs in {submission.runs}"
    )
    return jobs.get(job_id)


def _await_start(jobs: Jobs, record: JobRecord, wait_s: float) -> Verdict | None:
    """Wait until the checks on the cluster are passed. How the job ended, if it ended before that."""
    from sweeps.remote.verdict import error_lines, started, verdict

    name, end = record.metadata.get("sweep", record.id), time.monotonic() + wait_s
    try:
        while time.monotonic() < end:
            now, log = jobs.get(record.id), jobs.log(record.id)
            if now.over:
                found = verdict(now, log)
                for line in error_lines(log) if found.code else ():
                    note(line)
                return found
            if started(log):
                note(f"{name} is running; follow it with: liversweep cluster logs -f {name}")
                return None
            time.sleep(_PAUSE_S)
        note(f"{name} is still being prepared after {wait_s:g} s; look with: liversweep cluster status {name}")
    except KeyboardInterrupt:
        _left_alone(name)
    return None


def _follow(jobs: Jobs, job_id: str, say: Callable[[str], None]) -> Verdict:
    """The log as it is written, to its end."""
    from sweeps.remote.verdict import verdict

    try:
        for line in whole_lines(jobs.follow(job_id)):
            say(line)
    except KeyboardInterrupt:
        _left_alone(job_id)
    return verdict(jobs.get(job_id), jobs.log(job_id))


def _left_alone(name: str) -> NoReturn:
    note(f"no longer looking; the sweep goes on, and is stopped with: liversweep cluster stop {name}")
    raise typer.Exit(EXIT_INTERRUPTED) from None


def _leave(job_id: str, found: Verdict) -> NoReturn:
    note(f"{job_id} {found.words}")
    raise typer.Exit(found.code)
