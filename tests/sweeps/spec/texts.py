"""Specs that several tests read, and ways to change them."""

from __future__ import annotations

from pathlib import Path

from sweeps.errors import Problem, SpecError
from sweeps.spec import LoadedSpec, load_spec

DOCUMENTED = """\
name: liver-archs
data: {root: ~/lits, layout: lits, split: {test: 0.2, validation: 0.2, folds: 1, seed: 7}}
prepare: {size: [64, 128], slices: liver}
search:
  trials: 60
  per_architecture: equal          # equal trials | equal updates | joint
  objective: val_dice              # mean of liver and tumour; or a list for multi-objective
  sampler: tpe                     # tpe | random | grid | cmaes | gp | nsga2 | qmc
  scheduler: asha                  # asha | median | hyperband | none
  space:
    learning_rate: {log: [1.0e-5, 1.0e-2]}
    batch_size: [8, 16, 32]
    size: [64, 128]
    window: [study, liver, fingerprint]
    loss: [ce, dice_ce]
  architectures:
    unet: {base_filters: [16, 32, 64]}
    unet_resnet18: {}
    unet_resnet50: {}
    segnet: {}
    encoder_decoder: {}
train: {epochs: 20, seeds: 1}
trial: {cpus: 1, gpus: 0, deadline: 2h}
cluster: {kind: local}
"""

SMALL = """\
name: small
data:
  root: scans
search:
  trials: 4
  architectures:
    unet: {}
    segnet: {}
"""

STAGED = """\
name: staged
data: {root: scans}
search:
  sampler: grid
  architectures: {unet: {base_filters: 8}, segnet: {base_filters: [8, 16]}}
train: {batch_size: 16, learning_rate: 1.0e-3}
stages:
  - name: networks
  - name: batches
    space: {batch_size: [4, 8, 16]}
  - name: rates
    from: best
    sampler: random
    trials: 7
    space: {learning_rate: {log: [1.0e-4, 1.0e-2]}}
"""


def load_text(folder: Path, text: str, *overrides: str) -> LoadedSpec:
    """Load a spec given as text."""
    path = folder / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path, overrides)


def problems_of(folder: Path, text: str, *overrides: str) -> tuple[Problem, ...]:
    """What is wrong with a spec given as text; at least one thing must be."""
    try:
        loaded = load_text(folder, text, *overrides)
    except SpecError as error:
        assert error.problems
        return error.problems
    raise AssertionError(f"the spec is fine: {loaded.spec}")
