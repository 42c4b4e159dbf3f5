"""`liversweep cluster`: the same sweep on other machines."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Take a sweep to other machines: a Ray cluster, SLURM or Kubernetes; and ask whether a cluster is fit for one.",
    no_args_is_help=True,
)
