"""The script's text: as it was looked over once, accepted by bash, and the same words in whatever they are given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.slurm.config import SlurmConfig
from cluster.slurm.script import render, sbatch_value, time_limit
from tests.cluster.slurm.fake_slurm import read_options

GOLDEN = Path(__file__).with_name("golden")
CONFIGS = {
    "small": SlurmConfig(
        name="liver-archs",
        command=("liversweep", "run", "/home/ann/spec.yaml", "--or-resume", "--runs", "/home/ann/runs"),
        working_folder="/home/ann",
        shared_folder="/home/ann/runs/.slurm",
    ),
    "gpus": SlurmConfig(
        name="study",
        command=("liversweep", "run", "study", "--or-resume", "--set", "search.trials=200"),
        working_folder="/work/ann",
        shared_folder="/work/ann/runs/.slurm",
        bin_folder="/work/ann/venv/bin",
        nodes=4,
        cpus_per_node=32,
        gpus_per_node=4,
        gpu_type="a100",
        memory_per_node_bytes=256 * 1024**3,
        time_s=1.5 * 86_400,
        object_store_bytes=64 * 1024**3,
        partition="gpu",
        account="liver",
        qos="long",
        setup=("module load python/3.11", "source /work/ann/venv/bin/activate"),
        options=("--constraint=nvlink", "--mail-type=END"),
    ),
    "hostile": SlurmConfig(
        name="fake",
        command=("liversweep", "run", '/data/it\'s $(reboot) `x`/a "b" #c.yaml', "--runs", "s3://bucket/a b"),
        working_folder="/data/it's #1 $HOME",
        shared_folder='/data/100% hetjob/"q"',
        nodes=2,
        partition="a b",
        exclusive=False,
        requeues=0,
        temp_root="/local/it's",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_script_is_the_one_that_was_looked_over(name: str) -> None:
    """After a wanted change: LIVERSWEEP_GOLDEN=write python -m pytest tests/cluster/slurm, and read the difference."""
    path, text = GOLDEN / f"{name}.sh", render(CONFIGS[name])
    if os.environ.get("LIVERSWEEP_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", CONFIGS)
def test_bash_accepts_it(name: str) -> None:
    done = subprocess.run(["bash", "-n"], input=render(CONFIGS[name]), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_options_are_read_back_as_they_were_meant() -> None:
    options = read_options(render(CONFIGS["hostile"]))
    assert options["chdir"] == "/data/it's #1 $HOME"
    assert options["output"] == '/data/100%% hetjob/"q"/fake-%j.log'
    assert options["partition"] == "a b"
    assert "exclusive" not in options and "exclusive" in read_options(render(CONFIGS["small"]))


def test_old_slurms_find_no_word_to_blank_out() -> None:
    assert "hetjob" not in sbatch_value("/data/HETJOB packjob/hetjob").lower()


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["C", "Z"]) | st.sampled_from(" \t'\"\\#$%")))
def test_sbatch_reads_every_value_back(text: str) -> None:
    """Blanks in front of an option are no part of it, so the value has a letter before and after it."""
    text = f"a{text}b"
    assert read_options(f"#SBATCH --comment={sbatch_value(text)}\n") == {"comment": text}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(300, "0-00:05:00"), (86_400 * 2 + 3661, "2-01:01:01"), (59.2, "0-00:01:00"), (36_000, "0-10:00:00")],
)
def test_times_as_slurm_writes_them(seconds: float, text: str) -> None:
    assert time_limit(seconds) == text


_WORDS = st.text(
    st.characters(min_codepoint=32, exclude_categories=["C", "Z"]) | st.sampled_from(" '\"\\#$`!*~;&|<>()")
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_WORDS.filter(lambda word: word != ""), min_size=1, max_size=4))
def test_bash_gives_the_sweep_the_words_it_was_meant_to_have(words: list[str]) -> None:
    config = SlurmConfig(
        name="fake", command=("liversweep", *words), working_folder="/tmp", shared_folder="/tmp", temp_root="/tmp"
    )
    line = next(line for line in render(config).splitlines() if line.startswith("sweep=("))
    done = subprocess.run(
        ["bash"], input=line + "\nprintf '%s\\0' \"${sweep[@]}\"\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\0") == ["liversweep", *words, ""]
