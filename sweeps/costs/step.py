"""One real training step, in a process of its own, so that its memory is that network's alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from sweeps.spec import Spec
from sweeps.spec.space import split_parameters
from sweeps.workplace import worker_environment

PROBE_BATCH = 4
PROBE_TIMEOUT_S = 600


def measured_step(spec: Spec, name: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    """One step of an architecture with these parameters, at `PROBE_BATCH` slices a batch.

    Returns:
        The fields of `liverseg.training.probe.StepCost`, or `error` alone, which says why there are none.

    Raises:
        subprocess.TimeoutExpired: it took longer than `PROBE_TIMEOUT_S`.
    """
    options, parameters = split_parameters(name, setting)
    request = {
        "architecture": name,
        "options": options,
        "parameters": {**parameters, "batch_size": PROBE_BATCH},
        "labels": list(spec.data.labels),
        "threads": spec.trial.cpus,
        "gpu": bool(spec.trial.gpus),
    }
    process = subprocess.run(
        [sys.executable, "-m", "liverseg.training.probe"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=PROBE_TIMEOUT_S,
        env={**os.environ, **worker_environment(spec)},
        check=False,
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        return {"error": f"the step did not run: {last[0]}"}
    answer: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return answer
