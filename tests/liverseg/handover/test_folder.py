"""A model's folder appears whole or not at all, and one changed byte anywhere is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from liverseg.errors import ConfigError, DataError
from liverseg.handover.folder import ModelFolder, check_free, open_model, write_model
from tests.liverseg.handover.models import small_model, small_network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return small_model(tmp_path_factory.mktemp("models") / "liver-v1", "t0000", "t0001")


def files(model: ModelFolder) -> list[str]:
    return sorted(path.relative_to(model.path).as_posix() for path in model.path.rglob("*") if path.is_file())


def test_what_was_written_is_what_is_opened(model: ModelFolder) -> None:
    again = open_model(model.path)
    assert again == model and again.id.startswith("m-") and len(again.id) == 14
    assert files(model) == ["card.json", "checksums.json", "model.json", "weights/t0000.npz", "weights/t0001.npz"]


def test_the_id_stands_for_the_content_and_not_for_the_place(model: ModelFolder, tmp_path: Path) -> None:
    shutil.copytree(model.path, tmp_path / "moved")
    assert open_model(tmp_path / "moved").id == model.id
    assert small_model(tmp_path / "liver-v1", "t0000").id != model.id


@pytest.mark.parametrize(
    "name", ["card.json", "checksums.json", "model.json", "weights/t0000.npz", "weights/t0001.npz"]
)
@pytest.mark.parametrize("where", [0.0, 0.37, 0.999])
def test_one_changed_byte_is_refused(model: ModelFolder, tmp_path: Path, name: str, where: float) -> None:
    shutil.copytree(model.path, tmp_path / "copy")
    path = tmp_path / "copy" / name
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as told:
        open_model(tmp_path / "copy")
    assert told.value.rule in ("M1", "M2")
    if name != "checksums.json":
        assert f"{name} was changed" in str(told.value)


def test_missing_further_and_linked_files_are_refused(model: ModelFolder, tmp_path: Path) -> None:
    shutil.copytree(model.path, tmp_path / "copy")
    extra = tmp_path / "copy" / "notes.txt"
    extra.write_text("mine")
    with pytest.raises(DataError, match=r"notes.txt is new"):
        open_model(tmp_path / "copy")
    extra.unlink()
    extra.symlink_to(tmp_path / "copy" / "model.json")
    with pytest.raises(DataError, match=r"only files and folders"):
        open_model(tmp_path / "copy")
    extra.unlink()
    (tmp_path / "copy" / "weights" / "t0001.npz").unlink()
    with pytest.raises(DataError, match=r"weights/t0001.npz is missing"):
        open_model(tmp_path / "copy")


def test_other_folders_are_no_models(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"rule M2.*liversweep export"):
            open_model(path)


def test_consistent_checksums_of_another_version_are_told(model: ModelFolder, tmp_path: Path) -> None:
    shutil.copytree(model.path, tmp_path / "copy")
    path = tmp_path / "copy" / "checksums.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 9}))
    with pytest.raises(DataError, match=r"rule M2.*another version"):
        open_model(tmp_path / "copy")


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(model: ModelFolder, tmp_path: Path) -> None:
    member, arrays, _ = small_network("t0000")
    described = model.description
    with pytest.raises(ConfigError, match=r"something in the model's place"):
        write_model(model.path, described, {member.trial: arrays}, lambda folder: None)

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_model(tmp_path / "new", described, {"t0000": arrays, "t0001": arrays}, full)
    assert list(tmp_path.iterdir()) == []


def test_no_model_is_put_into_another(model: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"its files are sealed; got within the model"):
        check_free(model.path / "deep" / "other")
    open_model(model.path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "checksums.json").write_text("somebody else's")
    check_free(tmp_path / "models" / "liver-v2")


def test_what_a_file_manager_left_is_to_be_taken_out(tmp_path: Path) -> None:
    found = small_model(tmp_path / "liver-v1")
    (found.path / ".DS_Store").touch()
    with pytest.raises(DataError, match=r"got \.DS_Store is new; .*take out what is new"):
        open_model(found.path)
    (found.path / "card.json").unlink()
    with pytest.raises(DataError, match=r"\.DS_Store is new, card\.json is missing; .*copy the folder again"):
        open_model(found.path)
