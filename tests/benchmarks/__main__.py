"""`make bench`: every benchmark in turn, tables on the screen, figures in tests/benchmarks/out/*.json.

    python -m tests.benchmarks [--quick] [NAME ...]

With `--quick` the longest, `rivals`, runs one round instead of three: then its figures are no medians.

One process a benchmark, one after the other: what one leaves in memory must not count against the next.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = (
    "startup",
    "prepare",
    "handover",
    "packs",
    "table",
    "statistics",
    "training",
    "threads",
    "evaluate",
    "postprocess",
    "sweep",
    "scale",
    "sampler",
    "wasted",
    "rivals",
)
QUICK = "--quick"
KNOW_QUICK = ("rivals",)


def main() -> int:
    """Run the benchmarks named on the command line, or all."""
    folder = Path(__file__).parent / "out"
    folder.mkdir(exist_ok=True)
    worst = 0
    wanted = [word for word in sys.argv[1:] if word != QUICK]
    for name in wanted or NAMES:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.bench_{name}", "--json", str(folder / f"{name}.json")]
        if QUICK in sys.argv[1:] and name in KNOW_QUICK:
            command.append(QUICK)
        worst = max(worst, subprocess.run(command, check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
