"""`liversweep cluster slurm`: a sweep as a SLURM job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.console import note, write_json, write_text
from sweeps.cli.options import JsonOption, SetOption, SpecArgument

if TYPE_CHECKING:
    from cluster.slurm.config import SlurmConfig
    from cluster.slurm.submit import SlurmJob


def slurm(
    spec: SpecArgument,
    overrides: SetOption = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="Name of the sweep; the spec's own when left out.")] = None,
    runs: Annotated[
        str, typer.Option("--runs", help="Folder that holds the sweeps, seen by all machines; or a URI such as s3://….")
    ] = "runs",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out scans that break a rule, and list them.")
    ] = False,
    submit: Annotated[bool, typer.Option("--submit", help="Queue the job with sbatch instead of printing it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the sbatch script of a sweep, or queue it with --submit.

    Machines, cores, GPUs and time come from cluster.slurm in the spec, e.g. --set cluster.slurm.nodes=4. The job starts a Ray
    on all its machines, runs the sweep on it, and goes back into the queue when its time is over before the sweep is.
    Submitting a sweep again goes on with it.
    """
    from sweeps.remote.slurm import Request, slurm_config
    from sweeps.spec import load_spec

    loaded = load_spec(spec, [*overrides, "data.skip_bad=true"] if skip_bad else overrides)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    request = Request(loaded=loaded, spec=spec, overrides=overrides, name=name, runs=runs, skip_bad=skip_bad)
    config = slurm_config(request, working_folder=Path.cwd(), home=Path.home())
    if submit:
        _submit(config, as_json)
    else:
        _print(config, as_json)


def _print(config: SlurmConfig, as_json: bool) -> None:
    from cluster.slurm.script import render

    if as_json:
        write_json({"name": config.name, "script": render(config), "log_folder": config.shared_folder})
    else:
        write_text(render(config))


def _submit(config: SlurmConfig, as_json: bool) -> None:
    from cluster.slurm.submit import submit

    job = submit(config)
    if as_json:
        write_json(
            {
                "name": config.name,
                "job_id": job.job_id,
                "log_file": job.log_file,
                "status": job.status,
                "stop": job.stop,
                "cancel": job.cancel,
            }
        )
    else:
        write_text("\n".join(_next_steps(config, job)))


def _next_steps(config: SlurmConfig, job: SlurmJob) -> list[str]:
    import shlex

    machines = "1 machine" if config.nodes == 1 else f"{config.nodes} machines"
    return [
        f"submitted job {job.job_id}: the sweep {config.name} on {machines}",
        f"see how it is:      {job.status}",
        f"read what it says:  tail -F {shlex.quote(job.log_file)}",
        f"stop it cleanly:    {job.stop}",
        f"end it at once:     {job.cancel}   (nothing that is finished is lost)",
        "go on after either: submit it again",
    ]
