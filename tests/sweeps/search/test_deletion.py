"""What retention lets go of is deleted, whole, once, and nothing beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sweeps.search.retention import STATE, WEIGHTS, delete, present
from tests.sweeps.search.test_retention import BOTH


class TestDeletion:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in (
            "checkpoint/weights.npz",
            "checkpoint/state.json",
            "state/0/state.json",
            "state/1/a.npz",
            "final.json",
            "overlays.npz",
        ):
            path = tmp_path / "t0" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        return tmp_path / "t0"

    @pytest.mark.parametrize(
        ("what", "left"),
        [
            ((), ["checkpoint", "final.json", "overlays.npz", "state"]),
            ((WEIGHTS,), ["final.json", "state"]),
            ((STATE,), ["checkpoint", "final.json", "overlays.npz"]),
            (BOTH, ["final.json"]),
        ],
    )
    def test_removes_what_is_named_and_again_changes_nothing(
        self, folder: Path, what: tuple[str, ...], left: list[str]
    ) -> None:
        for _ in range(2):
            delete(folder, what)
            assert sorted(path.name for path in folder.iterdir()) == left
            assert not present(folder, what)
        assert present(folder, BOTH) is (what != BOTH)

    def test_a_trial_without_a_folder_has_nothing_to_delete(self, tmp_path: Path) -> None:
        delete(tmp_path / "none", BOTH)
        assert not (tmp_path / "none").exists()

    def test_a_crash_leaves_no_half_folder_and_the_next_call_clears_up(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(path: Path) -> None:
            (path / "weights.npz").unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", crash)
            with pytest.raises(KeyboardInterrupt):
                delete(folder, (WEIGHTS,))
        assert sorted(path.name for path in folder.iterdir()) == [
            ".checkpoint.released",
            "final.json",
            "overlays.npz",
            "state",
        ]
        assert present(folder, (WEIGHTS,))
        delete(folder, (WEIGHTS,))
        assert sorted(path.name for path in folder.iterdir()) == ["final.json", "state"]

    def test_a_leftover_does_not_keep_a_new_folder_from_going(self, folder: Path) -> None:
        (folder / ".state.released").mkdir()
        (folder / ".state.released" / "old").write_text("x")
        delete(folder, (STATE,))
        assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "final.json", "overlays.npz"]

    def test_what_a_link_points_to_stays(self, folder: Path, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "thesis").write_text("x")
        shutil.rmtree(folder / "checkpoint")
        (folder / "checkpoint").symlink_to(precious)
        (folder / "state" / "2").symlink_to(precious)
        delete(folder, BOTH)
        assert sorted(path.name for path in folder.iterdir()) == ["final.json"]
        assert (precious / "thesis").read_text() == "x"

    def test_a_link_in_place_of_a_trial_is_refused(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "t1").symlink_to(folder)
        with pytest.raises(OSError, match="is a link, nothing was deleted"):
            delete(tmp_path / "t1", BOTH)
        assert (folder / "checkpoint").is_dir()
