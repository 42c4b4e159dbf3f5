from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.costs.glance import check_memory
from sweeps.costs.machine import Machine
from sweeps.errors import UsageError
from tests.sweeps.spec.texts import load_text

SPEC = """\
name: small
data: {root: scans}
search:
  trials: 5
  space: {batch_size: [2, 64], size: [64, 512]}
  architectures: {unet: {base_filters: 64}, encoder_decoder: {base_filters: 8}}
cluster: {kind: local, cpus: 2}
"""
MACHINE = Machine(cpus=2, available_bytes=20 * 10**9)


def notes_of(folder: Path, *overrides: str, machine: Machine = MACHINE) -> list[str]:
    notes: list[str] = []
    check_memory(load_text(folder, SPEC, *overrides).spec, machine, notes.append)
    return notes


def test_a_region_that_cannot_fit_is_a_warning(tmp_path: Path) -> None:
    (unet,) = notes_of(tmp_path, "trial.memory=8GB")
    assert unet.startswith("warning: unet: batch_size 64, size 512, base_filters 64 needs at least ")
    assert "a trial has 8.0 GB (trial.memory): 1 of 4 combinations cannot fit, from batch_size 64, size 512 on" in unet
    assert notes_of(tmp_path, "trial.memory=400GB") == []


def test_a_run_of_which_nothing_fits_is_refused_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no trial fits into the memory that it may have"):
        notes_of(tmp_path, "trial.memory=200MB")
    assert len(notes_of(tmp_path, "trial.memory=400MB")) == 2, "something of one network may fit"


def test_without_a_limit_it_is_the_share_of_the_machine_and_elsewhere_nobody_knows(tmp_path: Path) -> None:
    (unet,) = notes_of(tmp_path)
    assert "its share of this machine's memory, 2 at a time" in unet
    assert notes_of(tmp_path, "cluster={kind: slurm}") == []


def test_on_a_gpu_the_card_counts(tmp_path: Path) -> None:
    cards = Machine(2, 10**12, (40_960,))
    (unet,) = notes_of(tmp_path, "trial.gpus=0.25", machine=cards)
    assert "trial.gpus 0.25 of a card of 43 GB" in unet and unet.endswith("or raise trial.gpus to 0.72")
    with pytest.raises(UsageError, match="share of the GPU is too small"):
        notes_of(tmp_path, "trial.gpus=0.02", machine=cards)
