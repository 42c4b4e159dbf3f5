"""The command of a submitted job with a fake trainer and no scans: the cluster, the job and the ledger are real.

`python -m tests.sweeps.remote.fake_job` is what the job runs; `… fake_job submit` instead of `liversweep cluster submit` sends it
there, and the tests' own package with it. While the file `FAKE_PLACE/pause` exists, an epoch takes so many seconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import sweeps
import sweeps.fork
import sweeps.remote.submission
import sweeps.resume
import sweeps.run
from cluster.select import connect
from sweeps.cohort import Cohort
from sweeps.interrupt import Interrupts
from sweeps.prepare import Prepared
from sweeps.remote.parcel import PACKAGES, make_parcel
from sweeps.spec import Spec
from sweeps.workplace import Workplace, ray_config, slots_of
from tests.crash import fake_command

MODULE = "tests.sweeps.remote.fake_job"


@contextlib.contextmanager
def workplace(spec: Spec, cohort: Cohort, reporter: Any, interrupts: Interrupts, home: str) -> Iterator[Workplace]:
    with connect(ray_config(spec, 0), environment={"OMP_NUM_THREADS": "1", "FAKE_PAUSE_S": _pause()}):
        interrupts.install()
        interrupts.check()
        yield Workplace(spec, Prepared(({},), 0, 0), slots_of(spec))


def _pause() -> str:
    path = Path(os.environ["FAKE_PLACE"], "pause")
    return path.read_text() if path.exists() else "0"


def sending() -> contextlib.AbstractContextManager[Any]:
    """Within the block, `cluster submit` sends this program."""
    with_tests = partial(make_parcel, packages=(*PACKAGES, "tests"))
    return mock.patch.multiple(sweeps.remote.submission, make_parcel=with_tests, MODULE=MODULE)


def _run() -> None:
    from sweeps.cli import main

    fake_command.install()
    for module in (sweeps.run, sweeps.resume, sweeps.fork):
        module.workplace = workplace  # type: ignore[attr-defined]
    sys.stderr.write(f"the program is in {Path(sweeps.__file__).parents[1]}\n")
    main()


def _submit() -> None:
    from sweeps.cli import main

    sys.argv[1:1] = ["cluster"]
    with sending():
        main()


if __name__ == "__main__":
    _submit() if sys.argv[1] == "submit" else _run()
