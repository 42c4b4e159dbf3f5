"""Ledgers that somebody tampered with: every line with a right number and a right checksum, and something wrong in it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results.ledger_line import ENVELOPE, encode
from tests.results.ledger_factory import FakeLedger

Change = Callable[[str, dict[str, Any]], object]


def tampered(ledger: FakeLedger, change: Change) -> FakeLedger:
    """The ledger after `change(event, payload)` has had its way with every payload."""
    changed = FakeLedger()
    for line in ledger.lines:
        record = json.loads(line)
        payload = {key: value for key, value in record.items() if key not in ENVELOPE}
        change(record["event"], payload)
        changed.lines.append(encode(record["seq"], record["time"], record["event"], payload))
    return changed


def replaced(ledger: FakeLedger, old: str, new: str) -> FakeLedger:
    """The ledger with `old` replaced by the raw JSON text `new`: for what the writer would never let through."""
    changed = FakeLedger()
    for line in ledger.lines:
        body = line[: line.rindex(b',"crc":')].replace(old.encode(), new.encode()) + b"}"
        changed.lines.append(b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body)))
    return changed


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: content of files, targets of links, and `folder` for folders."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        content = path.readlink().as_posix() if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
        found[path.relative_to(folder).as_posix()] = content
    return found
