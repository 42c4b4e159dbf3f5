from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sweeps.costs.step import PROBE_BATCH, PROBE_TIMEOUT_S, measured_step
from tests.sweeps.costs.test_estimate import SPEC
from tests.sweeps.spec.texts import load_text


class Process:
    """In the place of `subprocess.run`: answers as told, and keeps how it was called."""

    def __init__(self, returncode: int, stdout: str, stderr: str) -> None:
        self._answer = returncode, stdout, stderr
        self.how: dict[str, Any] = {}

    def __call__(self, command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        self.how = how | {"command": command}
        return subprocess.CompletedProcess(command, *self._answer)


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    process = Process(*answer)
    monkeypatch.setattr("sweeps.costs.step.subprocess.run", process)
    setting = {"base_filters": 16, "batch_size": 32, "size": 64}
    return measured_step(load_text(tmp_path, SPEC).spec, "unet", setting), process.how


def test_a_step_is_asked_for_with_its_own_batch_and_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, how = measured(tmp_path, monkeypatch, 0, 'a line of a library\n{"step_s": 0.5}\n', "")
    assert found == {"step_s": 0.5}
    request = json.loads(how["input"])
    assert request["architecture"] == "unet" and request["options"] == {"base_filters": 16}
    assert request["parameters"] == {"batch_size": PROBE_BATCH, "size": 64}
    assert (request["threads"], request["gpu"], request["labels"]) == (1, False, ["liver", "tumour"])
    assert how["timeout"] == PROBE_TIMEOUT_S and how["command"][1:] == ["-m", "liverseg.training.probe"]


@pytest.mark.parametrize(("stderr", "why"), [("first\nKilled\n", "Killed"), ("", "exit code -9")])
def test_a_step_that_did_not_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, why: str
) -> None:
    found, _ = measured(tmp_path, monkeypatch, -9, "", stderr)
    assert found == {"error": f"the step did not run: {why}"}
