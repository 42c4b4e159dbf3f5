"""Rules that concern several parts of a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.spec import search_checks
from tests.sweeps.spec.texts import DOCUMENTED, SMALL, STAGED, load_text, problems_of


def messages(folder: Path, text: str, *overrides: str) -> list[str]:
    return [f"{problem.path}: {problem.what}" for problem in problems_of(folder, text, *overrides)]


class TestData:
    def test_pairs_needs_both_globs(self, tmp_path: Path) -> None:
        found = messages(tmp_path, SMALL, "data.layout=pairs")
        assert found == ["data.layout: layout pairs needs data.images", "data.layout: layout pairs needs data.masks"]
        load_text(tmp_path, SMALL, "data.layout=pairs", "data.images='*ct*'", "data.masks='*seg*'")

    @pytest.mark.parametrize("layout", ["lits", "auto"])
    def test_other_layouts_take_none(self, tmp_path: Path, layout: str) -> None:
        found = messages(tmp_path, SMALL, f"data.layout={layout}", "data.images='*ct*'")
        assert found == ["data.images: only layout pairs takes images"]

    @pytest.mark.parametrize("labels", ["[tumour]", "[tumour, liver]", "liver", "[]", "[liver, tumor]"])
    def test_labels_are_the_liver_with_or_without_tumours(self, tmp_path: Path, labels: str) -> None:
        assert messages(tmp_path, SMALL, f"data.labels={labels}") == ["data.labels: unknown labels"]

    @pytest.mark.parametrize(
        ("pattern", "what"),
        [
            ("'P[0-9]+'", "the pattern has 0 groups"),
            ("'(P)([0-9]+)'", "the pattern has 2 groups"),
            ("'(P'", "not a regular expression (missing ), unterminated subpattern at position 0)"),
            ("3", "not a regular expression (first argument must be string or compiled pattern)"),
        ],
    )
    def test_patient_patterns_have_one_group(self, tmp_path: Path, pattern: str, what: str) -> None:
        assert messages(tmp_path, SMALL, f"data.patient={pattern}") == [f"data.patient: {what}"]


class TestObjectives:
    @pytest.mark.parametrize("metric", ["dice_tumour_mean", "dice_global_tumour"])
    def test_tumours_must_be_labels_to_be_an_objective(self, tmp_path: Path, metric: str) -> None:
        found = messages(tmp_path, SMALL, "data.labels=[liver]", f"search.objective={metric}")
        assert found == ["search.objective: tumours are not among data.labels"]
        load_text(tmp_path, SMALL, "data.labels=[liver]", "search.objective=dice_liver_mean")

    def test_several_cannot_be_ended_early(self, tmp_path: Path) -> None:
        found = messages(tmp_path, SMALL, "search.objective=[val_dice, gflops]", "search.scheduler=asha")
        assert found == ["search.scheduler: scheduler asha works with one objective"]

    def test_several_are_not_for_cmaes(self, tmp_path: Path) -> None:
        found = messages(tmp_path, SMALL, "search.objective=[val_dice, gflops]", "search.sampler=cmaes")
        assert found == ["search.sampler: sampler cmaes works with one objective"]

    @pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "qmc"])
    def test_several_are_fine_for_others(self, tmp_path: Path, sampler: str) -> None:
        space = "search.space={learning_rate: {log: [1e-4, 1e-2]}}"
        loaded = load_text(tmp_path, SMALL, "search.objective=[val_dice, gflops]", f"search.sampler={sampler}", space)
        assert [item.direction for item in loaded.spec.search.objectives] == ["maximize", "minimize"]

    def test_no_stage_starts_from_the_best_of_several(self, tmp_path: Path) -> None:
        found = messages(tmp_path, STAGED, "search.objective=[val_dice, gflops]")
        assert found == ["search.objective: a stage cannot start from the best of several objectives"]


class TestGrid:
    def test_cannot_list_a_continuous_range(self, tmp_path: Path) -> None:
        space = "search.space={learning_rate: {log: [1e-4, 1e-2]}, weight_decay: {uniform: [0, 0.1]}}"
        found = messages(
            tmp_path, SMALL, "search.sampler=grid", space, "search.architectures.unet={batch_size: {log: [4, 8]}}"
        )
        assert found == [
            "search.space.learning_rate: the grid sampler cannot list a continuous range of learning_rate",
            "search.space.weight_decay: the grid sampler cannot list a continuous range of weight_decay",
            "search.architectures.unet.batch_size: the grid sampler cannot list a continuous range of batch_size",
        ]

    def test_runs_every_point_once(self, tmp_path: Path) -> None:
        text = SMALL.replace("  trials: 4\n", "  sampler: grid\n")
        space = "search.space={batch_size: {int: [4, 8], step: 2}, weight_decay: {uniform: [0, 0.1], step: 0.05}}"
        assert load_text(tmp_path, text, space).spec.search.trials == 2 * 3 * 3
        assert load_text(tmp_path, text, space, "search.architectures.unet={size: [64, 128]}").spec.search.trials == 27

    def test_may_be_run_in_part(self, tmp_path: Path) -> None:
        space = "search.space={batch_size: [2, 4, 8]}"
        assert load_text(tmp_path, SMALL, "search.sampler=grid", space).spec.search.trials == 4

    def test_has_no_more_points_than_it_has(self, tmp_path: Path) -> None:
        assert messages(tmp_path, SMALL, "search.sampler=grid") == [
            "search.trials: more trials than the grid has points"
        ]

    def test_is_not_larger_than_a_sweep_can_be(self, tmp_path: Path) -> None:
        space = "search.space={batch_size: {int: [1, 1000]}, size: {int: [32, 1024]}, augment_flip: [0, 1]}"
        assert messages(tmp_path, SMALL, "search.sampler=grid", space) == ["search.sampler: the grid is too large"]

    def test_of_a_stage(self, tmp_path: Path) -> None:
        found = messages(tmp_path, STAGED, "stages.rates.sampler=grid", "stages.batches.trials=9")
        assert sorted(found) == [
            "stages[1].trials: more trials than the grid has points",
            "stages[2].space.learning_rate: the grid sampler cannot list a continuous range of learning_rate",
        ]


class TestSizes:
    def test_one_prepared_size_is_the_size(self, tmp_path: Path) -> None:
        assert load_text(tmp_path, SMALL, "prepare.size=64").spec.prepare.size == (64,)

    def test_of_several_one_must_be_chosen(self, tmp_path: Path) -> None:
        found = messages(tmp_path, SMALL, "prepare.size=[64, 96]")
        assert found == ["prepare.size: several sizes are prepared and none is chosen"]
        load_text(tmp_path, SMALL, "prepare.size=[64, 96]", "train.size=96")
        load_text(tmp_path, SMALL, "prepare.size=[64, 128]")

    @pytest.mark.parametrize(
        ("override", "path"),
        [
            ("train.size=128", "train.size"),
            ("search.space={size: {int: [64, 128]}}", "search.space.size"),
            ("search.architectures.segnet={size: 128}", "search.architectures.segnet.size"),
        ],
    )
    def test_trials_use_prepared_ones(self, tmp_path: Path, override: str, path: str) -> None:
        assert messages(tmp_path, SMALL, "prepare.size=64", override) == [f"{path}: not prepared"]

    def test_so_do_later_stages(self, tmp_path: Path) -> None:
        found = messages(tmp_path, STAGED, "prepare.size=128", "stages.rates.space={size: [64, 128]}")
        assert found == ["stages[2].space.size: not prepared"]


class TestBudgets:
    def test_each_architecture_gets_a_trial(self, tmp_path: Path) -> None:
        assert messages(tmp_path, SMALL, "search.trials=1") == ["search.trials: fewer trials than architectures (2)"]
        load_text(tmp_path, SMALL, "search.trials=1", "search.per_architecture=joint")

    def test_in_stages_too(self, tmp_path: Path) -> None:
        override = "stages.rates.architectures=[unet, segnet, encoder_decoder]"
        found = messages(tmp_path, STAGED, override, "stages.rates.trials=2")
        assert found == ["stages[2].trials: fewer trials than architectures (3)"]

    def test_a_trial_fits_on_the_machine(self, tmp_path: Path) -> None:
        assert messages(tmp_path, SMALL, "trial.cpus=4", "cluster.cpus=2") == ["trial.cpus: no trial fits"]
        load_text(tmp_path, SMALL, "trial.cpus=2", "cluster.cpus=2", "trial.gpus=2.0")


class TestGpus:
    def test_more_than_one_for_a_training_is_a_warning(self, tmp_path: Path) -> None:
        assert load_text(tmp_path, SMALL, "trial.gpus=0.25").warnings == load_text(tmp_path, SMALL).warnings
        warned = load_text(tmp_path, SMALL, "trial.gpus=2").warnings
        assert warned[-1].startswith("trial.gpus: 2: a training uses one GPU, the others of a trial stand idle")


class TestFixedOrSampled:
    def test_not_both(self, tmp_path: Path) -> None:
        found = messages(tmp_path, SMALL, "train.loss=ce", "search.space={loss: [ce, dice]}")
        assert found == ["train.loss: loss stands in search.space too"]

    def test_a_later_stage_may_vary_what_train_fixes(self, tmp_path: Path) -> None:
        load_text(tmp_path, STAGED)

    def test_the_first_may_not(self, tmp_path: Path) -> None:
        found = messages(tmp_path, STAGED, "stages.networks.space={batch_size: [4, 8]}")
        assert found == ["train.batch_size: batch_size stands in search.space too"]


class TestStages:
    def test_the_first_starts_from_nothing(self, tmp_path: Path) -> None:
        found = messages(tmp_path, STAGED, "stages.0.from=best")
        assert found == ["stages[0].from: the first stage has no stage before it"]

    def test_many_are_too_many(self, tmp_path: Path) -> None:
        stages = "stages=[" + "{name: a}," * 21 + "]"
        (problem,) = problems_of(tmp_path, SMALL, stages)
        assert (problem.path, problem.what, problem.got, problem.allowed) == ("stages", "too many", "21", "at most 20")


class TestTorch:
    def test_gp_without_torch_says_how_to_get_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search_checks, "find_spec", lambda name: None)
        (problem,) = problems_of(tmp_path, SMALL, "search.sampler=gp")
        assert problem.next_step == "run `pip install 'liversweep[gp]'`, or choose tpe"
        load_text(tmp_path, SMALL, "search.sampler=tpe")

    def test_gp_with_torch_is_fine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search_checks, "find_spec", lambda name: object())
        assert load_text(tmp_path, SMALL, "search.sampler=gp").spec.search.sampler == "gp"


class TestWarnings:
    @pytest.mark.parametrize("sampler", ["cmaes", "qmc"])
    def test_samplers_of_numbers_draw_words_at_random(self, tmp_path: Path, sampler: str) -> None:
        space = "search.space={learning_rate: {log: [1e-4, 1e-2]}, weight_decay: {uniform: [0, 0.1]}, loss: [ce, dice]}"
        (warning,) = load_text(tmp_path, SMALL, f"search.sampler={sampler}", space).warnings
        assert warning == f"sampler {sampler} only models numbers; loss is drawn at random"

    def test_a_small_space_is_said(self, tmp_path: Path) -> None:
        text = SMALL.replace("trials: 4", "trials: 6")
        loaded = load_text(tmp_path, text, "search.architectures.unet={batch_size: [4, 8, 16]}")
        few = "segnet has only 1 parameter set for about 3 trials; none is trained twice"
        assert loaded.warnings == (f"{few}, so there will be 4 trials and not 6",)
        wide = load_text(tmp_path, text, "search.architectures.unet={learning_rate: {log: [1e-4, 1e-2]}}")
        assert wide.warnings == (f"{few}, and others get the trials that it leaves",)

    def test_a_documented_stage_has_none(self, tmp_path: Path) -> None:
        assert load_text(tmp_path, STAGED).warnings == ()

    def test_states_that_would_never_be_saved(self, tmp_path: Path) -> None:
        assert load_text(tmp_path, DOCUMENTED, "keep.every=20").warnings == ()
        warned = load_text(tmp_path, DOCUMENTED, "keep.every=21").warnings
        assert warned == ("keep.every (21) is more than train.epochs (20): a trial that crashes begins again",)
