from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from liverseg.config import PlateauRule
from sweeps.errors import SpecError
from sweeps.spec import Objective, load_spec, spec_from_resolved, summary_lines
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


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, sweeps.spec, sweeps.spec.space, sweeps.errors; sweeps.spec.load_spec('study'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"keras", "tensorflow", "ray", "pandas", "optuna", "torch", "matplotlib", "nibabel", "scipy"}
    assert not heavy & set(loaded)
