"""What every layout must do, whoever wrote it: subclass, give `make` and `layout`, and run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from liverseg.data import CaseFiles, Inventory, LayoutSpec, detect_layout, find_cases, list_cases
from liverseg.errors import DataError


class LayoutConformance(ABC):
    """The conformance suite of the entry-point group `liversweep.layouts`."""

    globs: dict[str, str] = {}  # noqa: RUF012
    lists_its_files = False
    """Whether the layout reads a table of contents, so that a file missing on disk still counts as named."""

    @property
    @abstractmethod
    def layout(self) -> LayoutSpec:
        """The layout under test."""

    @abstractmethod
    def make(self, root: Path, count: int) -> list[tuple[Path, Path]]:
        """Write `count` sound cases in this layout; return image and mask of each, in natural order."""

    def cases(self, root: Path) -> list[CaseFiles]:
        return find_cases(root, self.layout.name, **self.globs)

    def test_is_a_spec_with_a_line_of_documentation(self) -> None:
        assert isinstance(self.layout, LayoutSpec)
        assert self.layout.name.isidentifier()
        assert self.layout.doc and "\n" not in self.layout.doc

    def test_finds_every_pair_in_natural_order(self, tmp_path: Path) -> None:
        made = self.make(tmp_path, 12)
        found = self.cases(tmp_path)
        assert [(case.image, case.mask) for case in found] == made
        assert len({case.name for case in found}) == 12
        assert all(case.name for case in found)

    def test_finds_files_behind_links(self, tmp_path: Path) -> None:
        self.make(tmp_path / "elsewhere", 2)
        root = tmp_path / "root"
        root.mkdir()
        for entry in (tmp_path / "elsewhere").iterdir():
            (root / entry.name).symlink_to(entry)
        assert len(self.cases(root)) == 2

    def test_names_a_missing_mask_and_keeps_the_others(self, tmp_path: Path) -> None:
        made = self.make(tmp_path, 3)
        made[1][1].unlink()
        with pytest.raises(DataError) as caught:
            self.cases(tmp_path)
        assert caught.value.rule == "D2"
        assert caught.value.next_step
        listing = list_cases(tmp_path, self.layout.name, **self.globs)
        assert [case.image for case in listing.cases] == [made[0][0], made[2][0]]
        assert [problem.rule for problem in listing.problems] == ["D2"]

    def test_names_a_missing_image_and_keeps_the_others(self, tmp_path: Path) -> None:
        made = self.make(tmp_path, 3)
        made[0][0].unlink()
        listing = list_cases(tmp_path, self.layout.name, **self.globs)
        assert [case.image for case in listing.cases] == [made[1][0], made[2][0]]
        assert [problem.rule for problem in listing.problems] == ["D2"]

    def test_refuses_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            self.cases(tmp_path)
        assert caught.value.rule == "D1"
        assert caught.value.next_step

    def test_refuses_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such folder"):
            self.cases(tmp_path / "missing")

    def test_returns_an_inventory(self, tmp_path: Path) -> None:
        from liverseg.data import Globs

        self.make(tmp_path, 1)
        globs = Globs(**self.globs) if self.layout.needs_globs else None
        inventory = self.layout.find(tmp_path, globs)
        assert isinstance(inventory, Inventory)
        assert [item.key for item in inventory.images] == [item.key for item in inventory.masks]

    def test_recognises_its_own_folder_and_no_empty_one(self, tmp_path: Path) -> None:
        self.make(tmp_path / "own", 2)
        (tmp_path / "empty").mkdir()
        assert not self.layout.recognises(tmp_path / "empty")
        assert not self.layout.recognises(tmp_path / "missing")
        if not self.layout.needs_globs:
            assert detect_layout(tmp_path / "own").name == self.layout.name
