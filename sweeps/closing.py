"""What a command did after it had closed the ledger: the end of Ray, the reports. It is in `closing.json`, not in the ledger.

Reports are made from the ledger alone, and must be the same whenever they are made: so no report reads this file.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

from results.errors import ResultsError
from results.storage import write_atomic
from sweeps.command_clock import command_clock, process_age_s
from sweeps.folder import SweepFolder

CLOSING = "closing.json"
SCHEMA_VERSION = 1


def write_closing(folder: SweepFolder) -> None:
    """Write down the seconds since this command closed the ledger; nothing if it did not.

    Nobody needs them but who looks where the time went, so a disk or a store that refuses them is no failure of the sweep.
    """
    clock = command_clock()
    if clock is None or clock.closed is None:
        return
    with suppress(OSError, ResultsError):
        known = read_closing(folder) | {clock.run: round(process_age_s() - clock.closed, 3)}
        runs = {str(run): {"seconds": seconds} for run, seconds in sorted(known.items())}
        document = {"schema_version": SCHEMA_VERSION, "runs": runs}
        write_atomic(folder.inside(folder.file(CLOSING)), json.dumps(document, indent=1).encode() + b"\n")
        folder.send(CLOSING)


def read_closing(folder: SweepFolder) -> dict[int, float]:
    """Seconds between the end of the ledger and the end of the command, by run; without runs of which they are not known.

    A file that says something else says nothing.

    Raises:
        ResultsError: the file is a link that leads out of the folder, or the store does not answer.
    """
    folder.fetch(CLOSING)
    try:
        document: Any = json.loads(folder.inside(folder.file(CLOSING)).read_bytes())
        found = {int(run): float(facts["seconds"]) for run, facts in document["runs"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return {}
    return {run: seconds for run, seconds in found.items() if 0 <= seconds < math.inf}
