"""How long `liversweep --help` takes, against importing Typer alone.

    python -m tests.benchmarks.bench_startup [--rounds 9] [--json FILE]

Whole processes in pairs, A B A B …; CPU-seconds of the child as the system counts them; medians and the median ratio.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

TARGET = 3.0


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(rounds: int) -> dict[str, float]:
    """Medians of both commands and of their ratio pair by pair."""
    command = [str(Path(sys.executable).with_name("liversweep")), "--help"]
    baseline = [sys.executable, "-c", "import typer"]
    pairs = [(cpu_seconds(command), cpu_seconds(baseline)) for _ in range(rounds + 1)][1:]
    return {
        "help_cpu_s": statistics.median(a for a, _ in pairs),
        "typer_cpu_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
        "target": TARGET,
        "rounds": rounds,
    }


def main() -> None:
    """Measure and print; with `--json FILE` also write."""
    parser = argparse.ArgumentParser(description="start of the command line")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.rounds)
    print(f"liversweep --help {found['help_cpu_s']:.3f} CPU-s, import typer {found['typer_cpu_s']:.3f} CPU-s, "
          f"ratio {found['ratio']:.2f} (goal: at most {TARGET:g})")  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
