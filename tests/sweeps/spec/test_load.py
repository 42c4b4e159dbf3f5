from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from liverseg.config import PlateauRule
from sweeps.errors import SpecError
from sweeps.spec import READY_MADE, Objective, init_spec, load_spec, ready_made, spec_from_resolved, summary_lines
from tests.sweeps.spec.texts import DOCUMENTED, SMALL, STAGED, load_text, problems_of


def test_the_documented_spec_loads_as_written(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, DOCUMENTED)
    spec = loaded.spec
    assert loaded.warnings == ()
    assert loaded.source_text == DOCUMENTED
    assert spec.data.root == str(Path("~/lits").expanduser().resolve())
    assert spec.prepare.size == (64, 128)
    assert spec.search.trials == 60
    assert spec.search.objectives == (Objective("val_dice", "maximize"),)
    assert spec.search.scheduler.kind == "asha"
    assert [dimension.name for dimension in spec.search.space] == [
        "learning_rate",
        "batch_size",
        "size",
        "window",
        "loss",
    ]
    rate = spec.search.space[0]
    assert (rate.kind, rate.low, rate.high, rate.log) == ("float", 1e-5, 1e-2, True)
    assert [choice.name for choice in spec.search.architectures] == [
        "unet",
        "unet_resnet18",
        "unet_resnet50",
        "segnet",
        "encoder_decoder",
    ]
    assert spec.search.architectures[0].dimensions[0].choices == (16, 32, 64)
    assert spec.trial.deadline_s == 7200.0


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    spec = load_text(tmp_path, "name: a\ndata: {root: x}\nsearch: {architectures: {unet: {}}}\n").spec
    assert spec.search.trials == 20
    assert spec.search.sampler == "tpe"
    assert spec.search.scheduler.kind == "none"
    assert spec.search.scheduler.grace_epochs is None
    assert spec.prepare.size == (128,)
    assert spec.train.epochs == 20
    assert spec.data.labels == ("liver", "tumour")
    assert spec.trial.deadline_s is None
    assert spec.trial.stall_s == 600.0
    assert (spec.keep.best, spec.keep.last, spec.keep.every, spec.keep.min_free_bytes) == (3, 1, 1, 10**9)


def test_the_licence_of_the_scans_is_free_text_that_reaches_the_resolved_spec(tmp_path: Path) -> None:
    spec = load_text(tmp_path, SMALL, 'data.license="CC BY-NC-ND 4.0, see ./LICENCE"').spec
    assert spec.resolved()["data"]["license"] == "CC BY-NC-ND 4.0, see ./LICENCE"
    assert "licence    CC BY-NC-ND 4.0, see ./LICENCE" in summary_lines(spec)
    assert load_text(tmp_path, SMALL).spec.resolved()["data"]["license"] is None
    (problem,) = problems_of(tmp_path, SMALL, "data.license=''")
    assert ": data.license" in str(problem)


@pytest.mark.parametrize(
    ("changes", "best", "min_free_bytes", "stall_s"),
    [
        (["keep.best=all", "keep.min_free=0", "trial.stall=off"], None, 0, None),
        (["keep.best=1", "keep.min_free=2GiB", "trial.stall=null"], 1, 2**31, None),
        (["keep.best=7", "keep.min_free=500MB", "trial.stall=1h30m"], 7, 5 * 10**8, 5400.0),
    ],
)
def test_limits_can_be_set_and_lifted_and_read_back_equal(
    tmp_path: Path, changes: list[str], best: int | None, min_free_bytes: int, stall_s: float | None
) -> None:
    loaded = load_text(tmp_path, SMALL, *changes)
    for spec in (loaded.spec, spec_from_resolved(json.loads(json.dumps(loaded.resolved())))):
        assert (spec.keep.best, spec.keep.min_free_bytes, spec.trial.stall_s) == (best, min_free_bytes, stall_s)


def test_a_resolved_spec_from_before_there_was_retention_loads(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, SMALL)
    plain = loaded.resolved()
    del plain["keep"], plain["trial"]["stall"]
    assert spec_from_resolved(plain) == loaded.spec


