"""`liversweep plan` on memory, with a step that is not run but stands here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer.testing

from liverseg.training import native_bfloat16
from sweeps.cli.app import app
from sweeps.costs import estimate
from sweeps.errors import UsageError
from tests.sweeps.costs.test_estimate import STEP
from tests.sweeps.test_bad_input import scans

SPEC = """\
name: small
data: {root: scans, split: {test: 0.0, validation: 0.4}}
search:
  trials: 2
  space: {batch_size: [4, 32]}
  architectures: {encoder_decoder: {base_filters: 4}}
train: {epochs: 1, size: 32}
cluster: {kind: local, cpus: 1}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scans(tmp_path / "scans", 3)
    (tmp_path / "small.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVERSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(estimate, "measured_step", lambda *_: dict(STEP))
    return tmp_path


def plan(*arguments: str) -> typer.testing.Result:
    return typer.testing.CliRunner().invoke(app, ["plan", "small.yaml", *arguments])


def test_what_cannot_fit_is_told_and_is_no_error_while_something_does(place: Path) -> None:
    words = plan("--set", "trial.memory=1GB")
    assert words.exit_code == 0, words.output
    text = " ".join(words.stdout.split())
    assert "memory: a trial may have 1.0 GB (trial.memory)" in text
    assert "encoder_decoder: batch_size 32, size 32, base_filters 4 needs about 2.0 GB, a trial has 1.0 GB" in text
    assert "1 of 2 combinations cannot fit, from batch_size 32 on" in text
    document = json.loads(plan("--set", "trial.memory=1GB", "--json").stdout)
    assert document["architectures"][0]["fit"]["unfit"] == 1 and len(document["misfits"]) == 1


@pytest.mark.parametrize(
    ("computes", "given", "said"), [(False, "true", 1), (False, "[false, true]", 1), (True, "true", 0)]
)
def test_it_is_said_when_this_machine_emulates_mixed_precision(
    place: Path, monkeypatch: pytest.MonkeyPatch, computes: bool, given: str, said: int
) -> None:
    monkeypatch.setattr(native_bfloat16, "cpu_computes_bfloat16", lambda: computes)
    wanted = plan("--set", f"search.space.mixed_precision={given}")
    assert wanted.exit_code == 0 and wanted.stderr.count("mixed_precision gains no speed here") == said


def test_an_architecture_of_which_nothing_fits_is_a_wrong_spec_and_the_plan_is_shown_all_the_same(place: Path) -> None:
    result = plan("--set", "trial.memory=300MB", "--json")
    assert isinstance(result.exception, UsageError) and result.exception.exit_code == 2
    assert "encoder_decoder" in str(result.exception) and "Traceback" not in result.output
    assert json.loads(result.stdout)["architectures"][0]["fit"]["unfit"] == 2
