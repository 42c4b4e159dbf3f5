"""One notebook a network: each is a fresh Python that imports TensorFlow and trains its settings one after the other.

    python -m tests.benchmarks.rivals.notebook FOLDER              # all, one process after the other; writes result.json
    python -m tests.benchmarks.rivals.notebook FOLDER NETWORK      # one of them; rows on stdout

A run of all cells with all threads. Between notebooks nobody is waited for, as a person would have to be.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.rivals.material import Arrays
from tests.benchmarks.rivals.workloads import Work


def cells(folder: Path, network: str) -> list[dict[str, Any]]:
    """What the notebook of one network computes."""
    from tests.benchmarks.rivals.keras_trial import set_up, train

    work, arrays = Work.read(folder / "work.json"), Arrays.read(folder)
    set_up(work.slots)
    return [train(work, arrays, network, rate, lambda epoch, dice: None) for rate in work.learning_rates]


def main() -> None:
    """One notebook, or all of them."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        print(json.dumps(cells(folder, sys.argv[2])))
        return
    began, rows = time.perf_counter(), []
    for network in Work.read(folder / "work.json").networks:
        command = [sys.executable, "-m", "tests.benchmarks.rivals.notebook", str(folder), network]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows += json.loads(done.stdout.strip().splitlines()[-1])
    found = {"search_s": time.perf_counter() - began, "trials": rows}
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
