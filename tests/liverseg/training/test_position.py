from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverseg.errors import TrainingError
from liverseg.training.checkpoint import Checkpoint, checkpoint_digest, load_checkpoint, save_checkpoint
from liverseg.training.epoch_part import EpochPart
from liverseg.training.loop import TrainingRun
from liverseg.training.position import read_position
from liverseg.training.record import EpochRecord
from tests.liverseg.training.packs import tiny_config
from tests.liverseg.training.runs import TRAIN, VALIDATION, finish

OLD = Path(__file__).parent / "checkpoint_v1"
"""Two of three epochs of `three_layers`, as version 1 wrote them."""


def row(epoch: int) -> dict[str, object]:
    return EpochRecord(epoch, 4 * epoch, 0.5, 0.25, 1e-3, 2.0, 1.5, 3.0, {"dice_liver_mean": 0.25}).as_dict()


def write(folder: Path, **changes: object) -> Path:
    part = EpochPart([0.5, 0.25], 1e-3, 1.0)
    values = {"history": [row(1), row(2)], "best_epoch": 2, "part": part.as_dict(), "seconds": 5.5} | changes
    arrays = {"network": {"m0000": np.arange(3, dtype=np.float32)}, "best": {"m0000": np.zeros(2, np.int8)}}
    save_checkpoint(folder, Checkpoint(values, arrays))
    return folder


def test_a_position_says_where_the_training_goes_on(tmp_path):
    position = read_position(write(tmp_path))
    assert (position.epochs, position.batches, position.updates) == (2, 2, 10)
    assert (position.seconds, position.best_epoch) == (5.5, 2)
    assert [record.as_dict() for record in position.history] == [row(1), row(2)]
    assert position.digest == checkpoint_digest(tmp_path)


def test_before_the_first_batch(tmp_path):
    position = read_position(write(tmp_path, history=[], best_epoch=None, part=EpochPart().as_dict()))
    assert (position.epochs, position.batches, position.updates, position.history) == (0, 0, 0, ())


@pytest.mark.parametrize("changes", [{"history": [row(2)]}, {"history": 3}, {"history": [{}]}, {"seconds": None}])
def test_a_checkpoint_that_is_not_a_trainings_is_refused(tmp_path, changes):
    with pytest.raises(TrainingError, match="cannot be used"):
        read_position(write(tmp_path, **changes))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = write(tmp_path_factory.mktemp("whole"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


Damage = Callable[[bytes, int], bytes | None]
DAMAGES: dict[str, Damage] = {
    "flipped": lambda content, at: content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :],
    "cut off": lambda content, at: content[:at],
    "with a hole": lambda content, at: content[:at] + content[at + 1 :],
    "zeroed to the end": lambda content, at: content[:at] + bytes(len(content) - at - 1) + b"\x01",
    "garbage": lambda content, at: bytes((at * 7 + k * k) % 256 for k in range(at)),
    "deleted": lambda content, at: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_happens_to_a_file_at_any_byte_is_one_clear_error(tmp_path, files, damage):
    for name, content in files.items():
        for other, whole in files.items():
            (tmp_path / other).write_bytes(whole)
        read_position(tmp_path)
        for at in range(len(content)) if damage != "deleted" else range(1):
            damaged = DAMAGES[damage](content, at)
            if damaged is None:
                (tmp_path / name).unlink()
            else:
                (tmp_path / name).write_bytes(damaged)
            with pytest.raises(TrainingError, match="cannot be used"):
                read_position(tmp_path)


@given(data=st.data())
def test_any_bytes_in_place_of_a_file_are_refused_alike_by_all_who_read_it(tmp_path_factory, files, data):
    name = data.draw(st.sampled_from(sorted(files)))
    content = data.draw(st.binary() | st.binary(max_size=64).map(lambda more: files[name] + more + b"\n"))
    folder = tmp_path_factory.mktemp("damaged")
    for other, whole in files.items():
        (folder / other).write_bytes(content if other == name else whole)
    for reader in (read_position, load_checkpoint):
        with pytest.raises(TrainingError, match="cannot be used"):
            reader(folder)
    shutil.rmtree(folder)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path, files):
    write(tmp_path)
    for name in files:
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        with pytest.raises(TrainingError, match="cannot be used"):
            read_position(tmp_path)
        (tmp_path / name).rmdir()
        (tmp_path / name).write_bytes(files[name])


def test_the_first_version_is_still_read():
    position = read_position(OLD)
    assert (position.epochs, position.batches, position.updates, position.best_epoch) == (2, 0, 6, 1)
    assert position.history[1].loss == pytest.approx(1.38229, abs=1e-5)


def test_a_training_goes_on_from_the_first_version(small_network, tmp_path):
    config = tiny_config(3, {"schedule": "plateau"}, early_stopping=5)
    run = TrainingRun(config, TRAIN, VALIDATION)
    run.restore(OLD)
    assert run.best is not None and len(run.best.pictures) == 1 and run.updates == 6
    finish(run).save(tmp_path)
    assert len(run.history) == 3 and read_position(tmp_path).epochs == 3
