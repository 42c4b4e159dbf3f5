"""The command `liversweep` without scans and networks, on the Ray that the job brings; all else is real.

`python -m tests.cluster.slurm.fake_liversweep run spec.yaml …`. Every epoch is noted in the file `FAKE_PLACES` with the
name of the machine that trained it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sweeps.engine
import sweeps.fork
import sweeps.resume
import sweeps.run
from cluster.select import connect
from liverseg.training.record import EpochRecord
from sweeps.cohort import Cohort
from sweeps.executor.setting import TrialSetting
from sweeps.folder import SweepFolder
from sweeps.interrupt import Interrupts
from sweeps.prepare import Prepared
from sweeps.spec import Spec
from sweeps.workplace import Workplace, ray_config, slots_of
from tests.crash import fake_command
from tests.sweeps.fake_trainer import FakeRun


class NotingRun(FakeRun):
    """A training that notes where it runs."""

    def run_epoch(self, on_batch: Callable[[int], None] | None = None) -> EpochRecord:
        record = super().run_epoch(on_batch)
        with Path(os.environ["FAKE_PLACES"]).open("a") as places:
            rate = self.config.get("learning_rate")
            places.write(f"{socket.gethostname()} {self.config.architecture} {rate} {record.epoch}\n")
        return record


@contextlib.contextmanager
def workplace(spec: Spec, cohort: Cohort, reporter: Any, interrupts: Interrupts, home: str) -> Iterator[Workplace]:
    with connect(ray_config(spec, 0), environment={"OMP_NUM_THREADS": "1"}):
        interrupts.install()
        interrupts.check()
        yield Workplace(spec, Prepared(({},), 0, 0), slots_of(spec))


def setting(place: Workplace, folder: SweepFolder) -> TrialSetting:
    return replace(fake_command.fake_setting(place, folder), trainer="tests.cluster.slurm.fake_liversweep:NotingRun")


if __name__ == "__main__":
    from sweeps.cli import main

    fake_command.install()
    for module in (sweeps.run, sweeps.resume, sweeps.fork):
        module.workplace = workplace  # type: ignore[attr-defined]
    sweeps.engine.trial_setting = setting  # type: ignore[assignment]
    main()
