"""Workers for tests of the fleet."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liverseg.errors import DataError


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("not me")


@dataclass(frozen=True)
class Deadly:
    """A job that kills its worker.

    Attributes:
        name: by which it is told of.
    """

    name: str


class Worker:
    """Doubles numbers, tells of it twice, and does as it is told by words. Every one that is made leaves a file.

    Args:
        folder: where it leaves its pid.
    """

    def __init__(self, folder: Path) -> None:
        if folder.name == "damaged":
            raise DataError("the model is damaged", rule="M1", where=str(folder))
        (folder / f"made-{os.getpid()}").touch()
        self.folder = folder

    def __call__(self, job: Any, tell: Callable[[Any], None]) -> Any:
        tell(("begun", job))
        if job == "data":
            raise DataError("the scan is cut short", case="c", rule="N1", where="c.nii.gz")
        if job == "bug":
            raise ZeroDivisionError("divided")
        if job == "strange":
            raise Unpicklable("strange")
        if isinstance(job, Deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "hang":
            signal.pause()
        tell(("ended", job))
        return (os.getpid(), job * 2)


class NeverBegins:
    """Is killed while it loads."""

    def __init__(self, folder: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
