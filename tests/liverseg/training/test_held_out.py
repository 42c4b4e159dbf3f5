"""A kept network on scans it never saw gives the numbers that its own training would have given for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from liverseg.errors import ConfigError, TrainingError
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.slice_stack import SliceStack
from liverseg.training.full_scores import full_record
from liverseg.training.held_out import score_held_out
from liverseg.training.loop import TrainingRun
from liverseg.training.weights import write_best
from tests.liverseg.training.packs import blob_pack, tiny_config
from tests.liverseg.training.runs import TRAIN, VALIDATION, finish


@pytest.fixture(scope="module")
def run() -> TrainingRun:
    return finish(TrainingRun(tiny_config(2, {"window": "fingerprint"}), TRAIN, VALIDATION))


@pytest.fixture(scope="module")
def kept(run: TrainingRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "checkpoint"
    assert run.best is not None
    write_best(folder, run.config, run.window, run.best)
    return folder


def test_on_the_validation_scans_it_gives_the_trial_s_own_record(run: TrainingRun, kept: Path) -> None:
    theirs = full_record(run.final_record(), run.score_best(), run.config.labels)
    ours = score_held_out(kept, VALIDATION)
    assert ours["cases"] == theirs["cases"] and ours["scores"] == theirs["scores"]
    expected = {"test_dice" if name == "val_dice" else name: value for name, value in theirs["metrics"].items()}
    assert ours["metrics"] == pytest.approx(expected)
    assert "val_dice" not in ours["metrics"] and set(ours) == {"metrics", "cases", "scores"}


def test_other_scans_give_other_numbers_and_the_same_ones_again(kept: Path) -> None:
    unseen = blob_pack(3, 4, seed=9)
    found = score_held_out(kept, unseen)
    assert [row[0] for row in found["cases"]] == [span.uid for span in unseen.cases]
    assert found == score_held_out(kept, unseen)
    assert found["cases"] != score_held_out(kept, VALIDATION)["cases"]


def test_scans_of_another_size_and_damaged_weights_are_refused(kept: Path, tmp_path: Path) -> None:
    rows = np.arange(VALIDATION.image.shape[0])
    images, masks = (SliceStack([part[rows][:, :16, :16]]) for part in (VALIDATION.image, VALIDATION.mask))
    small = Pack(images, masks, VALIDATION.cases, VALIDATION.foreground_hu)
    with pytest.raises(ConfigError, match=r"network's size; got 16; allowed: 32"):
        score_held_out(kept, small)
    for path in kept.iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(content if path.suffix == ".json" else content[:-9] + b"\0" * 9)
    with pytest.raises(TrainingError, match="is damaged"):
        score_held_out(tmp_path, VALIDATION)
