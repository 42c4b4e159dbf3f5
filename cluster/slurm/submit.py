"""Handing a script to SLURM: the only place that calls `sbatch`."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.slurm.config import SlurmConfig
from cluster.slurm.script import render

PATIENCE_S = 120.0
_ANSWER = re.compile(r"(?P<job>[0-9]+)(?:;(?P<cluster>\S+))?")


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """A job that SLURM has taken.

    Attributes:
        job_id: its number.
        log_file: where its output goes, on the machines' shared folder.
    """

    job_id: str
    log_file: str

    @property
    def status(self) -> str:
        """What to type to see how it is."""
        return f"squeue --jobs={self.job_id}"

    @property
    def stop(self) -> str:
        """What to type for a clean end: the trials save their state, and the job does not come back."""
        return f"scancel --batch --signal=INT {self.job_id}"

    @property
    def cancel(self) -> str:
        """What to type for an end at once."""
        return f"scancel {self.job_id}"


def submit(config: SlurmConfig) -> SlurmJob:
    """Make the folder of the job's output, which SLURM does not, and queue the job.

    Raises:
        ClusterError: there is no SLURM here, it refused the job or did not answer, or the folder cannot be made.
    """
    script = render(config)
    if shutil.which("sbatch") is None:
        raise ClusterError(
            "no sbatch on this machine; leave --submit out to print the script, and submit it where SLURM is: sbatch FILE"
        )
    try:
        Path(config.shared_folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"{config.shared_folder}: the folder that the machines share cannot be made; got {error.strerror}; choose "
            "another with --runs or cluster.slurm.shared_folder"
        ) from error
    found = _ANSWER.search(_answer(script))
    if found is None:
        raise ClusterError("sbatch named no job; look for it with: squeue --me")
    return SlurmJob(found["job"], config.log_file(found["job"]))


def _answer(script: str) -> str:
    """What sbatch says to the script."""
    try:
        done = subprocess.run(
            ["sbatch", "--parsable"], input=script, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except OSError as error:
        raise ClusterError(f"sbatch cannot be run; got {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(
            f"sbatch did not answer within {PATIENCE_S:g} s; the job may be queued all the same: squeue --me"
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ClusterError(f"SLURM refused the job; got {said}; change cluster.slurm in the spec, or --set it")
    return done.stdout