def test_the_summary_says_what_is_kept(tmp_path: Path) -> None:
    lines = summary_lines(load_text(tmp_path, SMALL, "keep.last=2", "trial.stall=off").spec)
    states = "2 states of a running trial, every 1 epoch"
    assert lines[-1] == f"keep       best 3 and the best of each architecture; {states}; 1 GB left free"
    assert lines[-2].endswith("no deadline, never stalled")
    everything = summary_lines(load_text(tmp_path, SMALL, "keep.best=all", "keep.min_free=0").spec)[-1]
    assert everything.startswith("keep       all trials; ") and everything.endswith("; no limit")


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        (["train.size=64"], (64,)),
        (["prepare.size=256"], (256,)),
        (["search.space={size: [96, 32]}"], (32, 96)),
        (["search.space={size: {int: [64, 192], step: 64}}"], (64, 128, 192)),
        (["search.architectures.unet={size: 64}"], (64, 128)),
    ],
)
def test_sizes_to_prepare_follow_from_the_space(tmp_path: Path, changes: list[str], sizes: tuple[int, ...]) -> None:
    assert load_text(tmp_path, SMALL, *changes).spec.prepare.size == sizes


def test_sizes_of_later_stages_are_prepared_too(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, STAGED, "stages.rates.space={size: [64, 128]}")
    assert loaded.spec.prepare.size == (64, 128)


def test_a_scheduler_may_be_a_word_or_a_mapping(tmp_path: Path) -> None:
    word = load_text(tmp_path, SMALL, "search.scheduler=asha").spec.search.scheduler
    mapping = load_text(tmp_path, SMALL, "search.scheduler={kind: asha, grace_epochs: 5}").spec.search.scheduler
    assert (word.grace_epochs, word.reduction_factor) == (2, 3)
    assert (mapping.grace_epochs, mapping.reduction_factor) == (5, 3)
    assert (
        load_text(tmp_path, SMALL, "search.scheduler=median", "train.epochs=1").spec.search.scheduler.grace_epochs == 1
    )


def test_sections_left_empty_take_their_defaults(tmp_path: Path) -> None:
    assert load_text(tmp_path, SMALL + "train:\ntrial:\n").spec.train.epochs == 20


@pytest.mark.parametrize("text", [DOCUMENTED, SMALL, STAGED], ids=["documented", "small", "staged"])
def test_resolved_values_are_json_and_read_back_equal(tmp_path: Path, text: str) -> None:
    loaded = load_text(tmp_path, text, "data.patient='P([0-9]+)'", "trial.memory=4GB")
    plain = json.loads(json.dumps(loaded.resolved(), allow_nan=False))
    assert plain["schema_version"] == 1
    again = spec_from_resolved(plain)
    assert again == loaded.spec
    assert again.resolved() == plain


def test_resolved_values_that_were_changed_are_refused(tmp_path: Path) -> None:
    plain = load_text(tmp_path, SMALL).resolved()
    with pytest.raises(SpecError, match=r"resolved.json: schema_version: impossible value; got 2; allowed: at most 1"):
        spec_from_resolved(plain | {"schema_version": 2})


def test_a_spec_travels_between_processes(tmp_path: Path) -> None:
    spec = load_text(tmp_path, STAGED).spec
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_the_spec_is_frozen(tmp_path: Path) -> None:
    spec = load_text(tmp_path, SMALL).spec
    with pytest.raises(ValueError, match="frozen"):
        spec.train.epochs = 3  # type: ignore[misc]
    hash(spec)


class TestPaths:
    def test_relative_paths_start_at_the_spec_file(self, tmp_path: Path) -> None:
        loaded = load_text(tmp_path, SMALL + "prepare: {cache: kept}\n")
        assert loaded.spec.data.root == str(tmp_path / "scans")
        assert loaded.spec.prepare.cache == str(tmp_path / "kept")

    def test_those_of_overrides_start_at_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        assert load_text(tmp_path, SMALL, "data.root=scans").spec.data.root == str(tmp_path / "here" / "scans")
        assert load_text(tmp_path, SMALL, "data={root: scans}").spec.data.root == str(tmp_path / "here" / "scans")

    def test_those_of_ready_made_specs_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert load_spec("quickstart").spec.data.root == str(tmp_path / "phantom")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SpecError) as caught:
            load_spec("quikstart")
        message = "quikstart: no such spec; allowed: a YAML file, or quickstart | study; did you mean 'quickstart'?"
        assert str(caught.value) == message
        assert caught.value.exit_code == 2

    def test_a_folder_is_not_a_spec(self, tmp_path: Path) -> None:
        with pytest.raises(SpecError, match="is a folder"):
            load_spec(tmp_path)


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


