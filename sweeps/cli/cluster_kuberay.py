"""`liversweep cluster kuberay`: a sweep as a RayJob for Kubernetes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.console import note, write_text
from sweeps.cli.options import SetOption, SpecArgument


def kuberay(
    spec: SpecArgument,
    overrides: SetOption = [],  # noqa: B006
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs",
            metavar="URI|PATH",
            help="Where the runs go: s3://… or gs://…, or where cluster.kubernetes.runs_claim is mounted [/runs].",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file instead of stdout.", show_default=False)
    ] = None,
) -> None:
    """Print the sweep as a RayJob (ray.io/v1) for Kubernetes with KubeRay 1.6 or newer. Nothing is sent anywhere.

    Send it with: liversweep cluster kuberay SPEC | kubectl apply -f -
    """
    from importlib.metadata import version

    from cluster.kubernetes.job import render_rayjob, summary, token_command
    from results.storage import write_atomic
    from sweeps.remote.rayjob import rayjob_config
    from sweeps.spec import load_spec

    loaded = load_spec(spec, overrides)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    config = rayjob_config(loaded, overrides, runs, version("ray"), spec)
    text = render_rayjob(config)
    if out is None:
        write_text(text)
    else:
        write_atomic(out, text.encode())
    there = f"--namespace {config.namespace}"
    send = f"kubectl apply -f {shlex.quote(str(out))}" if out else "pipe this into: kubectl apply -f -"
    note(
        f"{summary(config)}\n"
        f"once, make the token, which this file only names:\n  {token_command(config)}\n"
        f"start:  {send}\n"
        f"state:  kubectl get rayjob {config.name} {there}\n"
        f"log:    kubectl logs --follow job/{config.name} {there}\n"
        f"stop:   kubectl delete rayjob {config.name} {there}   (the same file goes on with the sweep)"
    )
