"""Values given beside the file: read as YAML, addressed by name, and named where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweeps.spec.texts import SMALL, STAGED, load_text, problems_of


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
