"""From a spec to the SLURM job that runs it: pure, nothing is asked of SLURM."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.slurm.config import SlurmConfig, SlurmConfigError
from sweeps.errors import UsageError
from sweeps.folder import check_name
from sweeps.spec import LoadedSpec, Spec

PRIVATE = ".slurm"
"""Beside the sweeps; no sweep can have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user typed.

    Attributes:
        loaded: the spec, overrides applied.
        spec: the spec as it was named: a file, or a ready-made spec.
        overrides: the `--set` texts.
        name: of the sweep, when not the spec's.
        runs: folder or URI that holds the sweeps.
        skip_bad: whether broken scans are left out.
    """

    loaded: LoadedSpec
    spec: str
    overrides: Sequence[str] = ()
    name: str | None = None
    runs: str = "runs"
    skip_bad: bool = False


def slurm_config(request: Request, *, working_folder: Path, home: Path) -> SlurmConfig:
    """The job.

    Args:
        request: what the user typed.
        working_folder: where it was typed; the job's command runs there too, so that relative paths mean the same.
        home: the user's home, which all machines see; takes the job's files when the runs go to an object store.

    Raises:
        UsageError: no trial fits on one of the job's machines, or something cannot be told to SLURM; all at once.
    """
    spec, section = request.loaded.spec, request.loaded.spec.cluster.slurm
    refuse_misfits(spec)
    store = "://" in request.runs
    runs = request.runs if store else str(working_folder / request.runs)
    shared = home / ".liversweep" / "slurm" if store else Path(runs) / PRIVATE
    try:
        return SlurmConfig(
            name=check_name(request.name or spec.name),
            command=sweep_command(request, runs),
            working_folder=str(working_folder),
            shared_folder=str(working_folder / (section.shared_folder or shared)),
            bin_folder=str(Path(sys.executable).parent),
            nodes=section.nodes,
            cpus_per_node=section.cpus_per_node,
            gpus_per_node=section.gpus_per_node,
            gpu_type=section.gpu_type,
            memory_per_node_bytes=section.memory_per_node_bytes,
            time_s=section.time_s,
            object_store_bytes=spec.cluster.object_store_bytes,
            partition=section.partition,
            account=section.account,
            qos=section.qos,
            exclusive=section.exclusive,
            requeues=section.requeues,
            temp_root=section.temp_folder,
            setup=section.setup,
            options=section.options,
        )
    except SlurmConfigError as error:
        raise UsageError(str(error)) from error


def sweep_command(request: Request, runs: str) -> tuple[str, ...]:
    """What the job runs: begin the sweep, or go on with it."""
    file = request.loaded.path
    return (
        "liversweep",
        "run",
        request.spec if file is None else str(file.absolute()),
        "--or-resume",
        "--plain",
        "--runs",
        runs,
        "--cluster",
        "slurm",
        *(["--name", request.name] if request.name else []),
        *(["--skip-bad"] if request.skip_bad else []),
        *(word for text in request.overrides for word in ("--set", text)),
    )


def refuse_misfits(spec: Spec) -> None:
    """See that a trial fits on one machine of the job.

    Raises:
        UsageError: it does not.
    """
    trial, machine = spec.trial, spec.cluster.slurm
    wanted = (
        ("cpus", trial.cpus, "cpus_per_node", machine.cpus_per_node),
        ("gpus", trial.gpus, "gpus_per_node", machine.gpus_per_node),
        (
            "memory",
            trial.memory_bytes or 0,
            "memory_per_node",
            machine.memory_per_node_bytes or trial.memory_bytes or 0,
        ),
    )
    problems = [
        f"not even one trial fits on a machine: trial.{key} is {got:g}, cluster.slurm.{limit} is {room:g}; change one of them"
        for key, got, limit, room in wanted
        if got > room
    ]
    if problems:
        raise UsageError("\n".join(problems))
