"""The specs that ship, and the one that is written for a beginner."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from sweeps.spec import READY_MADE, init_spec, load_spec, ready_made, summary_lines
from tests.sweeps.spec.texts import load_text


class TestReadyMade:
    def test_quickstart_ends_trainings_that_fall_behind(self) -> None:
        spec = load_spec("quickstart").spec
        assert (spec.search.scheduler.kind, spec.search.scheduler.grace_epochs) == ("asha", 4)
        assert spec.search.scheduler.grace_epochs < spec.train.epochs
        # Its curves wait at the Dice of the liver alone before tumours are found: flat, and not at their end.
        assert spec.train.plateau is None and spec.train.early_stopping is None

    @pytest.mark.parametrize("name", READY_MADE)
    def test_loads_without_a_warning(self, name: str) -> None:
        loaded = load_spec(name)
        assert loaded.path is None
        assert loaded.warnings == ()
        assert loaded.spec.name == name
        assert summary_lines(loaded.spec)

    def test_quickstart_compares_the_five_networks_of_the_study_at_small_width(self) -> None:
        spec = load_spec("quickstart").spec
        widths = {choice.name: choice.dimensions[0].value for choice in spec.search.architectures}
        assert set(widths) == {"unet", "unet_resnet18", "unet_resnet50", "segnet", "encoder_decoder"}
        assert max(widths.values()) <= 8
        assert spec.prepare.size == (96,)

    def test_study_is_the_studys_protocol(self) -> None:
        spec = load_spec("study").spec
        assert {dimension.name: dimension.value for dimension in spec.train.fixed} == {
            "learning_rate": 1e-4,
            "batch_size": 16,
            "size": 128,
            "window": "study",
            "loss": "ce",
            "optimizer": "adam",
        }
        assert (spec.train.epochs, spec.train.seed, spec.prepare.fit) == (20, 42, "crop")
        assert [(stage.name, stage.trials, stage.sampler) for stage in spec.stages] == [
            ("architectures", 5, "grid"),
            ("batch-size", 3, "grid"),
            ("learning-rate", 3, "grid"),
            ("resolution", 3, "grid"),
        ]
        assert all(not choice.dimensions for choice in spec.search.architectures)


class TestInit:
    def test_writes_a_spec_that_loads(self, tmp_path: Path) -> None:
        path = init_spec(tmp_path / "new.yaml", 'my "scans" #1')
        assert load_spec(path).spec.data.root == str(tmp_path / 'my "scans" #1')

    def test_never_overwrites(self, tmp_path: Path) -> None:
        path = tmp_path / "new.yaml"
        path.write_text("mine")
        with pytest.raises(SpecError, match="the file exists; choose another name"):
            init_spec(path)
        assert path.read_text() == "mine"

    def test_a_missing_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SpecError, match="cannot be written; got No such file or directory"):
            init_spec(tmp_path / "no" / "new.yaml")

    def test_what_the_template_leaves_as_a_comment_loads_too(self, tmp_path: Path) -> None:
        lines = ready_made("template").splitlines()
        wanted = (
            "# size:",
            "# patient:",
            "# license:",
            "# skip_bad:",
            "# reviews:",
            "# augment_rotate_deg:",
            "# updates:",
            "# early_stopping:",
            "# plateau: 5",
            "# stall:",
            "# memory:",
        )
        keep = lines.index(next(line for line in lines if line.startswith("# keep:")))
        stages = lines.index(next(line for line in lines if line.startswith("# stages:")))
        text = "\n".join(
            line.replace("# ", "", 1)
            if line.strip().startswith(wanted) or keep <= index < keep + 5 or index >= stages
            else line
            for index, line in enumerate(lines)
        )
        loaded = load_text(tmp_path, text.replace("size: [64, 128]  ", "size: [64, 128, 192]  "))
        assert loaded.spec.train.early_stopping == 5
        assert loaded.spec.train.plateau is not None and loaded.spec.train.plateau.rule().first_epoch == 10
        commented = load_text(tmp_path, ready_made("template")).spec
        assert {"best", "last", "every", "min_free_bytes"} <= loaded.spec.keep.model_fields_set
        assert (loaded.spec.keep, loaded.spec.trial.stall_s) == (commented.keep, commented.trial.stall_s)
        assert [stage.name for stage in loaded.spec.stages] == ["architectures", "resolution"]
