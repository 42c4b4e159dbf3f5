from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from liverseg.errors import TrainingError
from liverseg.training import checkpoint as module
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
    real = module._write_arrays
    monkeypatch.setattr(module, "_write_arrays", lambda f, group, a: written.append(group) or real(f, group, a))
    save_checkpoint(tmp_path, example(2.0), reuse={"best": digests["best"]})
    assert written == ["network"]
    assert set(load_checkpoint(tmp_path).arrays) == {"network", "best"}


def test_a_crash_before_the_last_step_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, example())

    def crash(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(module, "write_text", crash)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path, example(2.0))
    assert load_checkpoint(tmp_path).arrays["network"]["m0000"][0] == 1.0


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "json", "version", "none", "escape"])
def test_a_damaged_checkpoint_is_one_clear_error(tmp_path, damage):
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
        state.write_text(json.dumps(document | {"schema_version": 99}))
    elif damage == "escape":
        state.write_text(json.dumps(document | {"sha256": {"../network": "0" * 64}}))
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
    with pytest.raises(ValueError, match="allow_pickle"):
        save_checkpoint(planted, Checkpoint({}, {"network": {"m0000": np.array([Marker(marker)], object)}}))
    save_checkpoint(planted, example())
    document = json.loads((planted / "state.json").read_text())
    payload = pickle.dumps(Marker(marker))
    import hashlib

    digest = hashlib.sha256(payload).hexdigest()
    (planted / f"network-{digest[:16]}.npz").write_bytes(payload)
    document["sha256"]["network"] = digest
    (planted / "state.json").write_text(json.dumps(document))
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
