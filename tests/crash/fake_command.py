"""The command `liversweep` with a fake trainer and no scans: everything else is real, Ray included.

`python -m tests.crash.fake_command run spec.yaml …`. Pauses and curves: see `tests.sweeps.fake_trainer`; faults: see
`tests.sweeps.faults`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sweeps.engine
import sweeps.fork
import sweeps.resume
import sweeps.run
from cluster.config import LocalConfig
from cluster.local import local_ray
from cluster.nodes import slots_for
from liverseg.data import Split
from sweeps.cohort import Cohort
from sweeps.executor.setting import TrialSetting
from sweeps.folder import SweepFolder
from sweeps.interrupt import Interrupts
from sweeps.prepare import Prepared
from sweeps.spec import Spec
from sweeps.workplace import Workplace
from tests.sweeps.fake_trainer import FAKE

MIB = 1024**2


def no_scans(spec: Spec, reporter: Any) -> Cohort:
    split = Split(train=("pt-1", "pt-2"), validation=("pt-3",), test=(), fingerprint="0" * 16, folds=())
    return Cohort((), split, (), ())


@contextlib.contextmanager
def workplace(spec: Spec, cohort: Cohort, reporter: Any, interrupts: Interrupts, home: str) -> Iterator[Workplace]:
    config = LocalConfig(cpus=spec.cluster.cpus, gpus=0, object_store_bytes=80 * MIB, **_in_memory())
    with local_ray(config, environment={"OMP_NUM_THREADS": "1"}) as resources:
        interrupts.install()
        interrupts.check()
        slots = slots_for([resources], cpus=spec.trial.cpus, gpus=0)
        yield Workplace(spec, Prepared(({},), 0, 0), slots)


def _in_memory() -> dict[str, Any]:
    """Ray's own files where those of the tests are, see `tests/conftest.py`: a disk would be waited for."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    return {"temp_root": root} if root else {}


def fake_setting(place: Workplace, folder: SweepFolder) -> TrialSetting:
    spec = place.spec
    return TrialSetting(
        sweep_folder=str(folder.path.resolve()),
        labels=tuple(spec.data.labels),
        threads=1,
        updates=spec.train.updates,
        early_stopping=spec.train.early_stopping,
        plateau=spec.train.plateau.rule() if spec.train.plateau else None,
        deadline_s=spec.trial.deadline_s,
        stall_s=spec.trial.stall_s,
        memory_bytes=spec.trial.memory_bytes,
        objectives=tuple(item.metric for item in spec.search.objectives),
        keep_last=spec.keep.last,
        save_every=spec.keep.every,
        trainer=FAKE,
        store=folder.ferry.uri,
    )


def install() -> None:
    """Put the fakes in place of scans, preparation and training."""
    for module in (sweeps.run, sweeps.resume, sweeps.fork):
        module.checked_cohort = no_scans  # type: ignore[attr-defined]
        module.workplace = workplace  # type: ignore[attr-defined]
    for module in (sweeps.run, sweeps.fork):
        module.baseline = lambda place: {}  # type: ignore[attr-defined]
    sweeps.engine.trial_setting = fake_setting  # type: ignore[assignment]


SPEC = """\
name: fake
data: {{root: {root}, split: {{test: 0, validation: 0.4}}}}
search:
  trials: {trials}
  sampler: {sampler}
  scheduler: {scheduler}
  space: {{learning_rate: {{log: [1.0e-5, 1.0e-2]}}}}
  architectures: {{unet: {{base_filters: 4}}, segnet: {{base_filters: 4}}}}
train: {{epochs: {epochs}, size: 32}}
cluster: {{cpus: {cpus}}}
"""


def write_spec(folder: Path, **values: Any) -> Path:
    """A spec in `folder/spec.yaml` for this command."""
    known = {"trials": 6, "sampler": "tpe", "scheduler": "asha", "epochs": 4, "cpus": 2, "root": folder}
    path = folder / "spec.yaml"
    path.write_text(SPEC.format_map(known | values) + str(values.get("more", "")))
    return path


if __name__ == "__main__":
    from sweeps.cli import main

    install()
    main()
