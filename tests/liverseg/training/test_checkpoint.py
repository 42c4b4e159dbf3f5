from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from liverseg.errors import TrainingError
from liverseg.training import checkpoint as module
from liverseg.training import state_file
from liverseg.training.array_file import read_arrays, write_arrays
from liverseg.training.atomic import atomic_path
from liverseg.training.checkpoint import Checkpoint, checkpoint_digest, load_checkpoint, save_checkpoint


def example(value: float = 1.0) -> Checkpoint:
    return Checkpoint({"epoch": 3}, {"network": {"m0000": np.full(4, value, np.float32)}, "best": {"x": np.arange(3)}})


def test_values_and_arrays_come_back(tmp_path):
    save_checkpoint(tmp_path, example())
    back = load_checkpoint(tmp_path)
    assert back.values == {"epoch": 3}
    np.testing.assert_array_equal(back.arrays["network"]["m0000"], np.full(4, 1.0, np.float32))
    assert back.arrays["best"]["x"].dtype == np.arange(3).dtype


def test_a_second_save_leaves_only_its_own_files(tmp_path):
    save_checkpoint(tmp_path, example())
    first = checkpoint_digest(tmp_path)
    save_checkpoint(tmp_path, example(2.0))
    assert load_checkpoint(tmp_path).arrays["network"]["m0000"][0] == 2.0
    assert len(list(tmp_path.iterdir())) == 3
    assert checkpoint_digest(tmp_path) != first


def test_unchanged_groups_are_not_written_again(tmp_path, monkeypatch):
    digests = save_checkpoint(tmp_path, example())
    written: list[str] = []
    real = module.write_arrays
    monkeypatch.setattr(module, "write_arrays", lambda path, a: written.extend(a) or real(path, a))
    save_checkpoint(tmp_path, example(2.0), reuse={"best": digests["best"]})
    assert written == ["m0000"]
    assert set(load_checkpoint(tmp_path).arrays) == {"network", "best"}


def test_a_crash_before_the_last_step_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, example())

    def crash(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(module, "write_bytes", crash)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, example(2.0))
    assert load_checkpoint(tmp_path).arrays["network"]["m0000"][0] == 1.0


class Killed(BaseException):
    """The process is gone: nothing that it still wanted to do happens."""


def test_killed_between_any_two_steps_the_folder_holds_the_old_or_the_new(tmp_path, monkeypatch):
    def killed_after(steps: int, folder: Path) -> bool:
        left = [steps]

        def step(real):
            def either(*arguments: object, **options: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return real(*arguments, **options)

            return either

        with monkeypatch.context() as patch:
            for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "open")):
                patch.setattr(owner, name, step(getattr(owner, name)))
            try:
                save_checkpoint(folder, example(2.0))
            except Killed:
                return True
            return False

    found: list[float] = []
    for steps in range(100):
        folder = tmp_path / str(steps)
        save_checkpoint(folder, example())
        killed = killed_after(steps, folder)
        found.append(float(load_checkpoint(folder).arrays["network"]["m0000"][0]))
        save_checkpoint(folder, example(3.0))
        assert len(list(folder.iterdir())) == 3
        if not killed:
            break
    assert found == sorted(found) and set(found) == {1.0, 2.0} and len(found) > 10


def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path):
    save_checkpoint(tmp_path, example())
    for name in (".network.99.tmp", ".state.json.99.tmp"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / f"network-{'0' * 16}.npz").write_bytes(b"whole, but never named")
    (tmp_path / "notes.txt").write_text("not of a checkpoint")
    save_checkpoint(tmp_path, example(2.0))
    assert len(list(tmp_path.iterdir())) == 4 and (tmp_path / "notes.txt").exists()


def test_the_same_content_is_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        save_checkpoint(tmp_path / name, example())
    assert checkpoint_digest(tmp_path / "one") == checkpoint_digest(tmp_path / "other")


def test_files_hold_what_numpy_itself_reads(tmp_path):
    arrays = {
        "a": np.arange(6).reshape(2, 3).T,
        "b": np.float32(2.5),
        "c": np.zeros((0, 2)),
        "d": np.array(["x", "ab"]),
    }
    digest = write_arrays(tmp_path / "x.npz", arrays)
    assert digest == hashlib.sha256((tmp_path / "x.npz").read_bytes()).hexdigest()
    back = read_arrays(tmp_path / "x.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == np.asarray(array).dtype and back[name].shape == np.shape(array)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "json", "version", "none", "escape"])
def test_a_damaged_checkpoint_is_one_clear_error(tmp_path, damage, monkeypatch):
    save_checkpoint(tmp_path, example())
    arrays = next(tmp_path.glob("network-*.npz"))
    state = tmp_path / "state.json"
    data = bytearray(arrays.read_bytes())
    document = json.loads(state.read_text())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        arrays.write_bytes(data)
    elif damage == "truncate":
        arrays.write_bytes(data[:-5])
    elif damage == "remove":
        arrays.unlink()
    elif damage == "json":
        state.write_text(state.read_text()[:-20])
    elif damage == "version":
        monkeypatch.setattr(state_file, "SCHEMA_VERSION", 99)
        save_checkpoint(tmp_path, example())
        monkeypatch.undo()
    elif damage == "escape":
        state.write_bytes(state_file.render_state(document["values"], {"../network": "0" * 64}))
    else:
        state.unlink()
    with pytest.raises(TrainingError, match="cannot be used"):
        load_checkpoint(tmp_path)


class Marker:
    """Unpickling it would write a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (self.path.write_text, ("executed",))


def test_a_planted_pickle_is_never_run(tmp_path):
    marker = tmp_path / "marker"
    planted = tmp_path / "checkpoint"
    with pytest.raises(ValueError, match="pickle"):
        save_checkpoint(planted, Checkpoint({}, {"network": {"m0000": np.array([Marker(marker)], object)}}))
    save_checkpoint(planted, example())
    document = json.loads((planted / "state.json").read_text())
    payload = pickle.dumps(Marker(marker))
    digest = hashlib.sha256(payload).hexdigest()
    (planted / f"network-{digest[:16]}.npz").write_bytes(payload)
    groups = document["sha256"] | {"network": digest}
    (planted / "state.json").write_bytes(state_file.render_state(document["values"], groups))
    with pytest.raises(TrainingError):
        load_checkpoint(planted)
    assert not marker.exists()


def test_an_error_while_writing_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
