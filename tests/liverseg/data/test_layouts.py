"""The built-in layouts: the conformance suite, and what is special about each."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from liverseg.data import LAYOUTS, Inventory, LayoutSpec, detect_layout, find_cases, layout_named, layouts, list_cases
from liverseg.data import registry as registry_module
from liverseg.errors import ConfigError, DataError
from tests.liverseg.data.layout_conformance import LayoutConformance
from tests.liverseg.data.nifti_files import put_pair

MSD_LABELS = {"0": "background", "1": "liver", "2": "cancer"}
NNUNET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1, "tumor": 2},
    "numTraining": 1,
    "file_ending": ".nii.gz",
}


def write_manifest(root: Path, content: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))


def make(pairs: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    for number, (image, mask) in enumerate(pairs):
        put_pair(image, mask, number)
    return pairs


class TestLits(LayoutConformance):
    layout = layout_named("lits")

    def make(self, root: Path, count: int) -> list[tuple[Path, Path]]:
        return make(
            [
                (root / f"volume_pt{n % 2}/volume-{n}.nii", root / f"segmentations/segmentation-{n}.nii.gz")
                for n in range(count)
            ]
        )

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        self.make(tmp_path, 2)
        for name in (
            "._volume-9.nii",
            "volume-9.nii.bak",
            "myvolume-9.nii",
            "volume-x.nii",
            ".git/volume-9.nii",
            "__MACOSX/volume-9.nii",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        assert [case.name for case in find_cases(tmp_path, "lits")] == ["volume-0", "volume-1"]

    def test_every_fault_of_the_folder_is_told_at_once(self, tmp_path: Path) -> None:
        made = self.make(tmp_path, 5)
        made[0][1].unlink()
        made[1][0].unlink()
        put_pair(tmp_path / "more/volume-2.nii.gz", tmp_path / "more/segmentation-7.nii")
        made[3][1].unlink()
        made[3][1].symlink_to("nowhere")
        with pytest.raises(DataError) as caught:
            find_cases(tmp_path, "lits")
        text = str(caught.value)
        for part in (
            "without a mask: volume-0",
            "without an image: volume-1, volume-7",
            "not there: volume-3",
            "twice: volume-2",
        ):
            assert part in text
        assert [case.name for case in list_cases(tmp_path, "lits").cases] == ["volume-4"]

    def test_leading_zeros_are_the_same_number(self, tmp_path: Path) -> None:
        put_pair(tmp_path / "volume-007.nii", tmp_path / "segmentation-7.nii")
        assert [case.name for case in find_cases(tmp_path)] == ["volume-7"]

    def test_links_in_rings_end(self, tmp_path: Path) -> None:
        self.make(tmp_path, 1)
        for name in "abc":
            (tmp_path / name).symlink_to(tmp_path)
        assert len(find_cases(tmp_path)) == 1

    def test_long_lists_are_cut(self, tmp_path: Path) -> None:
        for _, mask in self.make(tmp_path, 13):
            mask.unlink()
        with pytest.raises(DataError, match="volume-9 and 3 more"):
            find_cases(tmp_path, "lits")


class TestMsd(LayoutConformance):
    layout = layout_named("msd")
    lists_its_files = True

    def make(self, root: Path, count: int) -> list[tuple[Path, Path]]:
        names = [f"liver_{n}.nii.gz" for n in range(count)]
        training = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names]
        write_manifest(root, {"labels": MSD_LABELS, "training": training, "test": ["./imagesTs/liver_1.nii.gz"]})
        return make([(root / "imagesTr" / name, root / "labelsTr" / name) for name in names])

    @pytest.mark.parametrize(
        ("manifest", "rule"),
        [
            ("{", "D1"),
            ("[" * 100_000, "D1"),
            ([], "D1"),
            ({"labels": MSD_LABELS}, "D1"),
            ({"labels": MSD_LABELS, "training": ["a"]}, "D1"),
            ({"labels": MSD_LABELS, "training": [{"image": "a"}]}, "D1"),
            ({"training": []}, "D1"),
            ({"labels": {"liver": 1}, "training": []}, "D1"),
            ({"labels": {"0": "background", "1": "pancreas", "2": "cancer"}, "training": []}, "D5"),
            ({"labels": {"0": "background", "1": "liver", "2": "vessel"}, "training": []}, "D5"),
            ({"labels": {"0": "background"}, "training": []}, "D5"),
            ({"labels": MSD_LABELS, "training": [{"image": "../a.nii", "label": "b.nii"}]}, "D1"),
            ({"labels": MSD_LABELS, "training": [{"image": "a.nii", "label": "/etc/passwd"}]}, "D1"),
            ({"labels": MSD_LABELS, "training": [{"image": "a.nii", "label": 7}]}, "D1"),
            ({"labels": MSD_LABELS, "training": [{"image": "a\0.nii", "label": "b.nii"}]}, "D1"),
            ({"labels": MSD_LABELS, "training": []}, "D1"),
        ],
    )
    def test_bad_manifests_are_refused(self, tmp_path: Path, manifest: Any, rule: str) -> None:
        write_manifest(tmp_path, manifest)
        with pytest.raises(DataError) as caught:
            find_cases(tmp_path, "msd")
        assert caught.value.rule == rule
        assert caught.value.next_step

    def test_the_same_case_twice_is_refused(self, tmp_path: Path) -> None:
        pair = {"image": "imagesTr/liver_0.nii.gz", "label": "labelsTr/liver_0.nii.gz"}
        self.make(tmp_path, 1)
        write_manifest(tmp_path, {"labels": MSD_LABELS, "training": [pair, pair]})
        with pytest.raises(DataError) as caught:
            find_cases(tmp_path)
        assert caught.value.rule == "D3"


class TestNnunet(LayoutConformance):
    layout = layout_named("nnunet")

    def make(self, root: Path, count: int) -> list[tuple[Path, Path]]:
        write_manifest(root, NNUNET)
        return make(
            [(root / f"imagesTr/liver_{n}_0000.nii.gz", root / f"labelsTr/liver_{n}.nii.gz") for n in range(count)]
        )

    def test_uncompressed_files(self, tmp_path: Path) -> None:
        write_manifest(tmp_path, {**NNUNET, "file_ending": ".nii"})
        put_pair(tmp_path / "imagesTr/a_0000.nii", tmp_path / "labelsTr/a.nii")
        assert [case.name for case in find_cases(tmp_path)] == ["a"]

    def test_a_table_of_files_in_the_manifest_wins(self, tmp_path: Path) -> None:
        table = {"p1": {"images": ["x/one.nii.gz"], "label": "y/two.nii.gz"}}
        write_manifest(tmp_path, {**NNUNET, "dataset": table})
        put_pair(tmp_path / "x/one.nii.gz", tmp_path / "y/two.nii.gz")
        assert [(case.name, case.mask.name) for case in find_cases(tmp_path)] == [("p1", "two.nii.gz")]

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"file_ending": ".mha"}, "D1"),
            ({"file_ending": None}, "D1"),
            ({"channel_names": {"0": "CT", "1": "PET"}}, "D1"),
            ({"channel_names": {"0": "T1"}}, "D1"),
            ({"channel_names": "CT"}, "D1"),
            ({"labels": {"background": 0, "whole": [1, 2]}}, "D1"),
            ({"labels": {"background": 0, "spleen": 1}}, "D5"),
            ({"dataset": {"a": {"images": ["a", "b"], "label": "c"}}}, "D1"),
            ({"dataset": {"a": {"images": ["../a"], "label": "c"}}}, "D1"),
        ],
    )
    def test_bad_manifests_are_refused(self, tmp_path: Path, change: dict[str, Any], rule: str) -> None:
        self.make(tmp_path, 1)
        write_manifest(tmp_path, {**NNUNET, **change})
        with pytest.raises(DataError) as caught:
            find_cases(tmp_path, "nnunet")
        assert caught.value.rule == rule


class TestPairs(LayoutConformance):
    layout = layout_named("pairs")
    globs = {"images": "ct/*_scan.nii.gz", "masks": "seg/*/liver.nii.gz"}  # noqa: RUF012

    def make(self, root: Path, count: int) -> list[tuple[Path, Path]]:
        return make([(root / f"ct/p{n}_scan.nii.gz", root / f"seg/p{n}/liver.nii.gz") for n in range(count)])

    @pytest.mark.parametrize(
        ("images", "masks", "files", "names"),
        [
            ("*.nii", "*_seg.nii", [("p1.nii", "p1_seg.nii"), ("p2.nii", "p2_seg.nii")], ["p1", "p2"]),
            ("**/ct.nii", "**/seg.nii", [("a/b/ct.nii", "a/b/seg.nii"), ("ct.nii", "seg.nii")], ["a-b", "case"]),
            ("i/**/*.nii", "m/**/*.nii", [("i/a/1.nii", "m/a/1.nii"), ("i/2.nii", "m/2.nii")], ["2", "a-1"]),
            ("c?[0-9].nii", "m?[0-9].nii", [("ca1.nii", "ma1.nii"), ("cb1.nii", "mb1.nii")], ["a-1", "b-1"]),
            ("./[!m]*.nii", "m*.nii", [("c1.nii", "m1.nii")], None),
            ("ct.nii", "seg.nii", [("ct.nii", "seg.nii")], ["case"]),
            (
                "*/*/c.nii",
                "*/*/m.nii",
                [("a-b/c/c.nii", "a-b/c/m.nii"), ("a/b-c/c.nii", "a/b-c/m.nii")],
                ["a / b-c", "a-b / c"],
            ),
        ],
    )
    def test_wildcards_join_image_and_mask(
        self, tmp_path: Path, images: str, masks: str, files: list[tuple[str, str]], names: list[str] | None
    ) -> None:
        for image, mask in files:
            put_pair(tmp_path / image, tmp_path / mask)
        if names is None:
            with pytest.raises(ConfigError, match="same number of wildcards"):
                find_cases(tmp_path, "pairs", images=images, masks=masks)
            return
        found = find_cases(tmp_path, "pairs", images=images, masks=masks)
        assert [case.name for case in found] == names
        assert {(str(c.image.relative_to(tmp_path)), str(c.mask.relative_to(tmp_path))) for c in found} == set(files)

    @pytest.mark.parametrize("pattern", ["/data/*.nii", "../*.nii", "a/../../*.nii"])
    def test_patterns_stay_in_the_folder(self, tmp_path: Path, pattern: str) -> None:
        with pytest.raises(ConfigError, match="leaves the data folder"):
            find_cases(tmp_path, "pairs", images=pattern, masks="*.nii")

    def test_patterns_are_needed_here_and_nowhere_else(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="patterns missing"):
            find_cases(tmp_path, "pairs", images="*.nii")
        with pytest.raises(ConfigError, match="takes no patterns"):
            find_cases(tmp_path, "lits", images="*.nii", masks="*.nii")


def test_unknown_layout_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lits"):
        find_cases(tmp_path, "dicom")


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_unrecognised_folder_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="name the layout"):
        detect_layout(tmp_path / name)


def plug_in(monkeypatch: pytest.MonkeyPatch, thing: object) -> None:
    def load() -> object:
        if isinstance(thing, Exception):
            raise thing
        return thing

    point = SimpleNamespace(name="extra", load=load)
    monkeypatch.setattr(registry_module, "entry_points", lambda group: [point] if group == "liversweep.layouts" else [])


def nothing(root: Path, globs: object) -> Inventory:
    return Inventory((), ())


def test_plug_ins_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = LayoutSpec("extra", "one more", nothing)
    plug_in(monkeypatch, spec)
    assert layouts() == (*LAYOUTS, spec)
    assert layout_named("extra") is spec


@pytest.mark.parametrize("thing", ["no spec", LayoutSpec("lits", "a second lits", nothing), ImportError("no module")])
def test_bad_plug_ins_are_named(monkeypatch: pytest.MonkeyPatch, thing: object) -> None:
    plug_in(monkeypatch, thing)
    with pytest.raises(ConfigError, match="extra"):
        layouts()
