"""What a trial and the driver tell each other on disk, so that nothing depends on a process staying alive.

`params.json` is written by the driver before the trial starts. A worker signs `worker.json` when it begins an attempt and
touches `heartbeat` while batches go by. The trial rewrites `latest.json` after every epoch and writes `final.json` before
it reports for the last time; `failed.json` says why it gave up, `unstarted.json` why it did not begin. Each is replaced
whole. A file `stop` in the sweep's folder asks every trial to keep its state and end.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results.storage import write_atomic

SCHEMA_VERSION = 1
PARAMS, LATEST, FINAL, FAILED = "params.json", "latest.json", "final.json", "failed.json"
WORKER, UNSTARTED, HEARTBEAT, LOG = "worker.json", "unstarted.json", "heartbeat", "log.txt"
OVERLAYS = "overlays.npz"
STATES = "state"
RECORDS = (LATEST, FINAL, FAILED, WORKER, UNSTARTED, LOG)
"""What a trial says of itself, for the driver to judge by."""
STOP = "stop"
MESSAGE_LIMIT = 500

_TAIL_BYTES = 256 * 1024
# The mark of Python's own timer (`faulthandler`), and the beginning of the log's own lines.
_TIMER = re.compile(rb"^Timeout \(\d+:\d\d:\d\d[.\d]*\)!$", re.MULTILINE)
_OWN_LINE = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.MULTILINE)


def write_record(folder: Path, name: str, payload: Mapping[str, Any]) -> None:
    """Replace `folder/name` by `payload` as JSON; NaN and infinities become null."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / name, record_bytes(payload))


def record_bytes(payload: Mapping[str, Any]) -> bytes:
    """The content of a record."""
    text = json.dumps(finite({"schema_version": SCHEMA_VERSION, **payload}), indent=1, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """The record, or None when the trial has not written it. Records are replaced whole, so a present one is complete."""
    try:
        record: dict[str, Any] = json.loads((folder / name).read_bytes())
    except FileNotFoundError:
        return None
    record.pop("schema_version", None)
    return record


def write_failure(
    folder: Path,
    kind: str,
    message: str,
    *,
    epochs: int,
    seconds: float,
    times_s: Mapping[str, float] | None = None,
) -> None:
    """Say why the trial gave up, in one line; and where the attempt's time went, if the trial itself can tell."""
    line = " ".join(message.split())[:MESSAGE_LIMIT]
    told = {} if times_s is None else {"times_s": times_s}
    record = {"kind": kind, "message": line, "epochs": epochs, "seconds": round(seconds, 3)}
    write_record(folder, FAILED, {**record, **told})


def hung(folder: Path) -> bool:
    """Whether the trial's process was ended by Python's own timer because it hung.

    That timer strikes when the process is so stuck that it cannot write `failed.json`: it can only put the stacks of its
    threads at the end of the trial's log.
    """
    try:
        with (folder / LOG).open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
            tail = stream.read()
    except FileNotFoundError:
        return False
    marks = list(_TIMER.finditer(tail))
    return bool(marks) and _OWN_LINE.search(tail, marks[-1].end()) is None


def finite(value: Any) -> Any:
    """The value with every NaN or infinite float replaced by None, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
