"""What a job may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import ClusterError
from cluster.slurm.config import SHORTEST_S, TEMP_ROOT_BYTES, SlurmConfig, SlurmConfigError

PLAIN: dict[str, Any] = {
    "name": "liver-archs",
    "command": ("liversweep", "run", "spec.yaml"),
    "working_folder": "/home/ann",
    "shared_folder": "/home/ann/runs/.slurm",
}


def test_a_plain_job_is_accepted_and_says_where_its_output_goes() -> None:
    assert SlurmConfig(**PLAIN).log_file("4711") == "/home/ann/runs/.slurm/liver-archs-4711.log"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"working_folder": "/home/ann\nrm -rf ~"}, "working_folder: a line break"),
        ({"shared_folder": "/home/ann\r"}, "shared_folder: a line break"),
        ({"partition": "gpu\n#SBATCH --uid=0"}, "partition: a line break"),
        ({"command": ("liversweep", "run", "a\nb.yaml")}, "the command: a line break"),
        ({"setup": ("module load a\nreboot",)}, "setup: a line break"),
        ({"options": ("--constraint=a\n#SBATCH --uid=0",)}, "options: a line break"),
        ({"account": "ann\u2028"}, "account: a line break"),
        ({"shared_folder": "runs"}, "shared_folder: no absolute path"),
        ({"shared_folder": "/home\\ann"}, "backslash"),
        ({"name": "../x"}, "name: it becomes part of a file's name"),
        ({"name": ""}, "name: it becomes part of a file's name"),
        ({"options": ("constraint=a100",)}, "no option of sbatch"),
        ({"options": (" ",)}, "no option of sbatch"),
        ({"options": ("--signal=KILL@5",)}, "the script sets --signal itself"),
        ({"options": ("--no-requeue",)}, "the script sets --no-requeue itself"),
        ({"options": ("-N4",)}, "the script sets -N itself"),
        ({"time_s": SHORTEST_S - 1}, "time: too short"),
        ({"temp_root": "/" + "t" * TEMP_ROOT_BYTES}, "temp_root: too long"),
        ({"gpu_type": "a100"}, "gpu_type: no GPU is asked for"),
        ({"command": ()}, "nothing to run"),
    ],
)
def test_what_slurm_could_misread_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SlurmConfigError, match=words):
        SlurmConfig(**PLAIN | changed)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ClusterError) as caught:
        SlurmConfig(**PLAIN | {"time_s": 1.0, "options": ("--array=1-9",), "qos": "a\nb"})
    assert len(str(caught.value).split("\n")) == 3


def test_other_options_of_sbatch_are_accepted() -> None:
    SlurmConfig(**PLAIN | {"options": ("--constraint=a100&nvlink", "-C a100", "--exclude=node7", "--gres=gpu:2")})
