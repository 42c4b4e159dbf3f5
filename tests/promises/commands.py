"""The commands that read a sweep's folder, `NAME` standing for the sweep."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from unittest import mock

from tests.sweeps.cli_runs import Result

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("show", "NAME"),
    ("show", "NAME", "--factors"),
    ("show", "NAME", "--json"),
    ("show", "NAME", "--trial", "t0000"),
    ("show", "NAME", "--time"),
    ("show", "NAME", "--time", "--json"),
    ("report", "NAME"),
    ("compare", "NAME", "--against", "study"),
    ("compare", "NAME", "--against", "study", "--json"),
    ("watch", "NAME", "--once"),
    ("watch", "NAME", "--once", "--json"),
    ("dashboard", "NAME"),
    ("dashboard", "NAME", "--json"),
    ("list",),
    ("list", "--json"),
    ("resume", "NAME"),
)
# `extend` and `retry` read what `resume` reads; `run` and `stop` take a sweep's name and read nothing that is there; `test`
# reads what `resume` reads, and the kept weights: see `tests/sweeps/test_opening.py`; `export` likewise, see
# `tests/sweeps/handover` and `test_hand_over.py`.
OTHERS = frozenset({"export", "extend", "retry", "run", "stop", "test"})


def named(command: tuple[str, ...], name: str) -> tuple[str, ...]:
    """A command for one sweep."""
    return tuple(name if word == "NAME" else word for word in command)


def said(*words: str, cwd: Path) -> Result:
    """What the installed command's entry point says and returns, called in this process: it takes a tenth of the time."""
    from sweeps.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["liversweep", *words]),
        mock.patch.dict(os.environ),  # a command may set variables for its compute backend
    ):
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))
    assert isinstance(code, int)
    return Result(code, *texts)


def refusal(result: Result) -> str:
    """The message of a run that was refused as every mistake must be: exit code 1 or 2, one message, nothing on stdout."""
    assert result.code in (1, 2), result
    assert "Traceback" not in result.err and result.out == "", result
    assert result.err.startswith("error: "), result
    return result.err
