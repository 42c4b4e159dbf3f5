"""Attempts of fake trials, in this process, in a forked one, or as `python -m tests.sweeps.executor.attempts JSON`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sweeps.executor.session import TrialSession
from sweeps.executor.setting import TrialSetting
from sweeps.search.states import newest_state
from tests.sweeps.fake_trainer import FAKE

UID = "t0001"


def setting(sweep: Path, **changes: Any) -> TrialSetting:
    return TrialSetting(
        **{"sweep_folder": str(sweep), "labels": ("liver", "tumour"), "threads": 1, "trainer": FAKE} | changes
    )


def payload(parameters: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    usual = {"uid": UID, "architecture": "unet", "seed": 1, "epochs": 3, "attempt": 1, "state": None}
    return {**usual, "parameters": parameters or {"learning_rate": 2e-3}, **changes}


def run_trial(session: TrialSession) -> list[dict[str, Any]]:
    """All results of an attempt."""
    results = []
    try:
        while not results or not results[-1]["done"]:
            results.append(session.step())
    finally:
        session.close()
    return results


def attempt(sweep: Path, wanted: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """Run an attempt from the newest state that is there, as a resume would."""
    wanted = wanted or payload()
    state = newest_state(sweep, wanted["uid"])
    path = wanted["state"] or (state.path if state else None)
    return run_trial(TrialSession({**wanted, "state": path}, setting(sweep, **changes)))


def timeless(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what its step took."""
    return {name: value for name, value in result.items() if name != "times_s"}


def forked(work: Callable[[], None], limit_s: int = 30) -> int:
    """Do the work in a fork of this process: its exit status, negative for a signal; 98 when it raised."""
    child = os.fork()
    if child == 0:
        signal.alarm(limit_s)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(98)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def spawned(
    sweep: Path, wanted: dict[str, Any], environment: dict[str, str] | None = None, **changes: Any
) -> subprocess.Popen[str]:
    """An attempt in a fresh process that prints its results as JSON."""
    request = {"sweep": str(sweep), "payload": wanted, "changes": changes}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sweeps.executor.attempts", json.dumps(request)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )


def record(sweep: Path, name: str, uid: str = UID) -> dict[str, Any] | None:
    from sweeps import trial_files

    return trial_files.read_record(sweep / "trials" / uid, name)


def main() -> None:
    # Loaded while a trial runs, these would take a large part of a deadline of a second on a busy machine.
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    request = json.loads(sys.argv[1])
    print(json.dumps(attempt(Path(request["sweep"]), request["payload"], **request["changes"])))


if __name__ == "__main__":
    main()