class TestPlateau:
    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("5", PlateauRule(epochs=5, gain=0.005, grace_epochs=10)),
            ("{epochs: 4, gain: 0.02, grace_epochs: 3}", PlateauRule(epochs=4, gain=0.02, grace_epochs=3)),
        ],
    )
    def test_a_number_or_more_words_say_when_a_curve_is_flat(
        self, tmp_path: Path, text: str, rule: PlateauRule
    ) -> None:
        loaded = load_text(tmp_path, SMALL, f"train.plateau={text}")
        assert loaded.spec.train.plateau is not None and loaded.spec.train.plateau.rule() == rule
        assert spec_from_resolved(loaded.spec.resolved()) == loaded.spec
        assert load_text(tmp_path, SMALL).spec.train.plateau is None

    @pytest.mark.parametrize("text", ["2", "true", "{gain: 0.1}", "{epochs: 5, gain: 0}", "{epochs: 5, grace: 3}"])
    def test_anything_else_is_refused(self, tmp_path: Path, text: str) -> None:
        (problem,) = problems_of(tmp_path, SMALL, f"train.plateau={text}")
        assert ": train.plateau" in str(problem)


class TestOverrides:
    def test_values_are_yaml(self, tmp_path: Path) -> None:
        loaded = load_text(
            tmp_path,
            SMALL,
            "search.trials=10",
            "train.learning_rate=1e-3",
            "search.objective=[val_dice, gflops]",
            "data.skip_bad=true",
        )
        assert loaded.spec.search.trials == 10
        assert loaded.spec.train.fixed[0].value == 1e-3
        assert loaded.spec.search.objective == ("val_dice", "gflops")
        assert loaded.spec.data.skip_bad is True
        assert loaded.source_text == SMALL

    def test_stages_are_addressed_by_name_or_number(self, tmp_path: Path) -> None:
        loaded = load_text(tmp_path, STAGED, "stages.rates.trials=3", "stages.1.sampler=random", "stages.1.trials=2")
        assert [stage.trials for stage in loaded.spec.stages] == [3, 2, 3]

    def test_what_the_file_has_wrong_can_be_set_right(self, tmp_path: Path) -> None:
        assert (
            load_text(tmp_path, SMALL.replace("trials: 4", "trials: four"), "search.trials=4").spec.search.trials == 4
        )

    def test_the_override_is_where_the_problem_is(self, tmp_path: Path) -> None:
        (problem,) = problems_of(tmp_path, SMALL, "search.trials=ten")
        assert str(problem) == "--set search.trials=ten: search.trials: wrong type; got 'ten'; allowed: a whole number"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("trials", "--set trials: not an override; got 'trials'; allowed: key=value, for example search.trials=10"),
            ("=3", "--set =3: not an override; got '=3'; allowed: key=value, for example search.trials=10"),
            ("name.first=3", "--set name.first=3: name: has no part called first; got 'small'; allowed: a mapping"),
            ("search.trials=[1", "--set search.trials=[1:1: broken YAML: expected ',' or ']', but got '<stream end>'"),
            ("search.trails=3", "--set search.trails=3: search.trails: unknown key"),
        ],
    )
    def test_bad_overrides(self, tmp_path: Path, text: str, message: str) -> None:
        (problem,) = problems_of(tmp_path, SMALL, text)
        assert str(problem).startswith(message)

    def test_an_unknown_stage_is_named(self, tmp_path: Path) -> None:
        (problem,) = problems_of(tmp_path, STAGED, "stages.batch.trials=3")
        assert "no such entry; got 'batch'; allowed: networks | batches | rates; did you mean 'batches'?" in str(
            problem
        )

    def test_all_bad_overrides_are_shown(self, tmp_path: Path) -> None:
        assert len(problems_of(tmp_path, SMALL, "a", "b")) == 2


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, sweeps.spec, sweeps.spec.space, sweeps.errors; sweeps.spec.load_spec('study'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"keras", "tensorflow", "ray", "pandas", "optuna", "torch", "matplotlib", "nibabel", "scipy"}
    assert not heavy & set(loaded)
