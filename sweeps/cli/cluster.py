"""`liversweep cluster`: the same sweep on other machines."""

from __future__ import annotations

import typer

from sweeps.cli import cluster_doctor, cluster_jobs, cluster_kuberay, cluster_slurm

app = typer.Typer(
    help="Take a sweep to other machines: a Ray cluster, SLURM or Kubernetes; and ask whether a cluster is fit for one.",
    no_args_is_help=True,
)
app.command("doctor")(cluster_doctor.doctor)
cluster_jobs.register(app)
app.command("slurm")(cluster_slurm.slurm)
app.command("kuberay")(cluster_kuberay.kuberay)
