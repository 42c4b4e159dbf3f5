"""Ray Tune's view of a trial, without Ray running."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sweeps.errors import SweepError
from sweeps.trial_files import UNSTARTED
from tests.sweeps.executor.attempts import payload, record, setting


def test_a_worker_full_of_old_memory_is_not_used_again(tmp_path: Path) -> None:
    from sweeps.executor.trial import Trial

    trial = Trial.__new__(Trial)
    trial.setup({"trial": payload(uid="first")}, setting(tmp_path, memory_bytes=10**12))
    assert trial.reset_config({"trial": payload(uid="second")})
    trial._setting = setting(tmp_path, memory_bytes=1000)
    with pytest.raises(SweepError, match="still holds"):
        trial.reset_config({"trial": payload(uid="third", attempt=4)})
    refused = record(tmp_path, UNSTARTED, "third")
    assert refused is not None and refused["attempt"] == 4 and "still holds" in refused["message"]


def test_a_setting_travels(tmp_path: Path) -> None:
    before = setting(tmp_path, stall_s=None, keep_last=2)
    assert pickle.loads(pickle.dumps(before)) == before
    assert before.trial_folder("t1") == tmp_path / "trials" / "t1"
